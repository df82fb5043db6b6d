//===----------------------------------------------------------------------===//
// Quartermaster: what can happen to master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import MasterPolicy
import SystemCalls

/// The kinds of event in master's loop. Those about a service carry its `ServiceID`.
enum MasterEvent: UInt32 {
    case hangup = 1
    case childEnded
    case endRequested
    case drainRequested
    case exitTimeArrived
    case reloadDue
    case namesArrived
    case endpointReadable
    case reportsArrived
    case restEnds
    case throttleEnds
    case wakeupDue
    case lookDue
    case retryDue
    case removalDeadline
    case steeringLook
    case steeringDeadline
    case retirementStep
    case reloadTurn
    case outgoingLook
    case wakeupReady
    case wakeupDeadline
    // Of the control socket; the last four carry the client's slot.
    case controlCalled
    case controlRetry
    case controlReady
    case controlDeadline
    case checkSpoke
    case checkDeadline
    case keepAliveDue
    case managerDue
    case upgradeRequested
    case trialSpoke
    case trialDue
    /// With its pid as the index.
    case drainingEnded
    case drainingDue

    var token: EventToken { EventToken(kind: rawValue) }

    func token(_ slot: SlotID) -> EventToken { EventToken(kind: rawValue, slot: slot) }

    func token(_ id: ServiceID) -> EventToken {
        EventToken(kind: rawValue, index: UInt32(id.index), generation: id.generation)
    }

    /// For a signal the number comes along.
    func token(_ signal: Signal) -> EventToken { EventToken(kind: rawValue, index: UInt32(signal.rawValue)) }
}

extension EventToken {
    var event: MasterEvent {
        guard let event = MasterEvent(rawValue: kind) else { preconditionFailure("a token that we did not make") }
        return event
    }

    var service: ServiceID { ServiceID(index: Int32(index), generation: generation) }
    var signal: Signal { Signal(Int32(index)) }
}

extension PolicyTimer {
    var token: EventToken {
        switch self {
        case .throttle(let id): MasterEvent.throttleEnds.token(id)
        case .wakeup(let id): MasterEvent.wakeupDue.token(id)
        case .look(let id): MasterEvent.lookDue.token(id)
        case .retry(let id): MasterEvent.retryDue.token(id)
        case .removalDeadline(let id): MasterEvent.removalDeadline.token(id)
        case .steeringLook(let id): MasterEvent.steeringLook.token(id)
        case .steeringDeadline(let id): MasterEvent.steeringDeadline.token(id)
        case .retirementStep(let id): MasterEvent.retirementStep.token(id)
        case .turn(let id): MasterEvent.reloadTurn.token(id)
        case .outgoingLook(let id): MasterEvent.outgoingLook.token(id)
        }
    }
}

extension LoopTime {
    var policyTime: PolicyTime { PolicyTime(milliseconds: milliseconds) }
}
