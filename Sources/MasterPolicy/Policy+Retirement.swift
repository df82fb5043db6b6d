//===----------------------------------------------------------------------===//
// Quartermaster: fresh processes in place of those that run
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// The table is in `Steering.swift`, at `Retirement`.
extension Policy {
    /// Every process that runs now shall be replaced, without a moment in which fewer can take clients than before.
    package mutating func retireAsked(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].retirement == nil else { return }
        if services[slot].steering.isHeld { return want(.retirementEnded(id, .overtaken)) }
        if services[slot].owed.contains(.channel) { return want(.retirementEnded(id, .noChannel)) }
        guard isAnyChildPresent(slot) || services[slot].spawn == .onPresentChannel else {
            return want(.retirementEnded(id, .done))
        }
        counters.retirements += 1
        want(.addStatusChannel(id))
    }

    /// The answer to `addStatusChannel`: processes that start from now on are on another channel than those before. If
    /// there was a former channel already, it has ended.
    package mutating func channelAdded(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].retirement == nil, !services[slot].steering.isHeld else {
            return
        }
        replaceFormer(slot, now)
        let service = services[slot]
        let room = service.rules.processLimit == 0 ? service.idle : max(service.rules.processLimit - service.total, 0)
        var retirement = Retirement(wanted: min(service.idle, room))
        children.updateEach(of: id) { child in
            // Those of an earlier retirement, which was given up, have just been told to leave, and do not count here.
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
        guard retirement.wanted > 0, mayStart(slot, .replacing, now) else {
            services[slot].retirement?.phase = .settling
            if !retirement.hasStarted { return endFormerChannel(slot, now) }
            return planRetirementStep(slot, PolicyLimit.settlingMilliseconds, now)
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
        replaceFormer(slot, now)
        settleWatch(slot, now)
        finishRetirement(slot)
    }

    /// The former channel is at its end.
    private mutating func replaceFormer(_ slot: Int, _ now: PolicyTime) {
        retireChildren(slot, formerOnly: true, now)
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

    /// A fresh one failed: the former ones, which do not, stay, and their channel with them.
    mutating func abandonRetirement(_ slot: Int) {
        switch services[slot].retirement?.phase {
        case .starting?, .settling?: endRetirement(slot, .failedStart)
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
