//===----------------------------------------------------------------------===//
// Quartermaster: the processes of all services, by pid
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

/// Finds a child by its pid. Open addressing in one flat array that doubles when three quarters are used and never
/// shrinks, so that a steady population costs no allocation. It stores and finds; it decides nothing.
struct ChildTable: Sendable {
    private(set) var count = 0
    /// Rows that are in use, or were.
    private(set) var rowCount = 0
    private var freeRows: [Int32] = []
    /// A slot with pid 0 is vacant.
    private var slots: [Child]
    private var mask: Int { slots.count - 1 }

    init(expectedChildren: Int) {
        var size = 16
        while size * 3 < expectedChildren * 4 { size *= 2 }
        slots = Array(repeating: Self.vacant, count: size)
    }

    static var vacant: Child {
        let nobody = ServiceID(index: 0, generation: 0)
        return Child(pid: 0, generation: .none, service: nobody, state: .busy, started: PolicyTime(milliseconds: 0))
    }

    /// The slot of a process, valid until the next insertion or removal.
    func slot(of pid: Int32) -> Int? {
        guard pid > 0 else { return nil }
        var slot = home(of: pid)
        while slots[slot].pid != 0 {
            if slots[slot].pid == pid { return slot }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Whether a report from the channel of `id` could be genuine; tells records from garbage when a channel is out of
    /// step.
    func isPlausible(_ report: StatusReport, from id: ServiceID) -> Bool {
        guard Availability(rawValue: report.availability) != nil, let slot = slot(of: report.pid) else { return false }
        return slots[slot].service == id && slots[slot].generation.rawValue == report.generation
    }

    subscript(slot: Int) -> Child {
        get { slots[slot] }
        _modify { yield &slots[slot] }
    }

    /// Adds a process that is not in the table yet, in a row of its own; returns its slot.
    @discardableResult
    mutating func insert(_ child: Child) -> Int {
        precondition(child.pid > 0, "a child has a positive pid")
        if (count + 1) * 4 > slots.count * 3 { grow() }
        var child = child
        child.row = freeRows.popLast() ?? addRow()
        count += 1
        return place(child)
    }

    private mutating func addRow() -> Int32 {
        rowCount += 1
        return Int32(rowCount - 1)
    }

    /// Removes a process, and closes the gap it leaves in its neighbours' probe sequences.
    mutating func remove(at slot: Int) {
        freeRows.append(slots[slot].row)
        var hole = slot
        var next = (slot + 1) & mask
        while slots[next].pid != 0 {
            let probes = (next - home(of: slots[next].pid)) & mask
            if probes >= (next - hole) & mask {
                slots[hole] = slots[next]
                hole = next
            }
            next = (next + 1) & mask
        }
        slots[hole] = Self.vacant
        count -= 1
    }

    /// Every child, in no particular order.
    var all: [Child] { slots.filter { $0.pid != 0 } }

    func forEach(_ body: (Child) -> Void) {
        for child in slots where child.pid != 0 { body(child) }
    }

    /// Shows every child of a service for changes to all but its pid. Looks at the whole table: for rare events.
    mutating func updateEach(of service: ServiceID, _ body: (inout Child) -> Void) {
        for slot in slots.indices where slots[slot].pid != 0 && slots[slot].service == service { body(&slots[slot]) }
    }

    /// The same for every child there is.
    mutating func updateAll(_ body: (inout Child) -> Void) {
        for slot in slots.indices where slots[slot].pid != 0 { body(&slots[slot]) }
    }

    private func home(of pid: Int32) -> Int {
        // Multiplication spreads neighbouring pids; the high bits are the good ones.
        Int((UInt32(bitPattern: pid) &* 0x9E37_79B1) >> 8) & mask
    }

    @discardableResult
    private mutating func place(_ child: Child) -> Int {
        var slot = home(of: child.pid)
        while slots[slot].pid != 0 { slot = (slot + 1) & mask }
        slots[slot] = child
        return slot
    }

    private mutating func grow() {
        let old = slots
        slots = Array(repeating: Self.vacant, count: old.count * 2)
        for child in old where child.pid != 0 { place(child) }
    }
}
