//===----------------------------------------------------------------------===//
// Quartermaster: from the state of another program to the master that goes on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import Events
import MasterConfig
import MasterControl
import MasterPolicy
import MasterProtocol
import StatusPage
import SystemCalls

// Every signal waits until the loop listens, so none is lost. What can fail comes first, and gives the process back to
// the program that ran before.
extension MasterMain {
    static func takeOver(_ arrival: TakeOver, _ commandLine: [String]) -> Master {
        let handover = arrival.handover(commandLine)
        arrival.settleDescriptors(handover)
        let invocation = invocation(arrival, handover, commandLine)
        let log = Log(
            ident: "\(earlyLogTag())/\(handover.processName)",
            host: EnvironmentName.postlogHostname.value,
            destination: earlyLogDestination(),
            waits: false
        )
        log.verbosity = handover.verbosity
        let reading: Reading
        let loop: EventLoop
        do throws(TakeOverFailure) {
            reading = try arrival.problem == nil ? .ofFiles(handover, log) : .ofHandover(handover)
            loop = try makeLoop(reading)
        } catch {
            arrival.giveBack(handover, commandLine, error.reason)
        }
        let model = reading.model
        let master = Master(continuing: handover, invocation, model, arrival.offer, loop: loop, log: log)
        // Nothing that it owns may be closed before the process is given back.
        withExtendedLifetime(master) {
            var store = EndpointStore(running: master.activeServices)
            do throws(EndpointStore.Failure) {
                try store.prepare(model, log)
            } catch {
                arrival.giveBack(handover, commandLine, error.problems.map(\.logged).joined(separator: "; "))
            }
            do throws(SystemError) {
                try master.listen(handover)
            } catch {
                arrival.giveBack(handover, commandLine, error.description)
            }
            arrival.finish()
            let destination = logDestination(model.settings, writesDirectly: true, isReload: true)
            log.redirect(to: handover.isStandingIn ? .file(model.settings.maillogFile) : destination)
            master.goOn(handover, reading, &store)
        }
        if let problem = arrival.problem {
            let text = "upgrade failed: \(problem) -- the program that ran before goes on"
            log.warning(text)
            master.tellUpgrade(.failed, text)
        } else {
            let text = "upgrade: \(BuildMark.versionLine) goes on where \(handover.versionLine) stopped"
            log.info(text)
            master.tellUpgrade(.ok, text)
        }
        return master
    }

    private static func makeLoop(_ reading: Reading) throws(TakeOverFailure) -> EventLoop {
        do throws(SystemError) {
            return try makeLoop(reading.model)
        } catch {
            throw TakeOverFailure(reason: error.description)
        }
    }

    private static func invocation(
        _ arrival: TakeOver,
        _ handover: Handover,
        _ commandLine: [String]
    ) -> Invocation {
        do throws(MasterUsageProblem) {
            let options = try MasterOptions(
                parsing: Array(commandLine.dropFirst()),
                program: handover.processName,
                pid: processID()
            )
            // To a program that gets its process back, /proc names the file that it had: another one is there by now.
            let path = arrival.problem == nil ? ownProgramPath() : handover.programPath
            return Invocation(
                options,
                processName: handover.processName,
                arguments: commandLine,
                programPath: path
            )
        } catch {
            arrival.giveBack(handover, commandLine, error.message)
        }
    }
}

extension Master {
    /// The master that another program of this process has described; it owns every descriptor of the description.
    convenience init(
        continuing handover: Handover,
        _ invocation: Invocation,
        _ model: Model,
        _ offer: ServiceManagerOffer,
        loop: consuming EventLoop,
        log: Log
    ) {
        self.init(
            invocation,
            log: log,
            loop: loop,
            model: model,
            frozen: handover.frozen,
            flow: DescriptorPair(
                first: Descriptor(owning: handover.flow[0]),
                second: Descriptor(owning: handover.flow[1])
            ),
            locks: MasterLocks(
                pid: PidLock(file: Descriptor(owning: handover.locks[0])),
                data: PidLock(file: Descriptor(owning: handover.locks[1]))
            ),
            manager: offer
        )
        policy = handover.policy
        policy.isVerbose = log.verbosity > 0
        areChildrenVerbose = handover.areChildrenVerbose
        hasMainStrayed = handover.hasMainStrayed
        handover.board.restore(&board)
        helpers = Set(handover.helpers)
        isStandingIn = handover.isStandingIn
        acceptedMain = handover.acceptedMain
        for handed in handover.services { adopt(handed) }
    }

    private func adopt(_ handed: Handover.Service) {
        var listeners = DescriptorList()
        for number in handed.listeners { listeners.append(Descriptor(owning: number)) }
        var channel: StatusChannel?
        if let ends = handed.channel { channel = StatusChannel(adopting: ends) }
        let service = RunningService(
            handed.plan,
            listeners: listeners,
            channel: channel,
            isAdopted: handed.isAdopted
        )
        if let ends = handed.formerChannel { service.formerChannel = StatusChannel(adopting: ends) }
        service.isRefusing = handed.isRefusing
        service.outgoingCount = handed.outgoing
        service.id = handed.id
        prepareArguments(service)
        while services.count <= Int(handed.id.index) { services.append(nil) }
        services[Int(handed.id.index)] = service
    }

    /// To what no effect of the policy asks to listen to: those who are to leave, and administrators.
    func listen(_ handover: Handover) throws(SystemError) {
        for service in services.compactMap({ $0 }) {
            guard let reader = service.formerChannel?.readerNumber else { continue }
            let token = MasterEvent.reportsArrived.token(service.id)
            service.formerWatch = try loop.watch(reader, for: .readable, token: token)
        }
        try adopt(handover.desk)
    }

    /// Takes up timers, watches and channels where the other program had them, and then the configuration as it is now.
    func goOn(_ handover: Handover, _ reading: Reading, _ store: inout EndpointStore) {
        goOnCounting(handover.workerTotals)
        for service in activeServices { tryOutCounting(service) }
        policy.resume(now: now)
        followDraining()
        carryOut()
        if let exitTime = handover.exitTime { end(at: exitTime) }
        var troubles = reading.findings
        if let trouble = keepCopy(reading.main) { troubles.append(trouble) }
        let scope: RetirementScope = reading.main.bytes == handover.acceptedMain ? .changedServices : .everybody
        let changes = apply(reading.model, &store, retiring: scope, troubles: &troubles)
        for trouble in troubles { log.warning(trouble.logged) }
        if !changes.isEmpty { for line in changes.lines { log.info("upgrade: \(line)") } }
        exportLogTag(settings)
        adoptLogSettings()
        spawner.refreshEnvironment()
        for id in handover.unsentWakeups { carryOut(.sendWakeup(id)) }
        openControl()
        takeUpWaiting(handover)
        board.master.started = handover.started.milliseconds
        describeBoard()
        publish()
        publish(.upgrade)
        beginTellingManager()
        try? Signal.pipe.ignore()
        try? unblockAllSignals()
        reapSoon()
    }
}
