//===----------------------------------------------------------------------===//
// Quartermaster: changing and removing services
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// A changed service keeps its endpoints; its children leave when convenient. A removed one gives up its endpoints at
// once and lingers only until its children are gone, and master does not wait for them.
//
//     its processes are told to leave | when                                                   | and wake-ups
//     --------------------------------+--------------------------------------------------------+--------------
//     at once                         | what they know has changed                             | begin anew
//     after a time                    | the same, and the reload is spread out (`ReloadTurns`) | then, the same
//     never                           | nothing that they know has changed                     | go on
extension Policy {
    /// The service is still configured, with these rules. A throttle after a failed start ends, because its cause may
    /// be gone, wherever it was; one after a failed fork stays. Not changed: stress, counts, and when the process limit
    /// was last noted.
    package mutating func updateService(
        _ id: ServiceID,
        _ rules: ServiceRules,
        retiring: Retiring = .atOnce,
        now: PolicyTime
    ) {
        guard let slot = activeSlot(of: id) else { return }
        if services[slot].throttle?.cause == .failedStart {
            want(.cancelTimer(.throttle(id)))
            releaseThrottle(slot)
        }
        let before = services[slot].rules
        if before != rules { services[slot].window.close() }
        services[slot].rules = rules
        switch retiring {
        case .atOnce: renew(slot, now)
        case .after(let milliseconds):
            if services[slot].rules.hasOtherWakeups(than: before) { renewWakeups(slot, now) }
            planTurn(slot, milliseconds, now)
        case .never: break
        }
        if retiring != .never {
            counters.servicesUpdated += 1
            tell(slot, .identity)
        }
        settleWatch(slot, now)
    }

    /// As if the service had just been added, but for what it has: its endpoints, and processes that leave.
    mutating func renew(_ slot: Int, _ now: PolicyTime) {
        services[slot].window.close()
        services[slot].isAwaitingFirstUse = services[slot].rules.isWakeupConditional
        restart(slot, now)
    }

    /// Gives the service a new status channel, which retires its children.
    mutating func restart(_ slot: Int, _ now: PolicyTime) {
        cancelTurn(slot)
        stopWakeups(slot)
        hastenRetirement(slot)
        retireChildren(slot, .all, now)
        services[slot].owed.remove(.channel)
        want(.replaceStatusChannel(services[slot].id))
        startWakeups(slot, now)
    }

    /// Channels of the service are at their end.
    mutating func retireChildren(_ slot: Int, _ channels: EndedChannels, _ now: PolicyTime) {
        services[slot].account(until: now)
        var service = services[slot]
        var retired: UInt64 = 0
        var unlisted: [Int32] = []
        let (isTelling, round) = (changes.isKept, changes.round)
        children.updateEach(of: service.id) { child in
            guard channels.reach(child) else { return }
            let before = child.state
            guard child.apply(.channelReplaced, now) == .changed else { return }
            service.count(before, -1)
            service.count(child.state, 1)
            retired += 1
            guard isTelling, child.listedIn != round else { return }
            unlisted.append(child.pid)
            child.listedIn = round
        }
        service.spawn = channels.leave(service.spawn)
        services[slot] = service
        for pid in unlisted { changes.children.append(pid) }
        counters.retiredChildren += retired
    }

    /// The service is no longer configured.
    package mutating func removeService(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id) else { return }
        dropSteering(slot)
        dropRetirement(slot)
        cancelTurn(slot)
        dropOutgoing(slot)
        stopWakeups(slot)
        stopLooks(slot)
        stopRetries(slot)
        if services[slot].isThrottled {
            services[slot].throttle = nil
            want(.cancelTimer(.throttle(id)))
        }
        services[slot].stage = .leaving
        services[slot].window.close()
        settleWatch(slot, now)
        want(.closeStatusChannel(id))
        want(.closeEndpoints(id))
        signalChildren(of: id, .terminate)
        if isLeft(slot) {
            free(slot)
        } else if !isEmpty(slot) {
            services[slot].removalDue = now.advanced(bySeconds: PolicyLimit.removalSeconds)
            want(.startTimer(.removalDeadline(id), milliseconds: Int64(PolicyLimit.removalSeconds) * 1000))
        }
    }

    private mutating func signalChildren(of id: ServiceID, _ signal: ChildSignal) {
        let children = children
        // Those who finish the clients of others are left in peace, as under Postfix's master, which does not know
        // them.
        children.forEach { if $0.service == id, $0.state != .draining { want(.signal(pid: $0.pid, signal)) } }
    }

    func isEmpty(_ slot: Int) -> Bool { services[slot].total == 0 && services[slot].spawn == .none }

    /// Not even a client of a child that has left is there any more.
    func isLeft(_ slot: Int) -> Bool { isEmpty(slot) && services[slot].draining == 0 }

    /// Looks whether the last process of a leaving service is gone.
    mutating func finishRemoval(_ slot: Int) {
        guard services[slot].stage == .leaving, isLeft(slot) else { return }
        want(.cancelTimer(.removalDeadline(services[slot].id)))
        free(slot)
    }

    private mutating func free(_ slot: Int) {
        services[slot].stage = .vacant
        tell(slot, [.load, .figures, .identity])
        counters.servicesRemoved += 1
        want(.serviceRemoved(services[slot].id))
    }

    /// The children of a removed service had their time.
    mutating func removalDeadlinePassed(_ id: ServiceID, _ now: PolicyTime) {
        guard let slot = slot(of: id), services[slot].stage == .leaving else { return }
        services[slot].removalDue = nil
        if isEmpty(slot) { return }
        counters.removalsForced += 1
        services[slot].suffered(.removalForced, number: services[slot].total, now)
        tell(slot, .figures)
        note(.removalForced(id, children: services[slot].total))
        signalChildren(of: id, .kill)
    }
}

/// Which channels of a service are at their end.
enum EndedChannels {
    case all
    case former
    /// The present one, beside a former that takes its place.
    case fresh

    func reach(_ child: Child) -> Bool {
        switch self {
        case .all: true
        case .former: child.isFormer
        case .fresh: !child.isFormer
        }
    }

    /// On which channel a child will be that is being started.
    func leave(_ spawn: Service.SpawnInFlight) -> Service.SpawnInFlight {
        switch (self, spawn) {
        case (_, .none), (.former, .onPresentChannel): spawn
        case (.fresh, .onFormerChannel): .onPresentChannel
        case (.all, _), (.former, _), (.fresh, _): .onReplacedChannel
        }
    }
}
