//===----------------------------------------------------------------------===//
// Quartermaster: what the files allow, and what will go wrong all the same
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import MasterConfig
import SystemCalls

/// What a configuration is read for. Start, reload and `--check` find the same mistakes; they differ in what must not
/// change, and in how much is said.
enum ReadingPurpose: Sendable {
    case start
    /// With what a running master cannot change.
    case reload(FrozenSettings)
    case check

    var frozen: FrozenSettings? {
        switch self {
        case .reload(let frozen): frozen
        case .start, .check: nil
        }
    }
}

extension ModelBuilder {
    /// Warnings that are no reason to refuse the files, and the refusal of a reload that takes every service away.
    mutating func advise(_ entries: [ServiceEntry], _ settings: MainSettings) {
        if entries.isEmpty { adviseNoServices(settings) }
        for entry in entries { entry.optionProblems(path: settings.masterPath).forEach { add($0) } }
        adviseMissingPrograms(entries, settings)
        switch purpose {
        case .start: break
        case .reload, .check: adviseUnusedParameters(entries)
        }
    }

    /// An empty master.cf is most often one that was cut off. At start Postfix's master runs without services, and so
    /// do we; taking away what runs has to be asked for.
    private mutating func adviseNoServices(_ settings: MainSettings) {
        let isAllowed: Bool
        switch purpose {
        case .start: isAllowed = true
        case .reload, .check: isAllowed = settings.masterAllowNoServices
        }
        // A file of which no line can be used says so itself.
        guard !problems.hasFatal else { return }
        add(
            ConfigProblem(
                isAllowed ? .warning : .fatal,
                "\(settings.masterPath): there is no service",
                file: settings.masterPath,
                cure: "Restore the file; if it is meant, set master_allow_no_services = yes in main.cf."
            )
        )
    }

    /// A program may be installed later: master starts without it, and tries it when a client comes.
    private mutating func adviseMissingPrograms(_ entries: [ServiceEntry], _ settings: MainSettings) {
        var seen: Set<String> = []
        for entry in entries where seen.insert(entry.executablePath).inserted && !isProgram(entry.executablePath) {
            add(
                ConfigProblem(
                    .warning,
                    "\(settings.masterPath): line \(entry.line): service \(entry.nameAsWritten): cannot execute"
                        + " \(entry.executablePath): master starts all the same, but clients of the service will wait",
                    file: settings.masterPath,
                    line: entry.line,
                    cure: "Install the program in daemon_directory, or correct the last field."
                )
            )
        }
    }

    private func isProgram(_ path: String) -> Bool {
        (try? facts(ofPath: path))?.kind == .file && isExecutable(path)
    }

    private mutating func adviseUnusedParameters(_ entries: [ServiceEntry]) {
        let unused = KnownParameters(dictionary, entries).problems(dictionary)
        let shown = 20
        unused.prefix(shown).forEach { add($0) }
        if unused.count > shown {
            let text = "\(dictionary.path ?? ""): \(unused.count - shown) more unused parameters"
            add(ConfigProblem(.warning, text, file: dictionary.path))
        }
    }
}
