//===----------------------------------------------------------------------===//
// Quartermaster: fresh processes in place of those that run
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// The table is in `Steering.swift`, at `Retirement`.
extension Policy {
    /// Every process that runs now shall be replaced. Where the limit has room, fresh ones come before those leave:
    /// there is no moment in which fewer can take clients than before (`World.checkReplacements`).
    package mutating func retireAsked(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].retirement == nil else { return }
        if services[slot].steering.isHeld { return want(.retirementEnded(id, .overtaken)) }
        if services[slot].owed.contains(.channel) { return want(.retirementEnded(id, .noChannel)) }
        if services[slot].isThrottled { return want(.retirementEnded(id, .throttled)) }
        guard isAnyChildPresent(slot) || services[slot].spawn == .onPresentChannel else {
            return want(.retirementEnded(id, .done))
        }
        counters.retirements += 1
        want(.addStatusChannel(id))
    }

    /// The answer to `addStatusChannel`: processes that start from now on are on another channel than those before.
    package mutating func channelAdded(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].retirement == nil, !services[slot].steering.isHeld else {
            return
        }
        let service = services[slot]
        let room = service.rules.processLimit == 0 ? service.idle : max(service.rules.processLimit - service.total, 0)
        var retirement = Retirement(wanted: min(service.idle, room))
        children.updateEach(of: id) { child in
            // Those who were told to leave before do not count here.
            child.isFormer = !child.isRetired
            if child.isFormer { retirement.former += 1 }
        }
        if service.spawn == .onPresentChannel { services[slot].spawn = .onFormerChannel }
        services[slot].retirement = retirement
        stepRetirement(slot, now)
    }

    /// The answer to `addStatusChannel` when there is none to be had.
    package mutating func channelNotAdded(_ id: ServiceID) { want(.retirementEnded(id, .noChannel)) }

    mutating func retirementStepDue(_ id: ServiceID, _ now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].retirement?.stepDue != nil else { return }
        services[slot].retirement?.stepDue = nil
        stepRetirement(slot, now)
    }

    private mutating func stepRetirement(_ slot: Int, _ now: PolicyTime) {
        switch services[slot].retirement?.phase {
        case .starting?:
            let burst = max(services[slot].rules.concurrentStarts, 1)
            services[slot].retirement?.burst = burst
            startReplacements(slot, now)
        case .settling?: endFormerChannel(slot, now)
        case .leaving?, nil: break
        }
    }

    /// Starts the next fresh one, or comes back to it later. `spawned` goes on here.
    mutating func startReplacements(_ slot: Int, _ now: PolicyTime) {
        guard let retirement = services[slot].retirement, retirement.phase == .starting else { return }
        if services[slot].spawn != .none { return planRetirementStep(slot, PolicyLimit.steeringMilliseconds, now) }
        guard retirement.wanted > 0, services[slot].isBelowLimit else {
            services[slot].retirement?.phase = .settling
            if !retirement.hasStarted { return endFormerChannel(slot, now) }
            return planRetirementStep(slot, PolicyLimit.settlingMilliseconds, now)
        }
        // Who runs is worth more than a fresh one that there may not be.
        guard mayStart(slot, .replacing, now) else {
            abandonRetirement(slot, services[slot].isThrottled ? .throttled : .noChannel, now)
            return settleWatch(slot, now)
        }
        guard retirement.burst > 0 else { return planRetirementStep(slot, PolicyLimit.steeringMilliseconds, now) }
        services[slot].retirement?.burst -= 1
        services[slot].retirement?.wanted -= 1
        services[slot].retirement?.hasStarted = true
        start(slot, .replacing, now)
    }

    private mutating func planRetirementStep(_ slot: Int, _ milliseconds: Int64, _ now: PolicyTime) {
        cancelRetirementStep(slot)
        services[slot].retirement?.stepDue = now.advanced(byMilliseconds: milliseconds)
        want(.startTimer(.retirementStep(services[slot].id), milliseconds: milliseconds))
    }

    private mutating func cancelRetirementStep(_ slot: Int) {
        guard services[slot].retirement?.stepDue != nil else { return }
        services[slot].retirement?.stepDue = nil
        want(.cancelTimer(.retirementStep(services[slot].id)))
    }

    private mutating func endFormerChannel(_ slot: Int, _ now: PolicyTime) {
        services[slot].retirement?.phase = .leaving
        want(.closeFormerChannel(services[slot].id))
        retireChildren(slot, .former, now)
        settleWatch(slot, now)
        finishRetirement(slot)
    }

    /// All channels of the service are replaced: those that were to leave one after the other leave with all.
    mutating func hastenRetirement(_ slot: Int) {
        guard services[slot].retirement != nil else { return }
        cancelRetirementStep(slot)
        services[slot].retirement?.phase = .leaving
        finishRetirement(slot)
    }

    /// A process that was there when it was asked for is gone.
    mutating func countFormer(_ child: Child, _ slot: Int) {
        guard child.isFormer, services[slot].retirement != nil else { return }
        services[slot].retirement?.former -= 1
        finishRetirement(slot)
    }

    private mutating func finishRetirement(_ slot: Int) {
        guard let retirement = services[slot].retirement, retirement.phase == .leaving, retirement.former == 0 else {
            return
        }
        endRetirement(slot, .done)
    }

    /// There can be no fresh ones: the former ones stay, and their channel is the only one again. Fresh ones that are
    /// there leave.
    mutating func abandonRetirement(_ slot: Int, _ end: RetirementEnd, _ now: PolicyTime) {
        switch services[slot].retirement?.phase {
        case .starting?, .settling?:
            want(.withdrawStatusChannel(services[slot].id))
            retireChildren(slot, .fresh, now)
            children.updateEach(of: services[slot].id) { $0.isFormer = false }
            endRetirement(slot, end)
        case .leaving?, nil: break
        }
    }

    /// The service is removed.
    mutating func dropRetirement(_ slot: Int) {
        if services[slot].retirement != nil { endRetirement(slot, .overtaken) }
    }

    private mutating func endRetirement(_ slot: Int, _ end: RetirementEnd) {
        cancelRetirementStep(slot)
        services[slot].retirement = nil
        want(.retirementEnded(services[slot].id, end))
    }

    func isAnyChildPresent(_ slot: Int) -> Bool {
        var isPresent = false
        children.forEach { if $0.service == services[slot].id, !$0.isRetired { isPresent = true } }
        return isPresent
    }
}
