//===----------------------------------------------------------------------===//
// Quartermaster: starting children
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

// A spawn is decided here, carried out by the caller, and answered with `spawned` or `spawnFailed`.
extension Policy {
    /// Work arrived that master was watching for, or standing by. Readiness that is out of date is ignored. How many
    /// clients wait is asked only where more than one child could be started for them.
    package mutating func endpointReadable(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id) else { return }
        if services[slot].watch == .standby { return endStandby(slot, now) }
        guard services[slot].coverage == .uncovered else { return }
        if services[slot].window.size > 1, services[slot].hasRoomForSeveral { return want(.measureQueue(id)) }
        if services[slot].hasRoomForSeveral {
            services[slot].window.measured(waiting: 1)
        } else {
            services[slot].window.wantsOne()
        }
        startNext(slot, now)
    }

    /// The answer to `measureQueue`: `waiting` clients, or 0 where that cannot be seen.
    package mutating func queueMeasured(_ id: ServiceID, waiting: Int32, now: PolicyTime) {
        guard let slot = activeSlot(of: id) else { return }
        let coverage = services[slot].coverageNow
        services[slot].account(until: now)
        tell(slot, .load)
        services[slot].figures.looked(waiting: waiting, isSaturated: coverage == .saturated, now)
        switch coverage {
        // An endpoint was readable: there is one client at least.
        case .uncovered: services[slot].window.measured(waiting: max(waiting, 1))
        case .idleChild: services[slot].window.measured(waiting: waiting)
        // Nothing can be started for them, but whoever looks at master wants to know.
        case .saturated: return countSoon(slot, now)
        // The answer is out of date.
        case .leaving, .held, .noChannel, .throttled, .spawning: return
        }
        startNext(slot, now)
    }

    /// Starts one of the children that are wanted for the queue, if it may be: `spawned` sees to the next one.
    private mutating func startNext(_ slot: Int, _ now: PolicyTime) {
        let reason: StartReason = services[slot].coverageNow == .uncovered ? .clientCame : .queueIsLong
        guard mayStart(slot, reason, now) else { return services[slot].window.stop() }
        if services[slot].starting > 0 { counters.spawnsAhead += 1 }
        start(slot, reason, now)
    }

    /// Idle children do not react, so one that does is needed.
    mutating func startBesideIdle(_ slot: Int, _ now: PolicyTime) {
        guard mayStart(slot, .queueStands, now) else { return }
        counters.spawnsBesideIdle += 1
        services[slot].suffered(.queueStands, number: services[slot].idle, now)
        note(.queueStands(services[slot].id, idle: services[slot].idle))
        start(slot, .queueStands, now)
    }

    /// The one place that says whether one more child may be started.
    ///
    ///     reason      | covered by  | and
    ///     ------------+-------------+-------------------------------------------------------------------------------
    ///     clientCame  | master      | the queue that was measured wants it
    ///     queueIsLong | idle child  | below the limit, the queue wants more than accept, no stress begins
    ///     queueStands | idle child  | below the limit, no start that is younger than `PolicyLimit.patienceSeconds`
    ///     replacing   | master or   | below the limit
    ///                 | idle child  |
    ///
    /// A child that is started beside others must not bring about the stress that would retire them before they have
    /// served a client: it waits until they have. One that replaces another is no sign of load, and begins no stress.
    func mayStart(_ slot: Int, _ reason: StartReason, _ now: PolicyTime) -> Bool {
        let service = services[slot]
        let isWanted = service.window.wantsStart(accepting: service.idle, starting: service.starting)
        switch (service.coverageNow, reason) {
        case (.uncovered, .clientCame): return isWanted
        case (.idleChild, .queueIsLong): return isWanted && service.isBelowLimit && !beginsStress(slot, now)
        case (.idleChild, .queueStands):
            guard service.isBelowLimit else { return false }
            if service.starting == 0 { return true }
            let patience = service.lastSpawn?.advanced(bySeconds: PolicyLimit.patienceSeconds) ?? now
            return patience <= now && !beginsStress(slot, now)
        case (.uncovered, .replacing), (.idleChild, .replacing): return service.isBelowLimit
        case (.uncovered, .queueIsLong), (.uncovered, .queueStands), (.idleChild, .clientCame), (.leaving, _),
            (.held, _), (.noChannel, _), (.throttled, _), (.spawning, _), (.saturated, _):
            return false
        }
    }

    mutating func start(_ slot: Int, _ reason: StartReason, _ now: PolicyTime) {
        counters.spawnsWanted += 1
        if isVerbose { note(.starting(services[slot].id, reason)) }
        let isUnderStress = keepStress(slot, reason, now)
        services[slot].spawn = .onPresentChannel
        services[slot].lastSpawn = now
        settleWatch(slot, now)
        lastGeneration = lastGeneration.next
        want(.spawn(services[slot].id, lastGeneration, underStress: isUnderStress))
    }

    /// New children that took a client leave room for others to start; if all who accept are still coming up, the queue
    /// tells whether they are enough.
    mutating func measureIfDue(_ slot: Int) {
        let service = services[slot]
        guard service.window.isMeasureDue, service.spawn == .none else { return }
        services[slot].window.measureAsked()
        guard service.coverage == .idleChild, service.idle == service.starting, service.starting < service.window.size
        else { return }
        want(.measureQueue(service.id))
    }

    /// The wanted child exists. It counts as one that accepts from now on, also when it `isDoomed`: it is known to
    /// fail.
    package mutating func spawned(
        _ id: ServiceID,
        pid: Int32,
        generation: Generation,
        isDoomed: Bool = false,
        now: PolicyTime
    ) {
        guard let slot = slot(of: id) else {
            // The service is gone, and the child must not keep its endpoint.
            want(.signal(pid: pid, .terminate))
            return
        }
        forgetIfKnown(pid, now)
        let isRetired = services[slot].spawn == .onReplacedChannel
        let isFormer = services[slot].spawn == .onFormerChannel
        let state = isRetired ? ChildState.retiredIdle : .starting
        services[slot].spawn = .none
        var child = Child(pid: pid, generation: generation, service: id, state: state, started: now)
        child.isFormer = isFormer
        tell(newChild: children.insert(child))
        if isFormer { services[slot].retirement?.former += 1 }
        services[slot].account(until: now)
        services[slot].figures.starts += 1
        services[slot].total += 1
        services[slot].count(state, 1)
        counters.spawns += 1
        note(.spawned(pid: pid, id))
        switch services[slot].stage {
        case .leaving: want(.signal(pid: pid, .terminate))
        case .active, .vacant: if !isRetired { firstUse(slot, now) }
        }
        if isDoomed { services[slot].window.close() }
        services[slot].looks.isActive = true
        lookIfActive(slot, now)
        startNext(slot, now)
        startReplacements(slot, now)
        settleWatch(slot, now)
    }

    /// A pid comes back only after its last owner was reaped, so an old record is one whose end we were never told.
    private mutating func forgetIfKnown(_ pid: Int32, _ now: PolicyTime) {
        guard let old = children.slot(of: pid), let owner = slot(of: children[old].service) else { return }
        forget(old, of: owner, now)
    }

    /// No process could be made.
    package mutating func spawnFailed(_ id: ServiceID, _ failure: SpawnFailure, now: PolicyTime) {
        guard let slot = slot(of: id), services[slot].spawn != .none else { return }
        services[slot].spawn = .none
        counters.spawnFailures += 1
        defer { finishDrain(slot) }
        switch (services[slot].stage, failure) {
        case (.active, .fork):
            services[slot].suffered(.forkFailed, now)
            throttle(slot, .failedFork, now)
        // The channel is owed, and with it the coverage.
        case (.active, .noChannel): settleWatch(slot, now)
        case (.leaving, _), (.vacant, _): finishRemoval(slot)
        }
    }

    /// Starts nothing for a while. Children that exist are not affected.
    mutating func throttle(_ slot: Int, _ cause: Throttle.Cause, _ now: PolicyTime) {
        guard services[slot].stage == .active else { return }
        services[slot].window.close()
        abandonRetirement(slot, .failedStart, now)
        if !services[slot].isThrottled {
            let seconds = Int(services[slot].rules.throttleSeconds)
            services[slot].throttle = Throttle(cause: cause, ends: now.advanced(bySeconds: seconds))
            counters.throttles += 1
            services[slot].figures.throttles += 1
            let id = services[slot].id
            note(.throttling(id))
            want(.startTimer(.throttle(id), milliseconds: Int64(seconds) * 1000))
        }
        settleWatch(slot, now)
    }
}

/// Why there is no child.
package enum SpawnFailure: Sendable {
    /// fork(2) failed.
    case fork
    /// There is no status channel to give to it.
    case noChannel
}
