//===----------------------------------------------------------------------===//
// Quartermaster: administrators who drain, resume, retire, disable and stop
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import FixedMemory
import MasterConfig
import MasterControl
import MasterPolicy
import MasterProtocol
import SystemCalls

// What is asked for.
extension Master {
    func drain(_ reference: ServiceReference?, _ drain: ControlRequest.Drain, for slot: SlotID) {
        let drained: [ServiceID]
        if let reference {
            guard let service = named(reference, slot) else { return }
            policy.drainAsked(service.id, within: drain.timeoutSeconds, refusing: drain.refuses, now: now)
            drained = [service.id]
        } else {
            drained = drainAll(drain)
        }
        letWait(ControlWaiter(client: slot, matter: .drain(drained)))
    }

    /// Services that other machines reach come first: those that they need in turn go on until all of them are done.
    /// The service that writes the log is needed by everybody, and stays.
    @discardableResult
    func drainAll(_ drain: ControlRequest.Drain) -> [ServiceID] {
        desk.drainOfAll = drain
        let drained = activeServices.filter { $0 !== logService }
        for service in drained {
            policy.drainAsked(
                service.id,
                within: drain.timeoutSeconds,
                refusing: drain.refuses,
                last: !service.plan.entry.type.isInternet,
                now: now
            )
        }
        return drained.map(\.id)
    }

    func resume(_ reference: ServiceReference?, for slot: SlotID) {
        if let reference {
            guard let service = named(reference, slot) else { return }
            guard isDrained(service) else {
                return answerIdle(slot, service, unless: .disabled, "was not drained")
            }
            cancelStop()
            policy.resumeAsked(service.id, now: now)
            carryOut()
            // With the last service that was drained, the drain of all is over.
            if !activeServices.contains(where: isDrained) { desk.drainOfAll = nil }
            return answerOpened(slot, service)
        }
        desk.drainOfAll = nil
        cancelStop()
        let drained = activeServices.filter(isDrained)
        for service in drained { policy.resumeAsked(service.id, now: now) }
        carryOut()
        answer(slot, .ok, drained.isEmpty ? "nothing was drained" : "\(counted(drained.count, "service")) resumed")
    }

    private func isDrained(_ service: RunningService) -> Bool {
        policy.view(of: service.id)?.wishes.contains(.drained) == true
    }

    /// There was nothing to take back. Where something else keeps the service from its clients, that was meant, and is
    /// not done.
    private func answerIdle(_ slot: SlotID, _ service: RunningService, unless wish: SteeringWishes, _ text: String) {
        let name = service.fullName
        guard policy.view(of: service.id)?.wishes.contains(wish) == true else {
            return answer(slot, .ok, "\(name) \(text)")
        }
        let (state, cure) = wish == .disabled ? ("disabled", "enable") : ("drained", "resume")
        answer(slot, .refused, "\(name) \(text): it is \(state), and masterctl \(cure) \(name) ends that")
    }

    /// master does not end: somebody wants something served.
    private func cancelStop() {
        if desk.stopping != nil { log.info("stop is taken back, as a service is resumed") }
        desk.stopping = nil
    }

    func disable(_ reference: ServiceReference, for slot: SlotID) {
        guard let service = named(reference, slot) else { return }
        policy.disableAsked(service.id, now: now)
        carryOut()
        answer(slot, .ok, "\(service.fullName) is disabled until it is enabled, or until the next reload")
    }

    func enable(_ reference: ServiceReference, for slot: SlotID) {
        guard let service = named(reference, slot) else { return }
        guard policy.view(of: service.id)?.wishes.contains(.disabled) == true else {
            return answerIdle(slot, service, unless: .drained, "was not disabled")
        }
        policy.enableAsked(service.id, now: now)
        carryOut()
        answerOpened(slot, service)
    }

    /// The kernel may not let clients in again at once.
    private func answerOpened(_ slot: SlotID, _ service: RunningService) {
        let name = service.fullName
        if service.isRefusing, policy.view(of: service.id)?.wishes.isEmpty == true {
            return answer(
                slot,
                .failed,
                "\(name) cannot be opened to clients yet: the log says why, and master goes on trying"
            )
        }
        answer(slot, .ok, "\(name) is \(stateText(service.id))")
    }

    func retire(_ reference: ServiceReference, for slot: SlotID) {
        guard let service = named(reference, slot) else { return }
        if let view = policy.view(of: service.id) {
            let name = service.fullName
            if !view.wishes.isEmpty { return answer(slot, .refused, "\(name) is \(whyNotRetired(service.id))") }
            if view.total == 0, !view.isSpawnInFlight { return answer(slot, .ok, "\(name) has no process to replace") }
        }
        policy.retireAsked(service.id, now: now)
        letWait(ControlWaiter(client: slot, matter: .retire(service.id)))
    }

    func stop(_ seconds: Int?, for slot: SlotID) {
        let drained = drainAll(ControlRequest.Drain(timeoutSeconds: seconds))
        desk.stopping = drained
        letWait(ControlWaiter(client: slot, matter: .drain(drained)))
    }

    private func stateText(_ id: ServiceID) -> String {
        guard let view = policy.view(of: id) else { return "gone" }
        if view.wishes.contains(.disabled) { return "still disabled" }
        return view.wishes.contains(.drained) ? "still drained" : "served again"
    }
}

// Who waits.
extension Master {
    /// The client may have its answer at once: what it waits for follows from the effects that are carried out here.
    private func letWait(_ waiter: ControlWaiter) {
        desk.waiters.append(waiter)
        carryOut()
        // It is there to be told that others ask.
        controlListensAgain()
        guard desk.waiters.contains(where: { $0.client == waiter.client }) else { return }
        switch waiter.matter {
        case .drain:
            answerDrains()
            if desk.waiters.contains(where: { $0.client == waiter.client }) { tellProgress(to: waiter) }
            endIfStopped()
        case .retire: tellProgress(to: waiter)
        case .reload, .check, .upgrade: break
        }
    }

