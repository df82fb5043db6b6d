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
}

/// What is to be told: which services and processes have changed, each at most once. Kept only if somebody asks for it,
/// and without allocation once it has been as long as it gets.
struct ChangeList: Sendable {
    var isKept = false
    /// Slots of services.
    var services: [Int32] = []
    /// Processes by pid, since their slots move. One that is gone is in both lists.
    var children: [Int32] = []
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
            children.updateAll { $0.isListed = false }
            changes.isKept = newValue
            if newValue { tellEverything() }
        }
    }

    /// All there is counts as changed.
    package mutating func tellEverything() {
        for slot in services.indices { tell(slot, [.load, .figures, .identity]) }
        var pids: [Int32] = []
        children.updateAll { child in
            if !child.isListed { pids.append(child.pid) }
            child.isListed = true
        }
        changes.children += pids
    }

    var isTelling: Bool { changes.isKept }

    /// Puts the service on the list; what has changed may also have been said by `Service.untold` alone.
    @inline(__always)
    mutating func tell(_ slot: Int, _ what: Untold) {
        guard changes.isKept else { return }
        services[slot].untold.formUnion(what)
        if services[slot].isListed { return }
        services[slot].isListed = true
        changes.services.append(Int32(truncatingIfNeeded: slot))
    }

    /// Puts the process on the list.
    @inline(__always)
    mutating func tell(child slot: Int) {
        guard changes.isKept, !children[slot].isListed else { return }
        children[slot].isListed = true
        changes.children.append(children[slot].pid)
    }

    package var hasChanges: Bool {
        !changes.services.isEmpty || !changes.children.isEmpty || !changes.vacatedRows.isEmpty
    }

    // Each list is taken element by element, last one first, so that nothing is copied.

    /// The index of a service that has changed, and what has.
    package mutating func nextChangedService() -> (index: Int, what: Untold)? {
        guard let slot = changes.services.popLast().map({ Int($0) }) else { return nil }
        let what = services[slot].untold
        (services[slot].untold, services[slot].isListed) = ([], false)
        return (slot, what)
    }

    /// A row that is free. To be asked before `nextChangedChild`: the row may be in use again.
    package mutating func nextVacatedRow() -> Int? { changes.vacatedRows.popLast().map { Int($0) } }

    /// A process that has changed, as it is now.
    package mutating func nextChangedChild() -> ChildLine? {
        while let pid = changes.children.popLast() {
            guard let slot = children.slot(of: pid) else { continue }
            children[slot].isListed = false
            return ChildLine(children[slot])
        }
        return nil
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
    package let state: ChildState
    package let started: PolicyTime
    package let since: PolicyTime
    package let uses: UInt32

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
            coverage: coverage,
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
