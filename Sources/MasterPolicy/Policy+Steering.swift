//===----------------------------------------------------------------------===//
// Quartermaster: what administrators ask for beside the configuration
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// The table is in `Steering.swift`. Whoever asked is told by `steeringEnded` when there is something to tell.
extension Policy {
    /// The throttle ends now.
    package mutating func releaseAsked(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].isThrottled else { return }
        want(.cancelTimer(.throttle(id)))
        releaseThrottle(slot)
        settleWatch(slot, now)
    }

    /// The service's processes shall leave. What is still there after `seconds` is ended; nil: nothing is.
    ///
    /// - Parameter last: others need the service: it goes on until they are done with it.
    package mutating func drainAsked(
        _ id: ServiceID,
        within seconds: Int?,
        refusing: Bool,
        last: Bool = false,
        now: PolicyTime
    ) {
        guard let slot = activeSlot(of: id) else { return }
        counters.drains += 1
        services[slot].steering.wishes.formUnion(refusing ? [.drained, .refusing] : .drained)
        beginSteering(slot, last: last, now)
        if services[slot].steering.phase == .left { return }
        setDeadline(slot, seconds.map { now.advanced(bySeconds: $0) }, now)
    }

    /// Not served until `enableAsked`; new clients are turned away.
    package mutating func disableAsked(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id) else { return }
        services[slot].steering.wishes.insert(.disabled)
        beginSteering(slot, last: false, now)
    }

    package mutating func resumeAsked(_ id: ServiceID, now: PolicyTime) {
        withdraw([.drained, .refusing], from: id, now)
    }

    package mutating func enableAsked(_ id: ServiceID, now: PolicyTime) { withdraw(.disabled, from: id, now) }

    private mutating func beginSteering(_ slot: Int, last: Bool, _ now: PolicyTime) {
        switch (services[slot].steering.phase, last) {
        case (.serving, true):
            services[slot].steering.cutOff = 0
            services[slot].steering.phase = .queued
            planSteeringLook(slot, now)
        case (.queued, true): break
        case (.serving, false), (.queued, false):
            services[slot].steering.cutOff = 0
            refuseIfWished(slot)
            if services[slot].steering.isRefusing {
                services[slot].steering.phase = .emptying
                tell(slot, .load)
                planSteeringLook(slot, now)
            } else {
                leave(slot, now)
            }
        case (.emptying, _), (.leaving, _), (.left, _): refuseIfWished(slot)
        }
    }

    private mutating func refuseIfWished(_ slot: Int) {
        let steering = services[slot].steering
        guard steering.wishes.wantsRefusal, !steering.isRefusing else { return }
        setRefusing(slot, true)
        services[slot].owed.remove(.admission)
        counters.refusals += 1
        want(.refuseClients(services[slot].id))
    }

    private mutating func setRefusing(_ slot: Int, _ isRefusing: Bool) {
        services[slot].steering.isRefusing = isRefusing
        tell(slot, .figures)
    }

    /// New clients cannot be turned away, so they wait.
    package mutating func refusalFailed(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].steering.isRefusing else { return }
        setRefusing(slot, false)
        if services[slot].steering.phase == .emptying { leave(slot, now) }
    }

    /// The endpoints or the channel are others than those that the service's processes have: they leave.
    package mutating func processesAreOutdated(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id) else { return }
        services[slot].window.close()
        restart(slot, now)
        settleWatch(slot, now)
    }

    /// Master stops watching, and all processes are told to leave.
    private mutating func leave(_ slot: Int, _ now: PolicyTime) {
        cancelSteeringLook(slot)
        services[slot].steering.phase = .leaving
        services[slot].window.close()
        restart(slot, now)
        settleWatch(slot, now)
        finishDrain(slot)
    }

    /// Looks whether the last process has left, those included that finish the clients of others.
    mutating func finishDrain(_ slot: Int) {
        guard services[slot].steering.phase == .leaving, isLeft(slot) else { return }
        services[slot].steering.phase = .left
        setDeadline(slot, nil, PolicyTime(milliseconds: 0))
        note(.drained(services[slot].id, cutOff: services[slot].steering.cutOff))
        want(.steeringEnded(services[slot].id))
    }

    private mutating func withdraw(_ wishes: SteeringWishes, from id: ServiceID, _ now: PolicyTime) {
        guard let slot = activeSlot(of: id), !services[slot].steering.wishes.isDisjoint(with: wishes) else { return }
        services[slot].steering.wishes.subtract(wishes)
        // A deadline is a drain's, whatever else there is.
        if wishes.contains(.drained) { setDeadline(slot, nil, now) }
        if services[slot].steering.isRefusing, !services[slot].steering.wishes.wantsRefusal {
            setRefusing(slot, false)
            services[slot].failedAdmissions = 0
            want(.admitClients(id))
        }
        if services[slot].steering.wishes.wantsHold { return }
        let wasHeld = services[slot].steering.isHeld
        cancelSteeringLook(slot)
        services[slot].steering.phase = .serving
        if wasHeld { startWakeups(slot, now) }
        settleWatch(slot, now)
        note(.resumed(id))
        want(.steeringEnded(id))
    }

    /// The service is removed, and whatever was asked about it with it.
    mutating func dropSteering(_ slot: Int) {
        if services[slot].steering.wishes.isEmpty { return }
        cancelSteeringLook(slot)
        setDeadline(slot, nil, PolicyTime(milliseconds: 0))
        services[slot].steering = Steering()
        want(.steeringEnded(services[slot].id))
    }
}

