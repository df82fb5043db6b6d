//===----------------------------------------------------------------------===//
// Quartermaster: throttles and wake-ups that are due
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// Every timer is one-shot and starts again only by a decision; one that fires late for a service that no longer wants
// it is ignored.
extension Policy {
    package mutating func timerFired(_ timer: PolicyTimer, now: PolicyTime) {
        switch timer {
        case .throttle(let id): throttleEnded(id, now)
        case .wakeup(let id): wakeupDue(id, now)
        case .look(let id): lookDue(id, now)
        case .retry(let id): retryDue(id, now)
        case .removalDeadline(let id): removalDeadlinePassed(id, now)
        case .steeringLook(let id): steeringLookDue(id, now)
        case .steeringDeadline(let id): steeringDeadlinePassed(id, now)
        case .retirementStep(let id): retirementStepDue(id, now)
        case .turn(let id): turnCame(id, now)
        case .outgoingLook(let id): outgoingLookDue(id)
        }
    }

    private mutating func throttleEnded(_ id: ServiceID, _ now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].isThrottled else { return }
        releaseThrottle(slot)
        settleWatch(slot, now)
    }

    mutating func releaseThrottle(_ slot: Int) {
        services[slot].throttle = nil
        counters.throttleReleases += 1
        note(.throttleReleased(services[slot].id))
    }

    /// Sends a wake-up now and then one every wake-up time, unless there is none, the first client is awaited,
    /// or the service is held.
    mutating func startWakeups(_ slot: Int, _ now: PolicyTime) {
        let service = services[slot]
        guard service.rules.wakeupSeconds > 0, !service.isAwaitingFirstUse, !service.steering.isHeld else { return }
        wakeup(slot, now)
    }

    /// The service has other ones from now on.
    mutating func renewWakeups(_ slot: Int, _ now: PolicyTime) {
        stopWakeups(slot)
        services[slot].isAwaitingFirstUse = services[slot].rules.isWakeupConditional
        startWakeups(slot, now)
    }

    mutating func stopWakeups(_ slot: Int) {
        guard services[slot].wakeupDue != nil else { return }
        services[slot].wakeupDue = nil
        want(.cancelTimer(.wakeup(services[slot].id)))
    }

    private mutating func wakeupDue(_ id: ServiceID, _ now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].wakeupDue != nil else { return }
        wakeup(slot, now)
    }

    private mutating func wakeup(_ slot: Int, _ now: PolicyTime) {
        let service = services[slot]
        if service.isThrottled {
            counters.wakeupsSkipped += 1
        } else {
            counters.wakeups += 1
            services[slot].figures.wakeups += 1
            want(.sendWakeup(service.id))
        }
        let seconds = Int(service.rules.wakeupSeconds)
        services[slot].wakeupDue = now.advanced(bySeconds: seconds)
        tell(slot, .figures)
        want(.startTimer(.wakeup(service.id), milliseconds: Int64(seconds) * 1000))
    }

    /// A client started the first child: from now on there are wake-ups, beginning with one in addition to the client.
    mutating func firstUse(_ slot: Int, _ now: PolicyTime) {
        guard services[slot].isAwaitingFirstUse else { return }
        services[slot].isAwaitingFirstUse = false
        guard services[slot].rules.wakeupSeconds > 0 else { return }
        note(.conditionalTimerStarted(services[slot].id))
        startWakeups(slot, now)
    }
}
