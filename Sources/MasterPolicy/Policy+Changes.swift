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
    var services = NumberList()
    /// Processes by pid, since their slots move; of one that is gone, the row is listed, too. New ones, of which
    /// everything is to be told, and those that are in another state since.
    var newcomers: [Int32] = []
    var children = NumberList()
    /// Which list of processes this is; 0 while none is kept, which every process bears then. Who bears its number is
    /// on it: nothing has to be done to strike out those that were told of.
    var round: UInt64 = 0
    /// Rows that processes have left.
    var vacatedRows: [Int32] = []
}

/// Numbers that are listed, told and struck out in every turn: an array that never gets shorter, and how much of it
/// counts. It takes half of what emptying an array takes.
struct NumberList: Sendable {
    private var numbers: [Int32] = []
    private(set) var count = 0

    init() {}

    init(_ numbers: [Int32]) {
        self.numbers = numbers
        count = numbers.count
    }

    var isEmpty: Bool { count == 0 }

    subscript(index: Int) -> Int32 { numbers[index] }

    @inline(__always)
    mutating func append(_ number: Int32) {
        if count < numbers.count { numbers[count] = number } else { numbers.append(number) }
        count += 1
    }

    mutating func popLast() -> Int32? {
        if count == 0 { return nil }
        count -= 1
        return numbers[count]
    }

    mutating func removeAll() { count = 0 }
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
        changes.children.removeAll()
    }

    /// Puts the service on the list; what has changed may also have been said by `Service.untold` alone.
    @inline(__always)
    mutating func tell(_ slot: Int, _ what: Untold) {
        guard changes.isKept else { return }
        if services[slot].tell(what) { changes.services.append(Int32(truncatingIfNeeded: slot)) }
    }

    /// There is another process, in this slot.
    mutating func tell(newChild slot: Int) {
        guard changes.isKept else { return }
        children[slot].listedIn = changes.round
        changes.newcomers.append(children[slot].pid)
    }

    // Mutating, like others here that change nothing: whoever has the policy in a class would copy all of it to ask.
    package var hasChanges: Bool {
        mutating get {
            !changes.services.isEmpty || !changes.children.isEmpty || !changes.newcomers.isEmpty
                || !changes.vacatedRows.isEmpty
        }
    }

    /// Tells what reports have changed, and whether nothing else has: what has is left to be taken.
    package mutating func takeNewsOfReports(
        load: (Int, ServiceLine) -> Void,
        child: (ChildNews) -> Void
    ) -> Bool {
        guard changes.newcomers.isEmpty, changes.vacatedRows.isEmpty else { return false }
        while changes.services.count > 0 {
            let slot = Int(changes.services[changes.services.count - 1])
            guard services[slot].takeLoad() else { return false }
            _ = changes.services.popLast()
            load(slot, services[slot].line)
        }
        takeChangedChildren(child)
        return true
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
        for index in 0..<changes.children.count {
            if let slot = children.slot(of: changes.children[index]) { tell(ChildNews(children[slot])) }
        }
        changes.children.removeAll()
        if changes.isKept { changes.round &+= 1 }
    }

    /// Rows that processes have, or had: a table with so many has room for all.
    package var childRows: Int { mutating get { children.rowCount } }
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
    /// Whether its load is all there is to tell; it counts as told then.
    fileprivate mutating func takeLoad() -> Bool {
        guard untold == .load else { return false }
        (untold, isListed) = ([], false)
        return true
    }

    /// Whether it is to be put on the list.
    @inline(__always)
    fileprivate mutating func tell(_ what: Untold) -> Bool {
        untold.formUnion(what)
        defer { isListed = true }
        return !isListed
    }

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
