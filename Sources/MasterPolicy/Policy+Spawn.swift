//===----------------------------------------------------------------------===//
// Quartermaster: starting children
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

// A spawn is decided here, carried out by the caller, and answered with `spawned` or `spawnFailed`.
extension Policy {
    /// Work arrived that master was watching for. Readiness that is out of date is ignored.
    package mutating func endpointReadable(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].coverage == .uncovered,
            services[slot].coverageNow == .uncovered
        else { return }
        let isUnderStress = keepStress(slot, now)
        services[slot].spawn = .onPresentChannel
        settleWatch(slot, now)
        lastGeneration = lastGeneration.next
        counters.spawnsWanted += 1
        want(.spawn(id, lastGeneration, underStress: isUnderStress))
    }

    /// Stress begins when the child that is wanted now may be the last one: the present children get a channel's end,
    /// so that they leave as soon as they can and come back in stress mode.
    private mutating func keepStress(_ slot: Int, _ now: PolicyTime) -> Bool {
        let service = services[slot]
        if service.rules.isStressEligible, service.total + 1 >= service.rules.processLimit {
            if service.stressUntil.map({ $0 < now }) ?? true {
                counters.stressOnsets += 1
                restart(slot)
            }
            services[slot].stressUntil = now.advanced(bySeconds: ProtocolLimit.stressSeconds)
        }
        return services[slot].stressUntil.map { $0 > now } ?? false
    }

    /// The wanted child exists. It counts as idle from now on.
    package mutating func spawned(_ id: ServiceID, pid: Int32, generation: Generation, now: PolicyTime) {
        guard let slot = slot(of: id) else {
            // Nobody's child: it must not keep the endpoint.
            want(.terminate(pid: pid, signal: .term))
            return
        }
        forgetIfKnown(pid, now)
        let isRetired = services[slot].spawn == .onReplacedChannel
        let state = isRetired ? ChildState.retiredIdle : .idle
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
