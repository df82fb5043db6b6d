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
        settleWatch(slot, now)
    }

    mutating func owe(_ deed: OwedDeeds, _ slot: Int, _ now: PolicyTime) {
        services[slot].owed.insert(deed)
        if services[slot].retryDue != nil { return }
        services[slot].retryDue = now.advanced(byMilliseconds: PolicyLimit.retryMilliseconds)
        want(.startTimer(.retry(services[slot].id), milliseconds: PolicyLimit.retryMilliseconds))
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
