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
        case .wakeup(let id): wakeupDue(id)
        case .removalDeadline(let id): removalDeadlinePassed(id)
        }
    }

    private mutating func throttleEnded(_ id: ServiceID, _ now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].isThrottled else { return }
        services[slot].isThrottled = false
        counters.throttleReleases += 1
        note(.throttleReleased(id))
        settleWatch(slot, now)
    }

    /// Sends a wake-up now and then one every wake-up time, unless there is none or the first client is awaited.
    mutating func startWakeups(_ slot: Int) {
        guard services[slot].rules.wakeupSeconds > 0, !services[slot].isAwaitingFirstUse else { return }
        services[slot].isWakeupRunning = true
        wakeup(slot)
    }

    mutating func stopWakeups(_ slot: Int) {
        guard services[slot].isWakeupRunning else { return }
        services[slot].isWakeupRunning = false
        want(.cancelTimer(.wakeup(services[slot].id)))
    }

    private mutating func wakeupDue(_ id: ServiceID) {
        guard let slot = activeSlot(of: id), services[slot].isWakeupRunning else { return }
        wakeup(slot)
    }

    private mutating func wakeup(_ slot: Int) {
        let service = services[slot]
        if service.isThrottled {
            counters.wakeupsSkipped += 1
        } else {
            counters.wakeups += 1
            want(.sendWakeup(service.id))
        }
        want(.startTimer(.wakeup(service.id), milliseconds: Int64(service.rules.wakeupSeconds) * 1000))
    }

    /// A client started the first child: from now on there are wake-ups, beginning with one in addition to the client.
    mutating func firstUse(_ slot: Int) {
        guard services[slot].isAwaitingFirstUse else { return }
        services[slot].isAwaitingFirstUse = false
        guard services[slot].rules.wakeupSeconds > 0 else { return }
        note(.conditionalTimerStarted(services[slot].id))
        startWakeups(slot)
    }
}
