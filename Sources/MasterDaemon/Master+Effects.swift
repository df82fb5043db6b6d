//===----------------------------------------------------------------------===//
// Quartermaster: one effect of the policy at a time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterConfig
import MasterPolicy
import MasterProtocol
import StatusPage
import SystemCalls

extension Master {
    func carryOut(_ effect: Effect) {
        switch effect {
        case .watchEndpoints(let id): watchEndpoints(id)
        case .unwatchEndpoints(let id): service(id)?.endpointWatches.forEach { loop.stop($0) }
        case .openStatusChannel(let id): if let service = service(id) { openChannel(service) }
        case .replaceStatusChannel(let id): if let service = service(id) { replaceChannel(service) }
        case .closeStatusChannel(let id): if let service = service(id) { closeChannels(service) }
        case .closeEndpoints(let id): closeEndpoints(id)
        case .addStatusChannel(let id): addStatusChannel(id)
        case .withdrawStatusChannel(let id): if let service = service(id) { withdrawStatusChannel(service) }
        case .closeFormerChannel(let id): if let service = service(id) { closeFormerChannel(service) }
        case .refuseClients(let id): refuseClients(id)
        case .admitClients(let id): admitClients(id)
        case .lookWhetherEmpty(let id): lookWhetherEmpty(id)
        case .lookAtOutgoing(let id): lookAtOutgoing(id)
        case .closeOutgoing(let id): closeOutgoing(id)
        case .steeringEnded(let id): tellSteering(of: id)
        case .retirementEnded(let id, let end): tellRetirement(of: id, end)
        case .measureQueue(let id): policy.queueMeasured(id, waiting: clientsWaiting(id), now: now)
        case .countClients(let id): policy.clientsCounted(id, queueCount(id), now: now)
        case .lookAtQueue(let id):
            let sight = lookAtQueue(id)
            policy.queueLooked(id, sight, now: now)
            if sight == .clients { replaceIfShut(id) }
        case .spawn(let id, let generation, let underStress): spawn(id, generation, underStress: underStress)
        case .startTimer(let timer, let milliseconds): start(timer, milliseconds)
        case .cancelTimer(let timer): if let watch = timers.removeValue(forKey: timer) { loop.remove(watch) }
        case .sendWakeup(let id): sendWakeup(id)
        case .signal(let pid, let signal): send(signal.systemSignal, to: pid)
        case .serviceRemoved(let id): forget(id)
        case .note(let note): say(note)
        }
    }

    private func forget(_ id: ServiceID) {
        for timer in PolicyTimer.all(of: id) {
            if let watch = timers.removeValue(forKey: timer) { loop.remove(watch) }
        }
        if service(id) != nil { services[Int(id.index)] = nil }
    }

    // MARK: endpoints

    /// Watches those endpoints that are not watched yet.
    func watchEndpoints(_ id: ServiceID) {
        guard let service = service(id) else { return }
        do throws(SystemError) {
            for watch in service.endpointWatches { try loop.start(watch) }
            for number in service.listeners.numbers.dropFirst(service.endpointWatches.count) {
                let token = MasterEvent.endpointReadable.token(id)
                service.endpointWatches.append(try loop.watch(number, for: .readable, token: token))
            }
        } catch {
            service.say(.shortage, log, now) {
                "service \(service.name): cannot watch for clients: \(error) -- trying again"
            }
            publish(.shortage, id)
            policy.watchFailed(id, now: now)
        }
    }

    /// One poll(2) of all endpoints, whatever their type.
    func lookAtQueue(_ id: ServiceID) -> QueueSight {
        guard let service = service(id) else { return .noClient }
        do throws(SystemError) {
            return try anyReadable(service.listeners.numbers) ? .clients : .noClient
        } catch {
            return .notTold
        }
    }

    private func lookAtOutgoing(_ id: ServiceID) {
        guard let service = service(id) else { return }
        let sight: QueueSight
        do throws(SystemError) {
            sight = try anyReadable(service.outgoing) ? .clients : .noClient
        } catch {
            sight = .notTold
        }
        policy.outgoingSeen(id, sight, now: now)
    }

    private func closeEndpoints(_ id: ServiceID) {
        guard let service = service(id) else { return }
        service.leaveEndpoints(owner, log)
        for watch in service.endpointWatches { loop.remove(watch) }
        service.endpointWatches = []
        for failure in service.listeners.closeAll() {
            log.warning(
                "master_listen_cleanup: close listener socket \(failure.number.rawValue): \(failure.error.reason)"
            )
        }
    }

    // MARK: children

    private func spawn(_ id: ServiceID, _ generation: Generation, underStress: Bool) {
        guard let service = service(id), let status = service.channel?.childNumber else {
            return policy.spawnFailed(id, .noChannel, now: now)
        }
        switch spawner.start(service, status: status, generation: generation, underStress: underStress) {
        case .started(let pid): policy.spawned(id, pid: pid, generation: generation, now: now)
        case .execFailed(let pid, let error):
            log.warning("master_spawn: exec \(service.plan.entry.executablePath): \(error.reason)")
            policy.spawned(id, pid: pid, generation: generation, isDoomed: true, now: now)
        case .moveFailed(let pid, let target, let error):
            log.warning("master_spawn: dup2 \(moveName(target)): \(error.reason)")
            policy.spawned(id, pid: pid, generation: generation, isDoomed: true, now: now)
        case .forkFailed(let error):
            log.warning("master_spawn: fork: \(error.reason) -- throttling")
            policy.spawnFailed(id, .fork, now: now)
        }
    }

    private func moveName(_ target: DescriptorNumber) -> String {
        switch target.rawValue {
        case InheritedDescriptor.status: "status_fd"
        case InheritedDescriptor.firstListener...: "listen_fd \(target.rawValue)"
        default: "flow pipe descriptor \(target.rawValue)"
        }
    }

    // MARK: timers and wake-ups

    private func start(_ timer: PolicyTimer, _ milliseconds: Int64) {
        let watch = timers[timer] ?? loop.makeTimer(token: timer.token)
        timers[timer] = watch
        loop.arm(watch, milliseconds: milliseconds)
    }

    private func sendWakeup(_ id: ServiceID) {
        guard let service = service(id) else { return }
        publish(.wakeup, id)
        warn(wakeups.send(to: service.plan, owner: owner, loop: &loop, log: log))
    }

    // MARK: notes

    private func say(_ note: PolicyNote) {
        publishEvent(note)
        if note.isVerbose && log.verbosity == 0 { return }
        // Process 1 inherits orphans, whose ends are of no interest.
        if case .unknownChild = note, options.isInit { return }
        if let id = note.endedService, service(id)?.passEnd(log, now) == .closed { return }
        if let (id, kind) = note.provocation, service(id)?.pass(kind, log, now) != .open { return }
        attendToLog()
        if case .cutOff(let pid, let id) = note { rememberCutOff(pid, id) }
        for (level, text) in note.text({ service($0)?.plan }) {
            switch level {
            case .info: log.info(text)
            case .warning: log.warning(text)
            }
        }
    }
}

extension ChildSignal {
    var systemSignal: Signal {
        switch self {
        case .terminate: .terminate
        case .kill: .kill
        case .look: .urgent
        }
    }
}
