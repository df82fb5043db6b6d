//===----------------------------------------------------------------------===//
// Quartermaster: starting children
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

// A spawn is decided here, carried out by the caller, and answered with `spawned` or `spawnFailed`.
extension Policy {
    /// Work arrived that master was watching for: `waiting` clients, or 1 where that cannot be seen. Readiness that is
    /// out of date is ignored.
    package mutating func endpointReadable(_ id: ServiceID, waiting: Int32 = 1, now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].coverage == .uncovered,
            services[slot].coverageNow == .uncovered
        else { return }
        if services[slot].hasRoomForSeveral {
            services[slot].window.measured(waiting: max(waiting, 1))
        } else {
            services[slot].window.wantsOne()
        }
        startNext(slot, now)
    }

    /// The answer to `measureQueue`: `waiting` clients, or 0 where that cannot be seen.
    package mutating func queueMeasured(_ id: ServiceID, waiting: Int32, now: PolicyTime) {
        guard let slot = activeSlot(of: id) else { return }
        // Anything else, and the answer is out of date.
        guard services[slot].coverageNow == .idleChild else { return }
        services[slot].window.measured(waiting: waiting)
        startNext(slot, now)
    }

    /// Whether it matters how many clients wait when an endpoint is readable; where it does not, nobody has to count.
    package mutating func mayStartSeveral(_ id: ServiceID) -> Bool {
        activeSlot(of: id).map { services[$0].window.size > 1 && services[$0].hasRoomForSeveral } ?? false
    }

    /// Starts one of the children that are wanted for the queue, if it may be: `spawned` sees to the next one.
    private mutating func startNext(_ slot: Int, _ now: PolicyTime) {
        guard services[slot].wantsStart, mayStart(slot, now) else { return services[slot].window.stop() }
        counters.spawnsWanted += 1
        if services[slot].starting > 0 { counters.spawnsAhead += 1 }
        let isUnderStress = keepStress(slot, now)
        services[slot].spawn = .onPresentChannel
        settleWatch(slot, now)
        lastGeneration = lastGeneration.next
        want(.spawn(services[slot].id, lastGeneration, underStress: isUnderStress))
    }

    /// A child that is started beside others must not bring about the stress that would retire them before they have
    /// served anybody: it waits until they have.
    private func mayStart(_ slot: Int, _ now: PolicyTime) -> Bool {
        switch services[slot].coverageNow {
        case .uncovered: true
        case .idleChild: services[slot].isBelowLimit && !beginsStress(slot, now)
        case .leaving, .throttled, .spawning, .saturated: false
        }
    }

    /// New children that took a client leave room for others to start; if all who accept are still coming up, the queue
    /// tells whether they are enough.
    mutating func lookAtQueue(_ slot: Int) {
        let service = services[slot]
        guard service.window.isLookDue, service.spawn == .none else { return }
        services[slot].window.looked()
        guard service.coverage == .idleChild, service.idle == service.starting, service.starting < service.window.size
        else { return }
        want(.measureQueue(service.id))
    }

    /// Stress begins when the child that is wanted now may be the last one: the present children get a channel's end,
    /// so that they leave as soon as they can and come back in stress mode.
    private mutating func keepStress(_ slot: Int, _ now: PolicyTime) -> Bool {
        if mayBeTheLast(slot) {
            if beginsStress(slot, now) {
                counters.stressOnsets += 1
                restart(slot)
            }
            services[slot].stressUntil = now.advanced(bySeconds: PolicyLimit.stressSeconds)
        }
        return services[slot].stressUntil.map { $0 > now } ?? false
    }

    private func mayBeTheLast(_ slot: Int) -> Bool {
        services[slot].rules.isStressEligible && services[slot].total + 1 >= services[slot].rules.processLimit
    }

    private func beginsStress(_ slot: Int, _ now: PolicyTime) -> Bool {
        mayBeTheLast(slot) && services[slot].stressUntil.map { $0 < now } ?? true
    }

    /// The wanted child exists. It counts as one that accepts from now on, also when it `isDoomed`: it is known to fail.
    package mutating func spawned(
        _ id: ServiceID,
        pid: Int32,
        generation: Generation,
        isDoomed: Bool = false,
        now: PolicyTime
    ) {
        guard let slot = slot(of: id) else {
            // Nobody's child: it must not keep the endpoint.
            want(.terminate(pid: pid, signal: .term))
            return
        }
        forgetIfKnown(pid, now)
        let isRetired = services[slot].spawn == .onReplacedChannel
        let state = isRetired ? ChildState.retiredIdle : .starting
        services[slot].spawn = .none
        children.insert(Child(pid: pid, generation: generation, service: id, state: state))
        services[slot].total += 1
        services[slot].count(state, 1)
        counters.spawns += 1
        note(.spawned(pid: pid, id))
        switch services[slot].stage {
        case .leaving: want(.terminate(pid: pid, signal: .term))
        case .active, .vacant: if !isRetired { firstUse(slot) }
        }
        if isDoomed { services[slot].window.close() }
        startNext(slot, now)
        settleWatch(slot, now)
    }

    /// A pid comes back only after its last owner was reaped, so an old record is one whose end we were never told.
    private mutating func forgetIfKnown(_ pid: Int32, _ now: PolicyTime) {
        guard let old = children.slot(of: pid), let owner = slot(of: children[old].service) else { return }
        forget(old, of: owner, now)
    }

    /// No process could be made.
    package mutating func spawnFailed(_ id: ServiceID, now: PolicyTime) {
        guard let slot = slot(of: id), services[slot].spawn != .none else { return }
        services[slot].spawn = .none
        counters.spawnFailures += 1
        switch services[slot].stage {
        case .active: throttle(slot, now)
        case .leaving, .vacant: finishRemoval(slot)
        }
    }

    /// Starts nothing for a while. Children that exist are not affected.
    mutating func throttle(_ slot: Int, _ now: PolicyTime) {
        guard services[slot].stage == .active else { return }
        services[slot].window.close()
        if !services[slot].isThrottled {
            services[slot].isThrottled = true
            counters.throttles += 1
            let id = services[slot].id
            note(.throttling(id))
            let seconds = Int64(services[slot].rules.throttleSeconds)
            want(.startTimer(.throttle(id), milliseconds: seconds * 1000))
        }
        settleWatch(slot, now)
    }
}
