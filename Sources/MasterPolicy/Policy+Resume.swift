//===----------------------------------------------------------------------===//
// Quartermaster: going on from a state that was read back
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension Policy {
    /// After `init(decoding:)`: asks anew for every channel, watch and timer that the state implies, and decides
    /// nothing. Afterwards the policy goes on as the one that was written would have; what was due meanwhile is due at
    /// once.
    package mutating func resume(now: PolicyTime) {
        for slot in services.indices where services[slot].stage != .vacant { resume(slot, now) }
    }

    private mutating func resume(_ slot: Int, _ now: PolicyTime) {
        let service = services[slot]
        if service.stage == .active, !service.owed.contains(.channel) { want(.openStatusChannel(service.id)) }
        if service.watch != .none, !service.owed.contains(.watch) { want(.watchEndpoints(service.id)) }
        for timer in PolicyTimer.all(of: service.id) {
            guard let due = service.due(timer) else { continue }
            want(.startTimer(timer, milliseconds: max(due.milliseconds - now.milliseconds, 0)))
        }
    }
}

extension Service {
    /// When a timer of the service will fire; nil when it is not running.
    fileprivate func due(_ timer: PolicyTimer) -> PolicyTime? {
        switch timer {
        case .throttle: throttle?.ends
        case .wakeup: wakeupDue
        case .look: looks.due
        case .retry: retryDue
        case .removalDeadline: removalDue
        case .steeringLook: steering.lookDue
        case .steeringDeadline: steering.deadline
        case .retirementStep: retirement?.stepDue
        case .turn: turnDue
        case .outgoingLook: outgoingLook
        }
    }
}
