//===----------------------------------------------------------------------===//
// Quartermaster: what the daemon does for the policy, and what it has registered
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol

// The daemon's part: effects come true.
extension World {
    mutating func carryOut() {
        policy.handOverEffects(into: &buffer)
        while !buffer.isEmpty {
            let effects = buffer
            for effect in effects { carryOut(effect) }
            policy.handOverEffects(into: &buffer)
        }
    }

    private mutating func carryOut(_ effect: Effect) {
        switch effect {
        case .watchEndpoints:
            expect(!isWatched, "watched twice")
            if isShort { policy.watchFailed(id, now: now) } else { registrations.isWatched = true }
        case .unwatchEndpoints:
            expect(isWatched || scope == .wakeups, "unwatched twice")
            registrations.isWatched = false
        case .replaceStatusChannel:
            registrations.hasChannel = false
            if scope == .lives {
                switch trace.last {
                case .reload, .channelEnds: break
                default: expect(starting == 0, "stress retires no process before its first client")
                }
            }
            readChannel()
            for index in processes.indices { processes[index].leavesChannel() }
            pending?.isOnChannel = false
            administrator.hasFormerChannel = false
            reloads.awaitsTurn = false
            expect(trace.last != .reloadKeeping, "processes that nothing has changed for stay")
            openChannel()
        case .openStatusChannel: openChannel()
        case .spawn(_, let generation, _):
            guard hasChannel else { return policy.spawnFailed(id, .noChannel, now: now) }
            expect(pending == nil, "one spawn at a time")
            let idle = idleCount
            let isStanding = newcomer.isInQueue || sight == .clients
            let isReplacing = isReplacementDue
            expect(
                idle == 0 || idle < waiting || isStanding || isReplacing,
                "no spawn beside idle children enough for the queue"
            )
            expect(starting < concurrentStarts || isReplacing, "no more starting than may be")
            expect(!administrator.isHeld(policy.view(of: id)), "no spawn while held")
            expect(limit == 0 || processes.count < limit, "no spawn over the limit")
            expect(!isThrottleTimerRunning && !isRemoved, "no spawn while throttled or leaving")
            pending = (generation, true, false)
            isPendingOutdated = false
        case .measureQueue:
            expect(isWatched || idleCount > 0, "the queue is measured where it can lead to a start")
            expect(idleCount == starting, "the queue is not measured beside those who are up")
            isMeasureAsked = true
        case .countClients:
            let isFull = limit > 0 && processes.count >= limit
            let isHeld = administrator.isHeld(policy.view(of: id))
            expect(
                idleCount == 0 && (isFull || isThrottleTimerRunning || isHeld || !registrations.hasChannel),
                "clients are counted where none can be served at once"
            )
            let count =
                switch sight {
                case .clients: QueueCount(waiting: 2, room: 1, turnedAway: 3)
                case .noClient: isFull ? QueueCount(room: 1) : .empty
                case .notTold: QueueCount(room: 1)
                }
            policy.clientsCounted(id, count, now: now)
        case .lookAtQueue:
            policy.queueLooked(id, newcomer.isInQueue && sight != .notTold ? .clients : sight, now: now)
        case .signal(let pid, .look):
            expect(limit != 1, "a process that is alone is not nudged")
            reachByNudge(pid)
        case .startTimer(let timer, let milliseconds):
            let due = now.advanced(byMilliseconds: milliseconds)
            if let running = registrations[timer] { expect(due < running, "a timer is moved only to come sooner") }
            registrations[timer] = due
        case .cancelTimer(let timer): registrations[timer] = nil
        case .closeStatusChannel: registrations.hasChannel = false
        case .serviceRemoved: isGone = true
        case .addStatusChannel, .withdrawStatusChannel, .closeFormerChannel, .refuseClients, .admitClients,
            .lookWhetherEmpty, .steeringEnded, .retirementEnded:
            carryOutSteering(effect)
        case .lookAtOutgoing: policy.outgoingSeen(id, reloads.sight, now: now)
        case .closeOutgoing:
            expect(reloads.hasOutgoing, "lost endpoints are closed twice")
            expect(reloads.sight == .noClient || reloads.isLate, "endpoints with clients are closed early")
            reloads.hasOutgoing = false
        case .note(.cutOff(let pid, _)): administrator.cutOff.insert(pid)
        case .sendWakeup: expect(false, "there are no wake-ups")
        case .signal(let pid, _):
            expect(!isRemoved || !heirs.contains(pid), "who only finishes clients is left in peace")
        case .closeEndpoints, .note: break
        }
    }

    private mutating func openChannel() {
        registrations.hasChannel = !isShort
        if isShort { policy.channelFailed(id, now: now) }
    }
}

// What is registered, in the words of the promises.
extension World {
    var isWatched: Bool { registrations.isWatched }
    var hasChannel: Bool { registrations.hasChannel }
    var isLookTimerRunning: Bool { registrations[.look(id)] != nil }
    var isRetryTimerRunning: Bool { registrations[.retry(id)] != nil }
    var isThrottleTimerRunning: Bool { registrations[.throttle(id)] != nil }
    var isDeadlineRunning: Bool { registrations[.removalDeadline(id)] != nil }
    var isSteeringLookRunning: Bool { registrations[.steeringLook(id)] != nil }
    var isSteeringDeadlineRunning: Bool { registrations[.steeringDeadline(id)] != nil }
    var isRetirementStepRunning: Bool { registrations[.retirementStep(id)] != nil }
    var isTurnRunning: Bool { registrations[.turn(id)] != nil }
    var isOutgoingLookRunning: Bool { registrations[.outgoingLook(id)] != nil }
    /// Master watches beside idle processes.
    var isStandby: Bool { policy.isStandingBy(id) }
}

/// What stays behind when effects were carried out: a program that takes over has to have the same.
struct Registrations: Equatable {
    var isWatched = false
    var hasChannel = false
    private var dues = [PolicyTime?](repeating: nil, count: 10)

    /// When a timer is due; nil while it is not running.
    subscript(timer: PolicyTimer) -> PolicyTime? {
        get { dues[Self.place(timer)] }
        set { dues[Self.place(timer)] = newValue }
    }

    private static func place(_ timer: PolicyTimer) -> Int {
        switch timer {
        case .throttle: 0
        case .wakeup: 1
        case .look: 2
        case .retry: 3
        case .removalDeadline: 4
        case .steeringLook: 5
        case .steeringDeadline: 6
        case .retirementStep: 7
        case .turn: 8
        case .outgoingLook: 9
        }
    }

    /// The same, where what is late is due now.
    func at(_ now: PolicyTime) -> Registrations {
        var copy = self
        copy.dues = dues.map { due in due.map { max($0, now) } }
        return copy
    }

    init() {}

    /// What a policy that was read back asks for; nil when it asks for anything but registrations.
    init?(resuming effects: [Effect], _ now: PolicyTime) {
        for effect in effects {
            switch effect {
            case .watchEndpoints: isWatched = true
            case .openStatusChannel: hasChannel = true
            case .startTimer(let timer, let milliseconds): self[timer] = now.advanced(byMilliseconds: milliseconds)
            default: return nil
            }
        }
    }
}
