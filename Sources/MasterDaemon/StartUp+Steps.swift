//===----------------------------------------------------------------------===//
// Quartermaster: the single steps of start-up
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import Events
import MasterConfig
import MasterPolicy
import MasterProtocol
import SystemCalls

/// How long one turn of master's loop may take before the watchdog stops it.
private let watchdogSeconds: UInt32 = 1000

extension MasterMain {
    /// Reports what the builder found; a fatal problem ends the process, after the others were named too, in the log
    /// and to whoever started us.
    static func required<Value>(_ value: Value?, _ builder: inout ModelBuilder, _ log: Log) -> Value {
        refuse(builder.handOverFindings(), log)
        guard let value else { preconditionFailure("no configuration, and no reason") }
        return value
    }

    /// Names all of them, and ends the process for the first that is fatal.
    private static func refuse(_ problems: [ConfigProblem], _ log: Log) {
        let first = problems.firstIndex { $0.severity == .fatal }
        for (index, problem) in problems.enumerated() where index != first {
            problem.severity == .info ? log.info(problem.logged) : log.warning(problem.logged)
            if problem.severity == .fatal, let witness = log.witness {
                print("\(log.ident): warning: \(problem.logged)", to: witness)
            }
        }
        if let first { log.fatal(problems[first].logged) }
    }

    /// main.cf, or the end: with what is wrong in master.cf too, so that one look at the log is enough.
    static func requireMain(
        _ builder: inout ModelBuilder,
        _ log: Log
    ) -> (settings: MainSettings, owner: UserAccount) {
        let read = builder.readMain()
        if let settings = builder.settings {
            if builder.isEvaluated {
                exportLogTag(settings)
                adoptLogDestination(settings, log)
            }
            if read == nil {
                try? changeDirectory(settings.queueDirectory)
                _ = builder.readServices(settings, nil)
            }
        }
        return required(read, &builder, log)
    }

    /// The destination that the settings name. Until postlogd's socket exists, lines go straight to the log file.
    static func adoptLogDestination(_ settings: MainSettings, _ log: Log) {
        log.ident = "\(logTag(settings))/\(settings.processName)"
        log.host = settings.myHostName
        log.filePermissions = settings.maillogFilePermissions
        let destination = logDestination(settings, writesDirectly: true)
        if destination != log.destination || destination.isPostlog { log.redirect(to: destination) }
    }

    /// Empties the environment but for what `import_environment` keeps or sets.
    static func scrubEnvironment(_ settings: MainSettings) {
        EnvironmentName.mailLogTag.set(settings.syslogName)
        // What is wrong with the parameter was found out when main.cf was read.
        var saidBefore: [ConfigProblem] = []
        let items = ImportEnvironment.parse(settings.importEnvironment, problems: &saidBefore)
        let kept = ImportEnvironment.scrub(environment: environmentEntries(), items: items)
        clearEnvironment()
        for (name, value) in kept { setEnvironment(name, value) }
    }

    static func enterQueueDirectory(_ settings: MainSettings, _ log: Log) {
        do throws(SystemError) {
            try changeDirectory(settings.queueDirectory)
        } catch {
            log.fatal("chdir \(settings.queueDirectory)", error)
        }
    }

    static func acquireLocks(_ pidPath: String, dataPath: String, _ owner: UserAccount, _ log: Log) -> MasterLocks {
        do throws(PidLock.Failure) {
            let pid = try PidLock.acquire(pidPath)
            let data = try MailOwner(owner).perform(log) { () throws(PidLock.Failure) in try PidLock.acquire(dataPath) }
            return MasterLocks(pid: pid, data: data)
        } catch {
            log.fatal(error.text)
        }
    }

    static func runDebugger(_ settings: MainSettings, _ log: Log) {
        if settings.debuggerCommand.isEmpty { log.fatal("no debugger_command variable set up") }
        log.info("running: \(settings.debuggerCommand)")
        runShellCommand(settings.debuggerCommand)
    }

    /// The event loop with its signals, and what watches over it.
    static func makeLoop(_ model: Model) throws(SystemError) -> EventLoop {
        var loop = try EventLoop(capacity: 64 + model.services.count * 4)
        for signal in [Signal.interrupt, .quit, .terminate] {
            _ = try loop.watchSignal(signal, token: MasterEvent.endRequested.token(signal))
        }
        _ = try loop.watchSignal(.hangup, token: MasterEvent.hangup.token)
        _ = try loop.watchSignal(.user1, token: MasterEvent.drainRequested.token)
        _ = try loop.watchSignal(.user2, token: MasterEvent.upgradeRequested.token)
        _ = try loop.watchSignal(.child, token: MasterEvent.childEnded.token)
        try catchCrashes(wholeGroup: true)
        try Watchdog.start(seconds: watchdogSeconds)
        return loop
    }

    /// The loop, the token pipe, and master around them.
    static func makeMaster(
        _ invocation: Invocation,
        _ model: Model,
        _ locks: consuming MasterLocks,
        _ offer: ServiceManagerOffer,
        _ log: Log
    ) -> Master {
        do throws(SystemError) {
            let loop = try makeLoop(model)
            let flow = try makePipe(nonBlocking: true).moved(atLeast: ChildImage.lowestSource)
            let master = Master(
                invocation,
                log: log,
                loop: loop,
                model: model,
                frozen: FrozenSettings(model.settings, isForPostfix: isForPostfix(model.settings)),
                flow: flow,
                locks: locks,
                manager: offer
            )
            if let seconds = invocation.options.exitSeconds {
                master.end(at: PolicyTime(milliseconds: master.now.milliseconds + seconds * 1000))
            }
            return master
        } catch {
            log.fatal("\(error.call.rawValue): \(error.reason)")
        }
    }

    /// Without a service that writes the log file, master has to be able to write it.
    static func requireLogWriter(_ model: Model, _ log: Log) {
        let settings = model.settings
        guard settings.usesPostlog, !model.services.contains(where: { $0.endpoint.path == settings.postlogEndpoint }),
            let reason = log.fileProblem()
        else { return }
        log.fatal(settings.logFileProblem(reason, at: .file(settings.mainPath)).logged)
    }

    /// Every socket of the model, or the end: all that cannot be had are named.
    static func startServices(_ model: Model, _ offered: OfferedSockets, _ master: Master) {
        var store = EndpointStore(running: [], offered: offered)
        do throws(EndpointStore.Failure) {
            try store.prepare(model, master.log)
        } catch {
            refuse(error.problems, master.log)
        }
        for line in offered.closeRest() { master.log.warning(line) }
        var troubles: [ConfigProblem] = []
        _ = master.apply(model, &store, retiring: .everybody, troubles: &troubles)
        for trouble in troubles { master.log.warning(trouble.logged) }
    }
}
