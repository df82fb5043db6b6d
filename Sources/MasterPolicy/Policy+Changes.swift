//===----------------------------------------------------------------------===//
// Quartermaster: what has changed since somebody was told
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import MasterProtocol

/// What there is to tell of a service.
package struct Untold: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Counts of processes, and sums of times: what reports change.
    package static let load = Untold(rawValue: 1)
    /// Everything else in numbers.
    package static let figures = Untold(rawValue: 2)
    /// Which service it is: it came, was configured anew, or is gone.
    package static let identity = Untold(rawValue: 4)

    // For who is told: in another room, the set's own functions would be looked up at run time, with an allocation.
    package var hasLoad: Bool { rawValue & 1 != 0 }
    package var hasIdentity: Bool { rawValue & 4 != 0 }
    package var hasMoreThanLoad: Bool { rawValue & 6 != 0 }
}

/// What is to be told: which services and processes have changed, each at most once. Kept only if somebody asks for it,
/// and without allocation once it has been as long as it gets.
struct ChangeList: Sendable {
    var isKept = false
    /// Slots of services.
    var services: [Int32] = []
    /// Processes by pid, since their slots move; of one that is gone, the row is listed, too. New ones, of which
    /// everything is to be told, and those that are in another state since.
    var newcomers: [Int32] = []
    var children: [Int32] = []
    /// Which list of processes this is; 0 while none is kept, which every process bears then. Who bears its number is
    /// on it: nothing has to be done to strike out those that were told of.
    var round: UInt64 = 0
    /// Rows that processes have left.
    var vacatedRows: [Int32] = []
}

extension Policy {
    /// Whether changes are noted, for a caller that tells of them at the end of each turn. When it begins, everything
    /// is new.
    package var tellsChanges: Bool {
        get { changes.isKept }
        set {
            changes = ChangeList()
            for slot in services.indices { (services[slot].untold, services[slot].isListed) = ([], false) }
            children.updateAll { $0.listedIn = 0 }
            changes.isKept = newValue
            if !newValue { return }
            changes.round = 1
            tellEverything()
        }
    }

    /// All there is counts as changed.
    package mutating func tellEverything() {
        for slot in services.indices { tell(slot, [.load, .figures, .identity]) }
        let round = changes.round
        var pids: [Int32] = []
        children.updateAll { child in
            pids.append(child.pid)
            child.listedIn = round
        }
        changes.newcomers = pids
        changes.children = []
    }

    /// Puts the service on the list; what has changed may also have been said by `Service.untold` alone.
    @inline(__always)
    mutating func tell(_ slot: Int, _ what: Untold) {
        guard changes.isKept else { return }
        services[slot].untold.formUnion(what)
        if services[slot].isListed { return }
        services[slot].isListed = true
        changes.services.append(Int32(truncatingIfNeeded: slot))
    }

    /// There is another process, in this slot.
    mutating func tell(newChild slot: Int) {
        guard changes.isKept else { return }
        children[slot].listedIn = changes.round
        changes.newcomers.append(children[slot].pid)
    }

    package var hasChanges: Bool {
        !changes.services.isEmpty || !changes.children.isEmpty || !changes.newcomers.isEmpty
            || !changes.vacatedRows.isEmpty
    }

    // The lists are taken in the order in which they stand here, and to their ends.

    /// The index of a service that has changed, and what has.
    package mutating func nextChangedService() -> (index: Int, what: Untold)? {
        guard let slot = changes.services.popLast().map({ Int($0) }) else { return nil }
        let what = services[slot].untold
        (services[slot].untold, services[slot].isListed) = ([], false)
        return (slot, what)
    }

    /// A row that is free. It may be in use again.
    package mutating func nextVacatedRow() -> Int? { changes.vacatedRows.popLast().map { Int($0) } }

    /// A process that there was not before.
    package mutating func nextNewChild() -> ChildLine? {
        while let pid = changes.newcomers.popLast() {
            if let slot = children.slot(of: pid) { return ChildLine(children[slot]) }
        }
        return nil
    }

    /// Tells what is new of processes that were told of before.
    package mutating func takeChangedChildren(_ tell: (ChildNews) -> Void) {
        var list: [Int32] = []
        swap(&list, &changes.children)
        for pid in list {
            if let slot = children.slot(of: pid) { tell(ChildNews(children[slot])) }
        }
        // It keeps its memory.
        list.removeAll(keepingCapacity: true)
        swap(&list, &changes.children)
        if changes.isKept { changes.round &+= 1 }
    }

    /// Rows that processes have, or had: a table with so many has room for all.
    package var childRows: Int { children.rowCount }
}

/// A process in a few numbers.
package struct ChildLine: Sendable, Equatable {
    /// Its place among all processes, for as long as it lives: small and dense.
    package let row: Int
    package let pid: Int32
    package let generation: Generation
    package let service: ServiceID
    package internal(set) var state: ChildState
    package let started: PolicyTime
    package internal(set) var since: PolicyTime
    package internal(set) var uses: UInt32

    init(_ child: Child) {
        row = Int(child.row)
        pid = child.pid
        generation = child.generation
        service = child.service
        state = child.state
        started = child.started
        since = child.since
        uses = child.uses
    }
}

/// What reports, or a reload, change of a process.
package struct ChildNews: Sendable, Equatable {
    /// As in its `ChildLine`.
    package let row: Int32
    package let state: ChildState
    package let since: PolicyTime
    package let uses: UInt32

    @inline(__always)
    init(_ child: Child) {
        row = child.row
        state = child.state
        since = child.since
        uses = child.uses
    }
}

/// The load of a service in a few numbers.
package struct ServiceLine: Sendable, Equatable {
    package let coverage: Coverage
    /// Of those that are held: it is disabled, and not only drained.
    package let isDisabled: Bool
    package let starting: Int32
    package let idle: Int32
    package let busy: Int32
    package let retiredIdle: Int32
    package let clientsWaiting: Int32
    package let lookedAt: PolicyTime?
    package let uses: UInt64
    /// The sums that follow are counted up to then.
    package let until: PolicyTime
    package let busyMilliseconds: Int64
    package let saturatedMilliseconds: Int64
    package let crowdedMilliseconds: Int64
}

extension Policy {
    /// The load of the service with this index, which may be vacant.
    package mutating func line(at index: Int) -> ServiceLine { services[index].line }

    /// What is known of the service with this index, without what has gone by since its last event.
    package func plainFigures(at index: Int) -> ServiceFigures { services[index].figures }
}

extension Service {
    fileprivate var line: ServiceLine {
        ServiceLine(
            // Those in the queue are served still, but nobody looks after whoever comes.
            coverage: stage == .active && steering.phase == .emptying ? .held : coverage,
            isDisabled: steering.wishes.contains(.disabled),
            starting: starting,
            idle: idle - starting,
            busy: busy,
            retiredIdle: retiredIdle,
            clientsWaiting: figures.clientsWaiting,
            lookedAt: figures.lookedAt,
            uses: figures.uses,
            until: figures.until,
            busyMilliseconds: figures.busyMilliseconds,
            saturatedMilliseconds: figures.saturatedMilliseconds,
            crowdedMilliseconds: figures.crowdedMilliseconds
        )
    }
}
