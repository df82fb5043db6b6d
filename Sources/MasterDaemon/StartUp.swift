//===----------------------------------------------------------------------===//
// Quartermaster: from the command line to a running master, in order
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import Events
import MasterConfig
import MasterProtocol
import SystemCalls

/// Everything master does before its loop, one step after the other in the order that scripts, children and other
/// masters rely on. A step that fails ends the process with a message in the log and, while a person may still be
/// watching, on standard error.
package enum MasterMain {
    /// Runs master with the arguments of this process; never returns.
    package static func main() -> Never {
        let arguments = commandLine()
        if arguments.dropFirst() == [Trial.option] { exitProcess(Trial.run()) }
        if let arrival = TakeOver.arriving() { takeOver(arrival, arguments).run() }
        let program = arguments.first ?? "master"
        let processName = program.baseName
        setFileCreationMask(0o077)
        let verbosity = EnvironmentName.mailVerbose.isPresent ? 1 : 0
        try? Signal.pipe.ignore()
        // Until their handlers stand, no request may end us; and our starter may have blocked signals.
        for request in [Signal.hangup, .user1, .user2] { try? request.ignore() }
        try? unblockAllSignals()
        // Before the sockets of a service manager are copied: its soft limit may have no room for so many.
        try? raiseDescriptorLimit()
        let offer = ServiceManagerOffer.receive()
        let offered = OfferedSockets(adopting: offer)
        Detach.fillStandardDescriptors()
        let log = Log(
            ident: "\(earlyLogTag())/\(processName)",
            host: EnvironmentName.postlogHostname.value,
            destination: earlyLogDestination(),
            waits: false
        )
        log.witness = .standardError
        let options = readOptions(arguments, program: program, log)
        log.verbosity = verbosity + options.verbosity
        if let directory = options.configDirectory {
            EnvironmentName.mailConfig.set(directory)
        }
        switch options.task {
        case .help: printAndExit(MasterOptions.help(processName))
        case .version: printAndExit(BuildMark.versionLine)
        case .check: exitProcess(ConfigurationCheck.run(configDirectory: configDirectory(), processName: processName))
        case .test: log.witness = nil
        case .run: break
        }
        let invocation = Invocation(options, processName: processName, arguments: arguments)
        start(invocation, offer, offered, log).run()
    }

    private static func readOptions(_ commandLine: [String], program: String, _ log: Log) -> MasterOptions {
        let options: MasterOptions
        do throws(MasterUsageProblem) {
            options = try MasterOptions(
                parsing: Array(commandLine.dropFirst()),
                program: program,
                pid: processID()
            )
        } catch {
            if Identity.realUser != 0 { log.fatal("the master command is reserved for the superuser") }
            if let explanation = error.explanation { print(explanation, to: .standardError) }
            log.fatal(error.message)
        }
        switch options.task {
        case .check, .help, .version: return options
        case .run, .test: break
        }
        if Identity.realUser != 0 && Identity.effectiveUser == Identity.realUser {
            // An ordinary user may run a separate mail system, in the foreground; main.cf must agree.
            if options.isForeground || options.task == .test { return options }
            log.fatal("the master command is reserved for the superuser (or for mail_owner with -d or -s)")
        }
        if Identity.realUser != 0 { log.fatal("the master command is reserved for the superuser") }
        if Identity.effectiveUser != 0 { log.fatal("the master command must not run as a set-uid process") }
        return options
    }

    static func print(_ line: String, to output: DescriptorNumber) {
        _ = try? output.write(Array((line + "\n").utf8))
    }

    private static func printAndExit(_ text: String) -> Never {
        print(text, to: .standardOutput)
        exitProcess(ExitCode.success)
    }

    /// From the options to the master that is ready to run.
    private static func start(
        _ invocation: Invocation,
        _ offer: ServiceManagerOffer,
        _ offered: OfferedSockets,
        _ log: Log
    ) -> Master {
        let (options, processName) = (invocation.options, invocation.processName)
        var ready: Descriptor? = options.waitsForReadiness ? Monitor.split(log) : nil
        let witness = options.staysAttached || options.task == .test ? nil : keepWitness(log)
        if !options.staysAttached {
            Detach.replaceStandardDescriptors(keepingOutput: options.keepsStandardOutput, log)
        }
        let runsDebugger = options.runsDebugger || EnvironmentName.mailDebug.isPresent
        if !options.isInit && !runsDebugger && !options.staysAttached { Detach.startSession(log) }

        if options.task == .test {
            exitProcess(TestMode.run(configDirectory: configDirectory(), processName: processName, log))
        }
        var builder = ModelBuilder(configDirectory: configDirectory(), processName: processName, for: .start, log: log)
        let main = requireMain(&builder, log)
        scrubEnvironment(main.settings)
        enterQueueDirectory(main.settings, log)
        let pidPath = "pid/\(processName).pid"
        let locks = acquireLocks(
            pidPath,
            dataPath: "\(main.settings.dataDirectory)/\(processName).lock",
            main.owner,
            log
        )
        if runsDebugger { runDebugger(main.settings, log) }

        let services = builder.readServices(main.settings, main.owner)
        let model = required(
            Model(settings: main.settings, owner: main.owner, services: services),
            &builder,
            log
        )
        requireLogWriter(model, log)
        for problem in offer.problems { log.warning(problem) }
        for note in model.notes where log.verbosity > 0 { log.info(note) }
        let master = makeMaster(invocation, model, locks, offer, log)
        master.startCounting()
        startServices(model, offered, master)
        adoptLogDestination(model.settings, log)
        master.adoptLogSettings()
        master.spawner.refreshEnvironment()
        master.carryOut()
        if let trouble = master.keepCopy(builder.acceptedMain) { log.warning(trouble.logged) }
        master.openControl()
        master.describeBoard()
        master.publish()
        log.info(
            "daemon started -- version \(model.settings.mailVersion), configuration \(model.settings.configDirectory)"
        )
        master.beginTellingManager()
        log.witness = nil
        if let witness { _ = Descriptor(owning: witness) }
        if let ready = ready.take() { _ = try? ready.number.write([0]) }
        return master
    }

    /// A copy of standard error, for fatal messages until the daemon has started. A bare number: an owner would close
    /// it before the last message of a start that fails, since nothing uses the owner after that.
    private static func keepWitness(_ log: Log) -> DescriptorNumber? {
        do throws(SystemError) {
            let number = try DescriptorNumber.standardError.duplicate(atLeast: 3).release()
            log.witness = number
            return number
        } catch {
            // Started with standard error closed: there is no terminal to write to.
            log.witness = nil
            return nil
        }
    }
}
