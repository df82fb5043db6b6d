//===----------------------------------------------------------------------===//
// Quartermaster: the steps of a server's start
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import MasterConfig
import MasterProtocol
import SystemCalls
import WorkerPage

/// The steps of `startServer`, each by itself. One that fails ends the process.
enum StartStep {
    /// The last part of the path we were started with.
    static func processName() -> String {
        (commandLine().first ?? "unknown").baseName
    }

    /// The log as far as the environment tells, for what happens before main.cf is read.
    static func openLog(_ processName: String, demands: ServiceDemands) -> Log {
        let log = Log(
            ident: "\(earlyLogTag())/\(processName)",
            host: EnvironmentName.postlogHostname.value ?? hostName(),
            destination: earlyLogDestination(),
            waits: !demands.contains(.neverWaitsForLog)
        )
        if EnvironmentName.mailVerbose.isPresent { log.verbosity = 1 }
        // No master starts a process without a generation: somebody has typed the name, and waits for an answer.
        if !EnvironmentName.generation.isPresent, DescriptorNumber.standardError.isTerminal {
            log.witness = .standardError
        }
        return log
    }

    /// What is asked of a program that is not known: what it is, and which version. No master gives one argument alone.
    static func answerQuestions(_ processName: String, _ skeleton: DaemonOptions.Skeleton) {
        let arguments = commandLine().dropFirst()
        guard arguments.count == 1, let question = arguments.first, ["--help", "--version"].contains(question) else {
            return
        }
        let product = "a service for master(8), made with ServerSkeleton of Quartermaster \(BuildMark.version)"
        let trial =
            switch skeleton {
            case .datagram: ""
            case .trigger: "\n       \(processName) -S [-o name=value]    reads one trigger from standard input"
            case .stream, .single, .event:
                "\n       \(processName) -S [-o name=value]    serves one client on standard input and output"
            }
        let help = """
            usage: \(processName) [options of master(8)] [-o name=value]...\(trial)

            \(processName) is \(product).

            It is not started by hand: master(8) does so when clients come, with the options that
            follow from its line in master.cf. Options, parameters and messages are in
            quartermaster-services(7); with -V, messages go to standard error, too.
            """
        let text = question == "--help" ? help : "\(processName): \(product)"
        _ = try? DescriptorNumber.standardOutput.write(Array((text + "\n").utf8))
        exitAtOnce(ExitCode.success)
    }

    static func parseOptions(_ skeleton: DaemonOptions.Skeleton, _ log: Log) -> DaemonOptions {
        let arguments = Array(commandLine().dropFirst())
        do throws(OptionProblem) {
            let options = try DaemonOptions(parsing: arguments, for: skeleton)
            log.verbosity += options.verbosity
            log.copyToStandardError = options.logsToStandardError
            return options
        } catch {
            // Who asked for messages on the terminal gets this one, too.
            log.copyToStandardError = arguments.contains { $0.hasPrefix("-") && $0.contains("V") }
            log.fatal(error.message)
        }
    }

    /// Where nobody looks at standard error, the log tells what is written there before a crash. Without memory for
    /// that the process serves all the same.
    static func keepErrors(_ options: DaemonOptions, _ log: Log) {
        guard !options.isOneShot, !options.logsToStandardError else { return }
        do throws(SystemError) {
            try SystemCalls.keepErrors()
            log.prepareErrorWords()
        } catch {
            log.verbose(1, "standard error is not kept: \(error.reason)")
        }
    }

    /// The log as the settings have it: an override may have changed the tag, main.cf the destination.
    static func reopenLog(_ log: Log, _ processName: String, _ settings: MainSettings, _ options: DaemonOptions) {
        exportLogTag(settings)
        exportLogSettings(settings)
        log.ident = "\(settings.syslogName)/\(processName)"
        log.host = settings.myHostName
        let destination = logDestination(settings, writesDirectly: false)
        if destination != log.destination { log.redirect(to: destination) }
    }

    /// A daemon that is started by hand has no endpoints and no master.
    static func refuseTerminal(_ options: DaemonOptions, _ log: Log) {
        guard !options.isForeground, !options.isOneShot, DescriptorNumber.standardInput.isTerminal else { return }
        log.copyToStandardError = true
        log.fatal("do not run this command by hand")
    }

    static func checkDemands(
        _ demands: ServiceDemands,
        _ options: DaemonOptions,
        _ serviceName: String,
        _ log: Log
    ) {
        if demands.contains(.solitary), !options.isAlone, !options.isOneShot {
            log.fatal("service \(serviceName) requires a process limit of 1 (Put 1 in the maxproc field of master.cf.)")
        }
        if demands.contains(.unlimited), !options.isUnlimited, !options.isOneShot {
            log.fatal("service \(serviceName) requires a process limit of 0 (Put 0 in the maxproc field of master.cf.)")
        }
        if demands.contains(.privileged), options.isUnprivileged {
            log.fatal("service \(serviceName) requires privileged operation (Put n in the unpriv field of master.cf.)")
        }
    }

    static func checkTransport(
        _ options: DaemonOptions,
        _ skeleton: DaemonOptions.Skeleton,
        _ log: Log
    ) -> Transport? {
        do throws(OptionProblem) {
            return try options.transport(for: skeleton)
        } catch {
            log.fatal("\(error.message) (Write \(skeleton.typesInWords) in the second field of its line in master.cf.)")
        }
    }

    /// Our own master marks the status channel.
    static func parent(_ options: DaemonOptions) -> Circumstances.Parent {
        if options.isOneShot { return .oneShot }
        let mark = try? DescriptorNumber(InheritedDescriptor.status).option(.priority)
        return mark == StatusChannelMark.socketPriority ? .ours : .foreign
    }

