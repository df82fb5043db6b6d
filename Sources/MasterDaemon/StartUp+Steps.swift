//===----------------------------------------------------------------------===//
// Quartermaster: the single steps of start-up
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import Events
import MasterConfig
import MasterProtocol
import SystemCalls

/// How long one turn of master's loop may take before the watchdog stops it.
private let watchdogSeconds: UInt32 = 1000

extension MasterMain {
    /// Reports what the builder found; a fatal problem ends the process, after the others were named too.
    static func required<Value>(_ value: Value?, _ builder: inout ModelBuilder, _ log: Log) -> Value {
        let problems = builder.takeProblems()
        let first = problems.firstIndex { $0.severity == .fatal }
        for (index, problem) in problems.enumerated() where index != first {
            problem.severity == .info ? log.info(problem.text) : log.warning(problem.text)
        }
        if let first { log.fatal(problems[first].text) }
        guard let value else { log.fatal("configuration is incomplete") }
        return value
    }

    /// The destination that the settings name. Until postlogd's socket exists, lines go straight to the log file.
    static func adoptLogDestination(_ settings: MainSettings, _ log: Log) {
        log.ident = "\(logTag(settings))/\(settings.processName)"
        log.host = settings.myHostName
        log.filePermissions = settings.maillogFilePermissions
        do throws(ConfigProblem) {
            let destination = try logDestination(settings, writesDirectly: true)
            if destination != log.destination || destination.isPostlog { log.redirect(to: destination) }
        } catch {
            log.fatal(error.text)
        }
    }

    /// Empties the environment but for what `import_environment` keeps or sets.
    static func scrubEnvironment(_ settings: MainSettings, _ log: Log) {
        EnvironmentName.mailLogTag.set(settings.syslogName)
        var problems: [ConfigProblem] = []
        let items = ImportEnvironment.parse(settings.importEnvironment, problems: &problems)
        if let problem = problems.firstFatal { log.fatal(problem.text) }
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

    static func takeLocks(_ pidPath: String, dataPath: String, _ owner: UserAccount, _ log: Log) -> MasterLocks {
        do throws(PidLock.Failure) {
            let pid = try PidLock.take(pidPath)
            let data = try MailOwner(owner).perform(log) { () throws(PidLock.Failure) in try PidLock.take(dataPath) }
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

    /// The event loop with its signals, the token pipe, and master around them.
    static func makeMaster(
        _ options: MasterOptions,
        _ processName: String,
        _ model: Model,
        _ locks: consuming MasterLocks,
        _ log: Log
    ) -> Master {
        do throws(SystemError) {
            var loop = try EventLoop(capacity: 64 + model.services.count * 4)
            for signal in [Signal.interrupt, .quit, .terminate] {
                _ = try loop.watchSignal(signal, token: MasterEvent.endRequested.token(signal))
            }
            _ = try loop.watchSignal(.hangup, token: MasterEvent.hangup.token)
            _ = try loop.watchSignal(.child, token: MasterEvent.childEnded.token)
            try catchCrashes(wholeGroup: true)
            if let seconds = options.exitSeconds {
                loop.arm(loop.makeTimer(token: MasterEvent.exitTimeArrived.token), milliseconds: seconds * 1000)
            }
            let flow = try makePipe(nonBlocking: true).moved(atLeast: ChildImage.lowestSource)
            try Watchdog.start(seconds: watchdogSeconds)
            return Master(
                options: options,
                processName: processName,
                log: log,
                loop: loop,
                model: model,
                flow: flow,
                locks: locks
            )
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
        log.fatal(
            "open \(settings.maillogFile): \(reason) (Correct maillog_file in \(settings.mainPath), or add a"
                + " \(settings.postlogServiceName) service to \(settings.masterPath).)"
        )
    }

    /// Every socket of the model, or the end: the first one that cannot be had is named.
    static func startServices(_ model: Model, _ master: Master) {
        var store = EndpointStore(running: [])
        do throws(EndpointStore.Failure) {
            try store.prepare(model, master.log)
        } catch {
            master.log.fatal(error.problem.text + (error.problem.cure.map { " (\($0))" } ?? ""))
        }
        master.apply(model, &store)
    }
}
