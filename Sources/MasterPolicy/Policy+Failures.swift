//===----------------------------------------------------------------------===//
// Quartermaster: what the kernel refused is tried again
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// Memory and descriptors are short when there is most to do, and not for ever. A service whose deed failed does
// without it for a moment; all others go on.
extension Policy {
    /// Not all endpoints of the service could be watched.
    package mutating func watchFailed(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].watch != .none else { return }
        counters.watchFailures += 1
        services[slot].suffered(.noWatch, now)
        tell(slot, .figures)
        owe(.watch, slot, now)
    }

    /// The service has no status channel, or master cannot listen to it.
    package mutating func channelFailed(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id) else { return }
        counters.channelFailures += 1
        services[slot].suffered(.noChannel, now)
        owe(.channel, slot, now)
        abandonRetirement(slot, .noChannel, now)
        settleWatch(slot, now)
    }

    mutating func owe(
        _ deed: OwedDeeds,
        _ slot: Int,
        after pause: Int64 = PolicyLimit.retryMilliseconds,
        _ now: PolicyTime
    ) {
        services[slot].owed.insert(deed)
        let due = now.advanced(byMilliseconds: pause)
        if let planned = services[slot].retryDue, planned <= due { return }
        services[slot].retryDue = due
        want(.startTimer(.retry(services[slot].id), milliseconds: pause))
    }

    /// The endpoints cannot be opened again now: not a shortage alone, but a port that others have taken may be why, so
    /// that it can last, and it is tried less and less often.
    package mutating func admissionFailed(_ id: ServiceID, now: PolicyTime) {
        guard let slot = activeSlot(of: id), !services[slot].steering.isRefusing else { return }
        let tries = services[slot].failedAdmissions
        services[slot].failedAdmissions = min(tries + 1, PolicyLimit.longestBackOff)
        owe(.admission, slot, after: PolicyLimit.retryMilliseconds << Int64(tries), now)
    }

    mutating func retryDue(_ id: ServiceID, _ now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].retryDue != nil else { return }
        services[slot].retryDue = nil
        let owed = services[slot].owed
        services[slot].owed = []
        if owed.contains(.channel) { want(.openStatusChannel(id)) }
        if owed.contains(.admission), !services[slot].steering.isRefusing { want(.admitClients(id)) }
        if owed.contains(.watch), services[slot].watch != .none { want(.watchEndpoints(id)) }
        settleWatch(slot, now)
    }

    mutating func stopRetries(_ slot: Int) {
        if services[slot].retryDue != nil { want(.cancelTimer(.retry(services[slot].id))) }
        services[slot].retryDue = nil
        services[slot].owed = []
    }
}
