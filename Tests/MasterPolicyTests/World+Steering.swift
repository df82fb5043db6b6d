//===----------------------------------------------------------------------===//
// Quartermaster: an administrator who drains, disables, resumes and retires a service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol

/// What an administrator has asked for, as the administrator remembers it, and what came of it.
struct Administrator {
    var isDrained = false
    var isDisabled = false
    var wantsRefusal = false
    /// New clients find nobody.
    var isRefusing = false
    var gate = Gate.willing
    /// Endpoints could not be opened again, and that is tried again.
    var isAdmissionOwed = false
    /// Endpoints could not be closed, and that is not tried again before somebody asks for it.
    var isRefusalLost = false
    var hasFormerChannel = false
    /// When a retirement began: how many were idle, how many had ever been started; and whether the limit was reached
    /// since.
    var idleBefore = 0
    var startsBefore: UInt64 = 0
    var wasFull = false
    /// What the next look at the queue sees.
    var sight = QueueSight.noClient
    /// Whether a channel can be added.
    var isChannelThere = true
    /// An end of a retirement is owed.
    var awaitsRetirement = false
    var cutOff: Set<Int32> = []

    func isHeld(_ view: ServiceView?) -> Bool { view?.isHeld ?? false }

    func key(_ view: ServiceView?) -> [UInt8] {
        var key: [UInt8] = [view?.steering.rawValue ?? 9, UInt8(clamping: view?.former ?? 99)]
        for flag in [
            isDrained, isDisabled, wantsRefusal, isRefusing, hasFormerChannel, awaitsRetirement, isAdmissionOwed,
            isRefusalLost, hasFormerChannel && wasFull,
        ] { key.append(flag ? 1 : 0) }
        return key + [gate.rawValue, hasFormerChannel ? UInt8(idleBefore) : 0]
    }
}

/// What the kernel lets be done to endpoints.
enum Gate: UInt8, CaseIterable {
    case willing
    /// They cannot be closed to clients, or opened to them.
    case stuck
    /// What was closed cannot be opened, but others can take its place.
    case oneWay
}

extension World {
    func steeringKey(_ view: ServiceView?) -> [UInt8] {
        let timers = [isSteeringLookRunning, isSteeringDeadlineRunning, isRetirementStepRunning, isRetryTimerRunning]
        return administrator.key(view) + reloadKey + timers.map { $0 ? 1 : 0 }
    }

    func steeringPossibilities(_ body: (Happening) -> Void) {
        if troubles.contains(.reloads) {
            reloadPossibilities(body)
        } else if troubles.contains(.retirement) {
            // Fresh ones come beside those that run.
            if processes.count < most || limit > 0 {
                body(.retireAsked(isChannelThere: true))
                body(.retireAsked(isChannelThere: false))
            }
        } else if troubles.contains(.gate) {
            body(.drainAsked(seconds: nil, refusing: true, last: false))
            body(.disableAsked)
            for gate in Gate.allCases where gate != administrator.gate { body(.gateChanges(gate)) }
        } else {
            for seconds in [nil, 1] {
                body(.drainAsked(seconds: seconds, refusing: false, last: false))
                body(.drainAsked(seconds: seconds, refusing: true, last: false))
            }
            body(.drainAsked(seconds: 1, refusing: false, last: true))
            body(.disableAsked)
        }
        if administrator.isDrained { body(.resumeAsked) }
        if administrator.isDisabled { body(.enableAsked) }
        if isThrottleTimerRunning { body(.releaseAsked) }
        if isSteeringLookRunning {
            for sight in [QueueSight.noClient, .clients] { body(.steeringLookDue(sight)) }
        }
        if isSteeringDeadlineRunning { body(.steeringDeadlinePassed) }
        if isRetirementStepRunning { body(.retirementStepDue) }
        if isRetryTimerRunning { body(.retryDue) }
    }

    mutating func happenByAdministrator(_ happening: Happening) {
        switch happening {
        case .drainAsked(let seconds, let refusing, let last):
            administrator.isDrained = true
            if refusing { administrator.wantsRefusal = true }
            policy.drainAsked(id, within: seconds, refusing: refusing, last: last, now: now)
        case .resumeAsked:
            administrator.isDrained = false
            administrator.wantsRefusal = false
            policy.resumeAsked(id, now: now)
        case .disableAsked:
            administrator.isDisabled = true
            policy.disableAsked(id, now: now)
        case .enableAsked:
            administrator.isDisabled = false
            policy.enableAsked(id, now: now)
        case .releaseAsked: policy.releaseAsked(id, now: now)
        case .retireAsked(let isChannelThere):
            administrator.isChannelThere = isChannelThere
            administrator.awaitsRetirement = true
            policy.retireAsked(id, now: now)
        case .steeringLookDue(let sight):
            registrations[.steeringLook(id)] = nil
            administrator.sight = sight
            policy.timerFired(.steeringLook(id), now: now)
        case .steeringDeadlinePassed:
            registrations[.steeringDeadline(id)] = nil
            policy.timerFired(.steeringDeadline(id), now: now)
        case .retirementStepDue:
            registrations[.retirementStep(id)] = nil
            policy.timerFired(.retirementStep(id), now: now)
        case .gateChanges(let gate): administrator.gate = gate
        default: break
        }
    }

