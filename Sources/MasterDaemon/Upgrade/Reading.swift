//===----------------------------------------------------------------------===//
// Quartermaster: the configuration that a program goes on with when it takes over
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import MasterConfig
import MasterPolicy

/// Why a program cannot take over.
struct TakeOverFailure: Error { let reason: String }

/// A configuration that was found good, and main.cf as it was read for it.
struct Reading {
    let model: Model
    let main: AcceptedMainConfig
    /// Warnings, for the log.
    var findings: [ConfigProblem] = []

    /// The files as they are now: for the new program. Names mean what they meant to its trial: nobody is served before
    /// this is done, so no name service is waited for.
    static func ofFiles(_ handover: Handover, _ log: Log) throws(TakeOverFailure) -> Reading {
        // The trial has waited until it was settled.
        guard mainConfigPause(directory: handover.frozen.configDirectory) == nil else {
            throw TakeOverFailure(reason: "main.cf was edited after the trial")
        }
        let names = NameBook(.noting)
        for line in handover.names where names.add(line: line) == .noAnswer {
            throw TakeOverFailure(reason: "the trial has left no answer: \(line)")
        }
        var builder = ModelBuilder(
            configDirectory: handover.frozen.configDirectory,
            processName: handover.processName,
            for: .reload(handover.frozen),
            names: names,
            log: log
        )
        let model = builder.build()
        if let name = names.open.first {
            let reason = "the configuration has a name that it did not have at the trial: \(name.text)"
            throw TakeOverFailure(reason: reason)
        }
        guard let model else {
            let first = builder.findings.first { $0.severity == .fatal }
            throw TakeOverFailure(reason: first?.logged ?? "the configuration is incomplete")
        }
        let warnings = builder.findings.filter { $0.severity == .warning }
        return Reading(model: model, main: builder.acceptedMain, findings: warnings)
    }

    /// What was accepted before, without a look at the files, which may be broken by now: for the program that ran
    /// before.
    static func ofHandover(_ handover: Handover) throws(TakeOverFailure) -> Reading {
        let directory = handover.frozen.configDirectory
        let main = AcceptedMainConfig(directory: directory, bytes: handover.acceptedMain)
        var loaded = loadedMainConfig(of: main, processName: handover.processName)
        var (settings, problems) = evaluateSettings(&loaded.dictionary, host: loaded.host)
        handover.frozen.restore(&settings, loaded.dictionary, problems: &problems)
        let active = handover.services.filter { handover.policy.view(of: $0.id).map { !$0.isLeaving } ?? false }
        return Reading(
            model: Model(settings: settings, owner: handover.owner, services: active.map(\.plan)),
            main: main
        )
    }
}
