//===----------------------------------------------------------------------===//
// Quartermaster: looking at queues that idle children should empty
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// When looks are due, and what they lead to, is decided by `QueueLooks`; here it meets children and counts.
extension Policy {
    /// Whether children were heard of.
    mutating func lookIfActive(_ slot: Int, _ now: PolicyTime) {
        guard services[slot].looks.isActive, services[slot].hasSubstitutes else { return }
        // One that was to count the clients of a full service comes sooner.
        if let due = services[slot].looks.due, due <= now.advanced(byMilliseconds: QueueLooks.intervalMilliseconds) {
            return
        }
        planLook(slot, now)
    }

    /// A child is gone. Others that are idle may not know of the client that it was woken for.
    mutating func lookAfterEnd(_ slot: Int) {
        services[slot].looks.isActive = true
        guard services[slot].looks.due == nil, isLookWorthwhile(slot) else { return }
        want(.lookAtQueue(services[slot].id))
    }

    /// A client came while master stood by. A child was woken for it, and most likely takes it.
    mutating func endStandby(_ slot: Int, _ now: PolicyTime) {
        services[slot].looks.isActive = true
        lookIfActive(slot, now)
        settleWatch(slot, now)
    }

    /// Whether a client that comes now is one of its idle children's. What they have said need not be read first.
    package func isStandingBy(_ id: ServiceID) -> Bool {
        slot(of: id).map { services[$0].watch == .standby } ?? false
    }

    /// Where master watches, it sees clients itself; where all are busy, they will come to the queue.
    private func isLookWorthwhile(_ slot: Int) -> Bool {
        services[slot].stage == .active && services[slot].idle > 0
    }

    mutating func planLook(
        _ slot: Int,
        after interval: Int64 = QueueLooks.intervalMilliseconds,
        _ now: PolicyTime
    ) {
        guard services[slot].stage == .active else { return }
        services[slot].looks.due = now.advanced(byMilliseconds: interval)
        want(.startTimer(.look(services[slot].id), milliseconds: interval))
    }

    mutating func lookDue(_ id: ServiceID, _ now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].looks.due != nil else { return }
        services[slot].looks.due = nil
        if isLookWorthwhile(slot) { return want(.lookAtQueue(id)) }
        services[slot].looks.pause()
        if services[slot].keepsWaiting { countIfDue(slot, now) }
    }

    mutating func stopLooks(_ slot: Int) {
        if services[slot].looks.due != nil { want(.cancelTimer(.look(services[slot].id))) }
        services[slot].looks = QueueLooks()
    }

    /// The answer to `lookAtQueue`.
    package mutating func queueLooked(_ id: ServiceID, _ sight: QueueSight, now: PolicyTime) {
        guard let slot = activeSlot(of: id) else { return }
        counters.looks += 1
        services[slot].looked(sight, now)
        tell(slot, .load)
        // No other process can help one that is alone.
        guard isLookWorthwhile(slot), services[slot].hasSubstitutes else { return services[slot].looks.pause() }
        switch services[slot].looks.saw(sight) {
        case .nothing: return settleWatch(slot, now)
        case .lookAgain: break
        case .nudge: nudge(slot)
        case .nudgeAndStart:
            startBesideIdle(slot, now)
            nudge(slot)
        }
        if services[slot].looks.due == nil { planLook(slot, now) }
    }

    /// Asks all who are idle: one of them is enough, and who reacts is not known beforehand.
    private mutating func nudge(_ slot: Int) {
        let id = services[slot].id
        var nudged: [Int32] = []
        children.updateEach(of: id) { child in
            guard child.isIdle else { return }
            child.isNudged = true
            nudged.append(child.pid)
        }
        for pid in nudged { want(.signal(pid: pid, .look)) }
        counters.nudges += UInt64(nudged.count)
        note(.nudged(id, children: Int32(clamping: nudged.count)))
    }
}

extension Service {
    fileprivate mutating func looked(_ sight: QueueSight, _ now: PolicyTime) {
        switch sight {
        case .noClient:
            crowd.since = nil
            figures.looked(waiting: 0, isSaturated: coverage == .saturated, now)
        case .clients: figures.looked(waiting: max(figures.clientsWaiting, 1), isSaturated: coverage == .saturated, now)
        case .notTold: break
        }
    }
}