    mutating func carryOutSteering(_ effect: Effect) {
        switch effect {
        case .addStatusChannel:
            guard administrator.isChannelThere else { return policy.channelNotAdded(id) }
            expect(!administrator.hasFormerChannel, "a third channel")
            administrator.hasFormerChannel = true
            administrator.idleBefore = idleCount
            administrator.startsBefore = policy.counters.spawns + (pending == nil ? 0 : 1)
            administrator.wasFull = isFull
            for index in processes.indices where processes[index].isOnChannel { processes[index].isFormer = true }
            pending?.isFormer = true
            policy.channelAdded(id, now: now)
        case .closeFormerChannel:
            expect(administrator.hasFormerChannel, "a former channel is closed that there is not")
            checkReplacements()
            endFormerChannel()
        case .withdrawStatusChannel:
            expect(administrator.hasFormerChannel, "a second channel is withdrawn that there is not")
            withdrawChannel()
        case .refuseClients: refuse()
        case .admitClients: admit()
        case .lookWhetherEmpty: policy.emptinessSeen(id, administrator.sight, now: now)
        case .retirementEnded: administrator.awaitsRetirement = false
        default: break
        }
    }

    private mutating func endFormerChannel() {
        readChannel()
        for index in processes.indices where processes[index].isFormer { processes[index].leavesChannel() }
        administrator.hasFormerChannel = false
    }

    private mutating func withdrawChannel() {
        readChannel()
        for index in processes.indices where !processes[index].isFormer { processes[index].leavesChannel() }
        for index in processes.indices { processes[index].isFormer = false }
        if let (generation, isOnChannel, isFormer) = pending { pending = (generation, isOnChannel && isFormer, false) }
        administrator.hasFormerChannel = false
    }

    private mutating func refuse() {
        expect(!administrator.isRefusing || administrator.isAdmissionOwed, "refused twice")
        administrator.isAdmissionOwed = false
        administrator.isRefusalLost = administrator.gate == .stuck && !administrator.isRefusing
        if administrator.isRefusalLost { return policy.refusalFailed(id, now: now) }
        administrator.isRefusing = true
    }

    private mutating func admit() {
        expect(administrator.isRefusing, "admitted twice")
        administrator.isAdmissionOwed = administrator.gate == .stuck
        if administrator.isAdmissionOwed { return policy.admissionFailed(id, now: now) }
        administrator.isRefusing = false
        if administrator.gate == .oneWay { policy.processesAreOutdated(id, now: now) }
    }

    /// The former processes are about to be told to leave: those who could be put in their place are there.
    private mutating func checkReplacements() {
        expect(!isThrottleTimerRunning, "processes are replaced although no other can be started")
        let fresh = Int(policy.counters.spawns - administrator.startsBefore)
        let idle = processes.count { $0.isFormer && $0.countsAsIdle }
        let isEnough = fresh >= min(idle, administrator.idleBefore)
        expect(isEnough || administrator.wasFull || isFull, "fewer can take clients than before the retirement")
    }

    private var isFull: Bool { limit > 0 && processes.count >= limit }

    /// A fresh process may be started although others are idle.
    var isReplacementDue: Bool { administrator.hasFormerChannel && policy.view(of: id)?.former != nil }

    /// The promises.
    mutating func checkSteering(_ view: ServiceView) {
        if isRemoved { return }
        if isFull { administrator.wasFull = true }
        if !administrator.isDisabled && !administrator.wantsRefusal { administrator.isRefusalLost = false }
        let asked = administrator
        let isWished = asked.isDrained || asked.isDisabled
        expect((view.steering != .serving) == isWished, "steered exactly when it was asked for: \(view.steering)")
        expect(view.isHeld == [.leaving, .left].contains(view.steering), "held is held")
        expect(!view.isHeld || !isWatched, "a held service is not watched")
        expect(!view.isHeld || view.idle == 0, "in a held service no process takes clients")
        expect(asked.isRefusing == (view.isRefusing || asked.isAdmissionOwed), "turned away as the effects said")
        expect(!asked.isAdmissionOwed || isRetryTimerRunning, "what is owed is tried again")
        let mayRefuse = asked.isDisabled || asked.wantsRefusal
        expect(
            view.steering == .queued || asked.isRefusalLost || view.isRefusing == mayRefuse,
            "clients are turned away as was asked for"
        )
        let isEmpty = processes.isEmpty && heirs.isEmpty && pending == nil
        expect((view.steering == .left) == (view.isHeld && isEmpty), "left when all have")
        expect(
            isSteeringLookRunning == [.queued, .emptying].contains(view.steering),
            "what waits for others or for an empty queue looks"
        )
        expect(!isSteeringDeadlineRunning || asked.isDrained && view.steering != .left, "a deadline for nobody")
        let areCutOffRetired = processes.allSatisfy { !asked.cutOff.contains($0.pid) || !$0.isOnChannel }
        expect(areCutOffRetired, "a process is cut off that was not told to leave")
        expect((view.former != nil) == asked.awaitsRetirement, "a retirement is told to have ended when it has")
        let isUnderWay = isRetirementStepRunning || pending != nil || processes.contains { !$0.isOnChannel }
        expect(view.former == nil || isUnderWay, "a retirement that nothing drives")
    }
}
