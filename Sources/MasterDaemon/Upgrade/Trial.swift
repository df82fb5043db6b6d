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
/// finds the handover as descriptor 3, does with it all that a take-over does before it cannot go back, changes
/// nothing, says on its standard output what was wrong, and at last `possible` if nothing was.
enum Trial {
    /// The only argument, and no option of any other program.
    static let option = "--try-takeover"
    static let stateNumber = DescriptorNumber(3)
    /// The last line. A program that is no master of ours ends without it, whatever its exit status.
    static var possible: String { "quartermaster: take-over possible, state \(Handover.version)" }
    /// A state is a few kilobytes for a hundred services.
    static let longestState = 256 << 20

    /// The trial itself, in the new program.
    static func run() -> Int32 {
        guard let bytes = stateNumber.sealedBytes(atMost: longestState) else {
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
        var builder = ModelBuilder(
            configDirectory: handover.frozen.configDirectory,
            processName: handover.processName,
            for: .reload(handover.frozen)
        )
        let model = builder.build()
        for problem in builder.handOverFindings() where problem.severity == .fatal { say(problem.report) }
        guard model != nil else { return ExitCode.failure }
        say(possible)
        return ExitCode.success
    }

    private static func say(_ line: String) {
        _ = try? DescriptorNumber.standardOutput.write((line + "\n").rawBytes)
    }
}

extension StateProblem {
    /// Why a state cannot be read, for the administrator.
    var explanation: String {
        switch self {
        case .unknownVersion(let version):
            "the running master has a state of version \(version), and this program understands another one"
                + " (\(Handover.version)): stop and start master to change to it"
        case .wrongLength, .foreign, .damaged, .badValue: "the state of the running master cannot be understood"
        }
    }
}