    /// Something that was asked for about this service has come to an end.
    func tellSteering(of id: ServiceID) {
        answerDrains()
        endIfStopped()
    }

    func answerDrains() {
        for waiter in desk.waiters {
            guard case .drain(let drained) = waiter.matter, drained.allSatisfy(isOver) else { continue }
            let (status, text) = verdict(waiter, drained)
            answer(waiter.client, status, text)
        }
    }

    /// Drained, or never going to be.
    private func isOver(_ id: ServiceID) -> Bool {
        guard let view = policy.view(of: id), !view.isLeaving else { return true }
        return view.steering == .left || view.steering == .serving
    }

    private func verdict(_ waiter: ControlWaiter, _ drained: [ServiceID]) -> (ControlReply.Status, String) {
        let isResumed = drained.contains { policy.view(of: $0)?.steering == .serving }
        if isResumed { return (.failed, "the drain was taken back: somebody resumed what was drained") }
        if waiter.cutOffCount > 0 {
            let others = waiter.cutOffCount - waiter.cutOff.count
            let more = others > 0 ? " and \(others) more" : ""
            let list = waiter.cutOff.joined(separator: ", ")
            let end = desk.stopping != nil ? "master ends" : "drained"
            return (
                .failed, "\(end), with \(counted(waiter.cutOffCount, "process", "processes")) cut off: \(list)\(more)"
            )
        }
        if desk.stopping != nil { return (.ok, "all processes have left, and master ends") }
        let clients = clientsOf(drained)
        if drained.count == 1, let service = service(drained[0]) {
            return (.ok, "\(service.fullName) is drained: \(clients)")
        }
        return (.ok, "\(counted(drained.count, "service")) drained: \(clients)")
    }

    /// What new clients of drained services meet: each service has it as it was drained last with `--refuse`, or never.
    private func clientsOf(_ drained: [ServiceID]) -> String {
        let refusing = drained.filter { policy.view(of: $0)?.isRefusing == true }
        if refusing.isEmpty { return "new clients wait" }
        if refusing.count == drained.count { return "new clients are turned away" }
        let names = refusing.prefix(10).compactMap { service($0)?.fullName }.joined(separator: ", ")
        let more = refusing.count > 10 ? " and \(refusing.count - 10) more" : ""
        return "new clients are turned away of \(names)\(more), and wait for the others"
    }

    func tellRetirement(of id: ServiceID, _ end: RetirementEnd) {
        let waiting = desk.waiters.filter { if case .retire(id) = $0.matter { true } else { false } }
        let name = service(id)?.fullName ?? "the service"
        if end == .done { log.info("service \(service(id)?.name ?? ""): all processes were replaced") }
        for waiter in waiting {
            switch end {
            case .done: answer(waiter.client, .ok, "all processes of \(name) were replaced")
            case .noChannel:
                answer(waiter.client, .failed, "descriptors are short: the processes of \(name) stay; try again")
            case .failedStart:
                answer(waiter.client, .failed, "new processes of \(name) fail, as the log tells: the old ones stay")
            case .throttled:
                answer(
                    waiter.client,
                    .refused,
                    "\(name) is throttled, so no new process can be started: the old ones stay;"
                        + " masterctl release \(name) first"
                )
            case .overtaken: answer(waiter.client, .failed, "\(name) is \(whyNotRetired(id))")
            }
        }
    }

    private func whyNotRetired(_ id: ServiceID) -> String {
        guard let view = policy.view(of: id), !view.isLeaving else { return "removed" }
        return view.wishes.contains(.disabled)
            ? "disabled: it has no processes to replace" : "drained: its processes leave"
    }

    /// For those who wait for a drain of the service.
    func rememberCutOff(_ pid: Int32, _ id: ServiceID) {
        for index in desk.waiters.indices {
            guard case .drain(let drained) = desk.waiters[index].matter, drained.contains(id) else { continue }
            desk.waiters[index].cutOffCount += 1
            if desk.waiters[index].cutOff.count < 20 {
                desk.waiters[index].cutOff.append("\(service(id)?.fullName ?? "") pid \(pid)")
            }
        }
    }

    /// Processes have ended: once a second at most, those who wait hear how many are left.
    func tellProgress() {
        if desk.waiters.isEmpty || now.milliseconds - desk.lastProgress.milliseconds < 1000 { return }
        desk.lastProgress = now
        for waiter in desk.waiters { tellProgress(to: waiter) }
    }

    private func tellProgress(to waiter: ControlWaiter) {
        switch waiter.matter {
        case .drain(let drained):
            let left = drained.reduce(0) { $0 + (policy.view(of: $1).map { Int($0.total + $0.draining) } ?? 0) }
            if left == 0 { return }
            say(.progress("\(counted(left, "process", "processes")) left to wait for"), to: waiter.client)
        case .retire(let id):
            let left = Int(policy.view(of: id)?.former ?? 0)
            if left == 0 { return }
            say(.progress("\(counted(left, "process", "processes")) left to replace"), to: waiter.client)
        case .reload, .check, .upgrade: break
        }
    }

    private func counted(_ count: Int, _ one: String, _ many: String? = nil) -> String {
        "\(count) \(count == 1 ? one : many ?? one + "s")"
    }

    /// Whoever asked was told.
    func endIfStopped() {
        guard let stopping = desk.stopping, stopping.allSatisfy(isOver) else { return }
        endAfterStop()
    }
}
