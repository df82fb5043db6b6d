//===----------------------------------------------------------------------===//
// Quartermaster: endpoints that a service has lost, and those who wait there
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// A reload may take an address away from a service that stays. New clients find nobody there. Those who were in its
// queue are served: it stays among the endpoints of the service's processes until a look finds it empty. Then master
// gives it up, and processes that have it are told to leave, so that somebody else may have the address soon. When its
// time is over and clients still wait, these processes stay, and serve who is left.
extension Policy {
    /// Some of the service's endpoints are on their way out.
    package mutating func endpointsOutgoing(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id) else { return }
        services[slot].outgoingEnd = now.advanced(bySeconds: PolicyLimit.removalSeconds)
        if services[slot].outgoingLook == nil { planOutgoingLook(slot, now) }
    }

    /// A connection that is being made when an endpoint closes to new clients arrives a moment later: the first look is
    /// not at once.
    private mutating func planOutgoingLook(_ slot: Int, _ now: PolicyTime) {
        services[slot].outgoingLook = now.advanced(byMilliseconds: PolicyLimit.steeringMilliseconds)
        want(.startTimer(.outgoingLook(services[slot].id), milliseconds: PolicyLimit.steeringMilliseconds))
    }

    mutating func outgoingLookDue(_ id: ServiceID) {
        guard let slot = activeSlot(of: id), services[slot].outgoingLook != nil else { return }
        services[slot].outgoingLook = nil
        want(.lookAtOutgoing(id))
    }

    /// The answer to `lookAtOutgoing`.
    package mutating func outgoingSeen(_ id: ServiceID, _ sight: QueueSight, now: PolicyTime) {
        guard let slot = activeSlot(of: id), let end = services[slot].outgoingEnd, services[slot].outgoingLook == nil
        else { return }
        if sight != .noClient, now < end { return planOutgoingLook(slot, now) }
        services[slot].outgoingEnd = nil
        want(.closeOutgoing(id))
        if sight != .noClient { return note(.outgoingAbandoned(id)) }
        guard services[slot].spawn == .onPresentChannel || isAnyChildPresent(slot) else { return }
        restart(slot, now)
        settleWatch(slot, now)
    }

    /// The service is removed, and all its endpoints with it.
    mutating func dropOutgoing(_ slot: Int) {
        if services[slot].outgoingLook != nil { want(.cancelTimer(.outgoingLook(services[slot].id))) }
        services[slot].outgoingLook = nil
        services[slot].outgoingEnd = nil
    }
}
