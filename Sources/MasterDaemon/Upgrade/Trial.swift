//===----------------------------------------------------------------------===//
// Quartermaster: whether another program could take over, found out by that program
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import Diagnostics
import MasterConfig
import MasterPolicy
import SystemCalls

/// The agreement between a master that is to be upgraded and the program that it tries out: `PROGRAM --try-takeover`
/// finds the handover as descriptor 3, reads it, the command line in it and the configuration, and looks whether every
/// socket that is new can be had. It changes nothing, and says on its standard output what was wrong, or what the names
/// in the configuration mean and at last `possible`.
enum Trial {
    /// The only argument, and no option of any other program.
    static let option = "--try-takeover"
    static let stateNumber = DescriptorNumber(3)
    /// The last line. A program that is no master of ours ends without it, whatever its exit status. The running one
    /// looks for its own versions: a later program that reads these, too, says those that it has read.
    static var possible: String {
        "quartermaster: take-over possible, state \(Handover.version).\(Policy.stateVersion)"
    }
    /// Before each line of `NameBook.lines`.
    static let nameMark = "name "
    /// A state is a few kilobytes for a hundred services.
    static let longestState = 256 << 20

    /// The trial itself, in the new program.
    static func run() -> Int32 {
        guard let bytes = try? stateNumber.sealedBytes(atMost: longestState) else {
            say("descriptor \(stateNumber.rawValue) is no state of a running master: this option is for master itself")
            return ExitCode.failure
        }
        let handover: Handover
        do throws(StateProblem) {
            handover = try Handover(decoding: bytes)
        } catch {
            say(error.explanation)
            return ExitCode.failure
        }
        // The process itself has to become the next master; one that another program starts would be its child.
        guard parentProcessID() == handover.pid else {
            say("master was started by another program in between, which has to execute it in its own place (sh: exec)")
            return ExitCode.failure
        }
        if let problem = problem(inCommandLine: handover) {
            say(problem)
            return ExitCode.failure
        }
        let names = NameBook(.asking)
        var builder = ModelBuilder(
            configDirectory: handover.frozen.configDirectory,
            processName: handover.processName,
            for: .trial(handover.frozen),
            names: names
        )
        let model = builder.build()
        if let model { look(for: model, handover, &builder) }
        let findings = builder.handOverFindings()
        for problem in findings where problem.severity == .fatal { say(problem.report) }
        guard model != nil, !findings.hasFatal else { return ExitCode.failure }
        for line in names.lines { say(nameMark + line) }
        say(possible)
        return ExitCode.success
    }

    private static func problem(inCommandLine handover: Handover) -> String? {
        do throws(MasterUsageProblem) {
            _ = try MasterOptions(
                parsing: Array(handover.commandLine.dropFirst()),
                program: handover.processName,
                pid: handover.pid
            )
            return nil
        } catch {
            return error.message
        }
    }

    /// Whether sockets that the running master does not have can be had; the others are there.
    private static func look(for model: Model, _ handover: Handover, _ builder: inout ModelBuilder) {
        // Relative paths are relative to where master works.
        try? changeDirectory(model.settings.queueDirectory)
        let running = Dictionary(handover.services.map { ($0.plan.identity, $0) }) { first, _ in first }
        for plan in model.services {
            // What a service manager has opened stays what it is.
            if let service = running[plan.identity], service.isAdopted || service.plan.endpoint == plan.endpoint {
                continue
            }
            builder.check(plan, model.settings)
        }
    }

    private static func say(_ line: String) {
        _ = try? DescriptorNumber.standardOutput.write((line + "\n").rawBytes)
    }
}

extension StateProblem {
    /// Why a state cannot be read, for the administrator.
    var explanation: String {
        switch self {
        case .unknownVersion(let found, let known):
            "the running master's state is of version \(found), and this program understands version \(known): stop and"
                + " start master to change to it"
        case .wrongLength, .foreign, .damaged, .badValue: "the state of the running master cannot be understood"
        }
    }
}
