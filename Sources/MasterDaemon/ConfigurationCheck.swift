//===----------------------------------------------------------------------===//
// Quartermaster: `--check`: every mistake in one go
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import ConfigLoading
import Diagnostics
import MasterConfig
import SystemCalls

/// Finds what a start or a reload would find, without a running master; takes no lock and changes nothing. Prints every
/// problem with file, line and cure, in the order of the lines.
enum ConfigurationCheck {
    /// - Returns: the exit status: 0 when master could start or reload with this configuration.
    static func run(configDirectory: String, processName: String) -> Int32 {
        let problems = findings(configDirectory: configDirectory, processName: processName)
        for problem in problems { say(problem.report) }
        say(verdict(problems, configDirectory: configDirectory))
        return problems.hasFatal ? ExitCode.failure : ExitCode.success
    }

    /// Every problem. Changes the working directory.
    static func findings(configDirectory: String, processName: String) -> [ConfigProblem] {
        var builder = ModelBuilder(configDirectory: configDirectory, processName: processName, for: .check)
        let main = builder.readMain()
        // A mistake in main.cf is no reason to keep quiet about the others.
        if let settings = builder.settings {
            // master reads the rest from where it will stay: relative paths are relative to that.
            try? changeDirectory(settings.queueDirectory)
            let services = builder.readServices(settings, main?.owner)
            builder.checkLocks(settings)
            for plan in services { builder.check(plan, settings) }
        }
        return builder.handOverFindings()
    }

    /// What the problems come to, in a line.
    static func verdict(_ problems: [ConfigProblem], configDirectory: String) -> String {
        let fatal = problems.count { $0.severity == .fatal }
        let warnings = problems.count { $0.severity == .warning }
        let addition = warnings > 0 ? ", with \(warnings) warning\(warnings == 1 ? "" : "s") above" : ""
        return fatal > 0
            ? "\(configDirectory): \(fatal) problem\(fatal == 1 ? "" : "s"): master would not accept this configuration"
            : "\(configDirectory): configuration is good\(addition)"
    }

    private static func say(_ line: String) {
        _ = try? DescriptorNumber.standardOutput.write((line + "\n").rawBytes)
    }
}
