//===----------------------------------------------------------------------===//
// Quartermaster: what children say
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

// Reports change counts; the watch follows once, at the end of what was read together, so that a child that was
// busy and is idle again costs no change of the watch at all.
extension Policy {
    /// Reports of one channel follow, until `endReports`.
    package mutating func beginReports(from id: ServiceID) {
        batch = id
    }

    /// The reports that were there are through; their net effect counts.
    package mutating func endReports(now: PolicyTime) {
        guard let id = batch else { return }
        batch = nil
        guard let slot = slot(of: id) else { return }
        lookIfActive(slot, now)
        settleWatch(slot, now, telling: .load)
    }

    /// One report was read from the channel of `id`.
    package mutating func reportArrived(from id: ServiceID, _ report: StatusReport, now: PolicyTime) {
        guard let child = children.slot(of: report.pid) else {
            counters.unknownReporters += 1
            return note(.unknownReporter(pid: report.pid, id))
        }
        guard children[child].generation.rawValue == report.generation else {
            counters.staleReports += 1
            return note(.staleReport(pid: report.pid, id, generation: report.generation))
        }
        let owner = children[child].service
        guard owner == id else {
            counters.foreignReports += 1
            if let slot = slot(of: id) {
                services[slot].suffered(.foreignReport, pid: report.pid, now)
                tell(slot, .figures)
            }
            return note(.foreignReport(pid: report.pid, sender: id, owner: owner))
        }
        switch Availability(rawValue: report.availability) {
        case .taken: count(.taken, of: child, now)
        case .available: count(.available, of: child, now)
        case nil:
            counters.unknownStatuses += 1
            if let slot = slot(of: id) {
                services[slot].suffered(.unknownStatus, pid: report.pid, number: report.availability, now)
                tell(slot, .figures)
            }
            note(.unknownStatus(value: report.availability, pid: report.pid, id))
        }
    }

    /// The next piece of what was read from the channel of `id`; see `StatusStream`. It is `mutating` although it
    /// changes nothing, because Swift would otherwise copy the whole policy for each record.
    package mutating func next(
        of stream: inout StatusStream,
        in batch: RawSpan,
        mayContinue: Bool,
        from id: ServiceID
    ) -> StatusStream.Item? {
        let children = children
        return stream.next(in: batch, mayContinue: mayContinue) { children.isPlausible($0, from: id) }
    }

    private mutating func count(_ event: ChildEvent, of child: Int, _ now: PolicyTime) {
        // A service lives at least as long as its last child. `slot(of:)` would copy the whole policy here, for each
        // report (seen with callgrind, Swift 6.3.1).
        let slot = Int(children[child].service.index)
        let isListed = children[child].listedIn == changes.round
        let heard = children[child].hear(event, list: changes.round, now)
        counters.count(heard.change, event)
        services[slot].count(heard, event, now)
        if !isListed { changes.children.append(children[child].pid) }
        if heard.before == .starting, heard.change == .changed { becameReady(child, slot, now) }
        if batch != services[slot].id {
            lookIfActive(slot, now)
            settleWatch(slot, now, telling: .load)
        }
    }

    /// The first report of a child.
    private mutating func becameReady(_ child: Int, _ slot: Int, _ now: PolicyTime) {
        let milliseconds = now.milliseconds - children[child].started.milliseconds
        services[slot].figures.readyTimes.add(milliseconds: milliseconds)
        services[slot].untold.insert(.figures)
        note(.ready(pid: children[child].pid, services[slot].id, milliseconds: milliseconds))
    }
}

extension PolicyCounters {
    fileprivate mutating func count(_ change: ChildChange, _ event: ChildEvent) {
        switch (change, event) {
        case (.none, _): repeatedReports += 1
        case (.changed, .taken): taken += 1
        case (.changed, .available): available += 1
        case (.changed, .channelReplaced): break
        }
    }
}

extension Service {
    /// What a report means for the counts, the window and the looks.
    fileprivate mutating func count(_ heard: Child.Heard, _ event: ChildEvent, _ now: PolicyTime) {
        looks.isActive = true
        if heard.wasNudged { looks.isAnswered = true }
        guard heard.change == .changed else { return }
        account(until: now)
        count(heard.before, -1)
        count(heard.after, 1)
        guard event == .taken else { return }
        figures.uses &+= 1
        // What others of its kind have done counts for nothing while one has just failed.
        window.clientTaken(byNewChild: heard.before == .starting, most: isThrottled ? 1 : rules.concurrentStarts)
    }
}
