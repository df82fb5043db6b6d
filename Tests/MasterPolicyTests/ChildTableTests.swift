//===----------------------------------------------------------------------===//
// Quartermaster: tests of the table of processes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import Testing

@testable import MasterPolicy

@Suite struct ChildTableTests {
    private static let service = ServiceID(index: 0, generation: 1)

    private static func child(_ pid: Int32, _ generation: UInt32) -> Child {
        let started = PolicyTime(milliseconds: 0)
        return Child(
            pid: pid,
            generation: Generation(rawValue: generation),
            service: service,
            state: .idle,
            started: started
        )
    }

    /// Inserts and removes in an order of no meaning, beside a dictionary that does the same.
    @Test("a long life of inserting and removing ends with the right contents", arguments: [Int32(40), 400, 40_000])
    func longLife(pids: Int32) {
        var table = ChildTable(expectedChildren: 8)
        var model: [Int32: UInt32] = [:]
        var random: UInt64 = 0x1234_5678_9ABC_DEF1
        for step in UInt32(1)...20_000 {
            random ^= random << 13
            random ^= random >> 7
            random ^= random << 17
            let pid = Int32(random % UInt64(pids)) + 1
            if let slot = table.slot(of: pid) {
                #expect(model[pid] == table[slot].generation.rawValue)
                table.remove(at: slot)
                model[pid] = nil
            } else {
                #expect(model[pid] == nil)
                table.insert(Self.child(pid, step))
                model[pid] = step
            }
        }
        var found: [Int32: UInt32] = [:]
        table.forEach { found[$0.pid] = $0.generation.rawValue }
        #expect(found == model)
        #expect(table.count == model.count)
        for pid in 1...pids { #expect((table.slot(of: pid) != nil) == (model[pid] != nil)) }
    }

    @Test("no process has a number below one", arguments: [0, -1, Int32.min])
    func belowOne(pid: Int32) {
        #expect(ChildTable(expectedChildren: 4).slot(of: pid) == nil)
    }

    @Test("changes reach only the service's own children")
    func ownChildren() {
        var table = ChildTable(expectedChildren: 4)
        table.insert(Self.child(1, 1))
        var other = Self.child(2, 2)
        other.service = ServiceID(index: 1, generation: 1)
        table.insert(other)
        table.updateEach(of: Self.service) { $0.state = .busy }
        #expect(table.slot(of: 1).map { table[$0].state } == .busy)
        #expect(table.slot(of: 2).map { table[$0].state } == .idle)
    }
}
