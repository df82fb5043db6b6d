//===----------------------------------------------------------------------===//
// Quartermaster: `--check`: every mistake in one go
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import MasterConfig
import MasterProtocol
import SystemCalls

/// Runs the checks of a reload without a running master, takes no lock and changes nothing; prints every problem with
/// file, line and cure.
enum ConfigurationCheck {
    /// - Returns: the exit status: 0 when master could start or reload with this configuration.
    static func run(configDirectory: String, processName: String) -> Int32 {
        var builder = ModelBuilder(configDirectory: configDirectory, processName: processName)
        _ = builder.readMain()
        // A mistake in main.cf is no reason to keep quiet about the others.
        if let settings = builder.settings {
            let services = builder.readServices(settings)
            builder.check(settings)
            for plan in services { builder.check(plan, settings) }
        }
        let problems = builder.takeProblems()
        for problem in problems { say(problem.report) }
        let fatal = problems.count { $0.severity == .fatal }
        say(
            fatal > 0
                ? "\(configDirectory): \(fatal) problem\(fatal == 1 ? "" : "s"): master would not accept this configuration"
                : "\(configDirectory): configuration is good"
        )
        return fatal > 0 ? ExitCode.failure : ExitCode.success
    }

    private static func say(_ line: String) {
        _ = try? DescriptorNumber.standardOutput.write(Array((line + "\n").utf8))
    }
}

extension ModelBuilder {
    /// What start-up would stumble over beyond the two files.
    mutating func check(_ settings: MainSettings) {
        for (parameter, directory) in [
            ("queue_directory", settings.queueDirectory), ("daemon_directory", settings.daemonDirectory),
            ("data_directory", settings.dataDirectory),
        ] where (try? facts(ofPath: directory))?.kind != .directory {
            add(
                ConfigProblem(
                    .fatal,
                    "parameter \(parameter): no such directory: \(directory)",
                    file: settings.mainPath,
                    cure: "Create it (postfix set-permissions), or correct \(parameter)."
                )
            )
        }
        for name in ["pid", "private", "public"] {
            let path = "\(settings.queueDirectory)/\(name)"
            if (try? facts(ofPath: path))?.kind == .directory { continue }
            let cure = "Create it: \"postfix check\" does."
            add(ConfigProblem(.fatal, "no such directory: \(path)", file: settings.mainPath, cure: cure))
        }
        do throws(ConfigProblem) {
            _ = try logDestination(settings, writesDirectly: true)
        } catch {
            addOnce(error)
        }
        var problems: [ConfigProblem] = []
        _ = ImportEnvironment.parse(settings.importEnvironment, problems: &problems)
        problems.forEach { addOnce($0) }
    }

    /// Some of what is checked here may have been found before.
    private mutating func addOnce(_ problem: ConfigProblem) {
        if !problems.contains(where: { $0.text == problem.text }) { add(problem) }
    }

    mutating func check(_ plan: ServicePlan, _ settings: MainSettings) {
        let line = plan.entry.line
        if !isExecutable(plan.entry.executablePath) {
            let text = "service \(plan.entry.nameAsWritten): cannot execute \(plan.entry.executablePath)"
            let cure = "Install the program in daemon_directory, or correct the last field."
            add(
                ConfigProblem(
                    .fatal,
                    "\(settings.masterPath): line \(line): \(text)",
                    file: settings.masterPath,
                    line: line,
                    cure: cure
                )
            )
        }
        switch plan.endpoint {
        case .inet(let addresses):
            do throws(EndpointFailure) {
                try Endpoint.probe(addresses)
            } catch {
                add(plan.problem(error, settings))
            }
        case .path(let path, _):
            if SocketAddress(unixPath: path) == nil {
                add(plan.problem(EndpointFailure(text: "unix-domain name too long: \(path)"), settings))
            }
        }
    }
}