    static func readGeneration(_ log: Log) -> Generation {
        guard let text = EnvironmentName.generation.value else { return .none }
        do throws(GenerationProblem) {
            return try Generation(octalText: text)
        } catch {
            log.fatal(error.message)
        }
    }

    /// Runs `debugger_command` with the shell, which may leave a debugger behind that attaches to us.
    static func runDebugger(_ options: DaemonOptions, _ context: ServiceContext, _ log: Log) {
        guard options.isDebugged || EnvironmentName.mailDebug.isPresent else { return }
        let command = context.settings.debuggerCommand
        guard !command.isEmpty else { return }
        let environment = environmentEntries().map { "\($0.name)=\($0.value)" }
        let shell = ChildImage(
            path: "/bin/sh",
            arguments: ["sh", "-c", command],
            environment: environment + ["PATH=/usr/local/bin:/usr/bin:/bin"],
            moves: []
        )
        switch spawn(shell) {
        case .started(let pid): _ = try? waitForChild(pid)
        case .execFailed(_, let error), .moveFailed(_, _, let error), .forkFailed(let error):
            log.warning("debugger_command: \(error.reason)")
        }
    }

    /// Servers with siblings that have no clients while they wait do so one at a time; the lock that they share is
    /// opened here, where the inherited working directory still counts. Servers with many clients have none, since they
    /// must go on serving those; nor has udp, see `DatagramCore`. Those that accept clients need none under our own
    /// master, where the kernel wakes one.
    static func openLock(
        _ skeleton: DaemonOptions.Skeleton,
        _ parent: Circumstances.Parent,
        _ options: DaemonOptions,
        _ transport: Transport?,
        _ serviceName: String,
        _ log: Log
    ) -> ServiceLock? {
        switch skeleton {
        case .stream, .event: return nil
        case .single, .trigger: if parent == .ours { return nil }
        case .datagram: break
        }
        guard !options.isAlone, !options.isOneShot, let transport, transport != .udp else { return nil }
        let path = "pid/\(transport.rawValue).\(serviceName)"
        do throws(CarefulOpenError) {
            return ServiceLock(try openCarefully(path, [.readWrite, .create], mode: 0o600))
        } catch {
            log.fatal("open lock file \(path): \(error.reason)")
        }
    }

    static func enter(_ directory: String, _ log: Log) {
        do throws(SystemError) {
            try changeDirectory(directory)
        } catch {
            log.fatal("chdir(\"\(directory)\")", error)
        }
    }

    /// Where to count what the process does, from before it gives up its privileges and its root directory on. No other
    /// master has a page; and if ours has none, or it is full, that is no reason not to serve.
    static func takeRow(
        _ parent: Circumstances.Parent,
        _ serviceName: String,
        _ transport: Transport?,
        _ log: Log
    ) -> WorkerRow {
        guard parent == .ours, let transport else { return WorkerRow() }
        do throws(WorkerPageProblem) {
            return try WorkerRow(service: "\(serviceName)/\(transport.rawValue)", pid: processID())
        } catch {
            log.verbose(1, "\(WorkerPage.path): \(error.reason) -- not counting what this process does")
            return WorkerRow()
        }
    }

    /// Figures of the service's own are for our master's page as well, which is opened with the first of them: below
    /// the queue directory, so also without privileges and in a chroot.
    static func publish(
        _ meters: ServiceMeters,
        _ parent: Circumstances.Parent,
        _ serviceName: String,
        _ transport: Transport?
    ) {
        guard parent == .ours, let transport else { return }
        meters.publish(as: "\(serviceName)/\(transport.rawValue)", master: parentProcessID())
    }

    /// Nil for a service that does not retire, and where no master starts a fresh process.
    static func retirementSeconds(
        _ demands: ServiceDemands,
        _ skeleton: DaemonOptions.Skeleton,
        _ options: DaemonOptions,
        _ settings: MainSettings
    ) -> Int? {
        guard demands.contains(.retires), !options.isOneShot else { return nil }
        precondition(
            skeleton == .single || skeleton == .event,
            "a service of a kind that does not retire demands .retires"
        )
        return RetirementTime.seconds(
            option: options.retirementSeconds,
            useLimit: settings.maxUse,
            idleLimit: settings.maxIdle
        )
    }

    /// Milliseconds; 0 where nobody waits. Who is to wait for tokens needs the pipe that they come from.
    static func inFlowDelay(
        _ demands: ServiceDemands,
        _ options: DaemonOptions,
        _ settings: MainSettings,
        _ tokenPipeProblem: SystemError?,
        _ log: Log
    ) -> Int64 {
        guard demands.contains(.inFlowDelay), !options.isOneShot, settings.inFlowDelay > 0 else { return 0 }
        if let tokenPipeProblem { log.fatal("fstat flow pipe write descriptor", tokenPipeProblem) }
        return Int64(settings.inFlowDelay) * 1000
    }

    /// Of servers that wait for no client in the middle of their work.
    private static let shortWatchdogSeconds = 1000

    static func watchdogSeconds(_ skeleton: DaemonOptions.Skeleton, _ settings: MainSettings) -> Int {
        switch skeleton {
        case .stream, .single: settings.daemonTimeout
        case .event, .trigger, .datagram: shortWatchdogSeconds
        }
    }
}

/// Logs what configuration found; the first fatal problem ends the process.
func report(_ problems: [ConfigProblem], _ log: Log) {
    for problem in problems {
        switch problem.severity {
        case .info: log.info(problem.logged)
        case .warning: log.warning(problem.logged)
        case .fatal: log.fatal(problem.logged)
        }
    }
}