// Looks and deadlines.
extension Policy {
    private mutating func planSteeringLook(_ slot: Int, _ now: PolicyTime) {
        cancelSteeringLook(slot)
        services[slot].steering.lookDue = now.advanced(byMilliseconds: PolicyLimit.steeringMilliseconds)
        want(.startTimer(.steeringLook(services[slot].id), milliseconds: PolicyLimit.steeringMilliseconds))
    }

    private mutating func cancelSteeringLook(_ slot: Int) {
        if services[slot].steering.lookDue != nil { want(.cancelTimer(.steeringLook(services[slot].id))) }
        services[slot].steering.lookDue = nil
    }

    mutating func steeringLookDue(_ id: ServiceID, _ now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].steering.lookDue != nil else { return }
        services[slot].steering.lookDue = nil
        switch services[slot].steering.phase {
        case .queued:
            if isAnyoneBusy { planSteeringLook(slot, now) } else { leaveAllQueued(now) }
        case .emptying: want(.lookWhetherEmpty(id))
        case .serving, .leaving, .left: break
        }
    }

    /// The answer to `lookWhetherEmpty`.
    package mutating func emptinessSeen(_ id: ServiceID, _ sight: QueueSight, now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].steering.phase == .emptying else { return }
        switch sight {
        case .noClient: leave(slot, now)
        case .clients, .notTold: if services[slot].steering.lookDue == nil { planSteeringLook(slot, now) }
        }
    }

    /// Whether a service is still on its way out before those that are queued, or a process of those is at work, so
    /// that it may need another of them.
    private var isAnyoneBusy: Bool {
        services.contains { service in
            guard service.stage == .active else { return false }
            switch service.steering.phase {
            case .emptying, .leaving: return true
            case .queued: return service.busy > 0 || service.spawn != .none
            case .serving, .left: return false
            }
        }
    }

    private mutating func leaveAllQueued(_ now: PolicyTime) {
        for slot in services.indices where services[slot].steering.phase == .queued {
            refuseIfWished(slot)
            leave(slot, now)
        }
    }

    private mutating func setDeadline(_ slot: Int, _ deadline: PolicyTime?, _ now: PolicyTime) {
        let timer = PolicyTimer.steeringDeadline(services[slot].id)
        if services[slot].steering.deadline != nil { want(.cancelTimer(timer)) }
        if let deadline { want(.startTimer(timer, milliseconds: max(deadline.milliseconds - now.milliseconds, 0))) }
        services[slot].steering.deadline = deadline
        services[slot].steering.isTerminated = false
    }

    mutating func steeringDeadlinePassed(_ id: ServiceID, _ now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].steering.deadline != nil else { return }
        let isLast = services[slot].steering.isTerminated
        services[slot].steering.deadline = nil
        let wasLeaving = services[slot].steering.phase == .leaving
        if !wasLeaving { leave(slot, now) }
        guard services[slot].steering.phase == .leaving else { return }
        // Those who are idle have only just been told to leave, and will.
        cutOff(slot, isLast ? .kill : .terminate, idleToo: wasLeaving)
        guard !isLast else { return }
        setDeadline(slot, now.advanced(bySeconds: PolicyLimit.removalSeconds), now)
        services[slot].steering.isTerminated = true
    }

    private mutating func cutOff(_ slot: Int, _ signal: ChildSignal, idleToo: Bool) {
        let id = services[slot].id
        var ended: [Int32] = []
        var fresh: [Int32] = []
        children.updateEach(of: id) { child in
            guard idleToo || child.state != .retiredIdle else { return }
            ended.append(child.pid)
            if child.isCutOff { return }
            child.isCutOff = true
            fresh.append(child.pid)
        }
        services[slot].steering.cutOff += Int32(clamping: fresh.count)
        counters.processesCutOff += UInt64(fresh.count)
        for pid in fresh { note(.cutOff(pid: pid, id)) }
        for pid in ended { want(.signal(pid: pid, signal)) }
    }
}
