//===----------------------------------------------------------------------===//
// Quartermaster: tests of the table
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import PolicyDecisions

/// The same, slowly.
private struct Model {
    struct Entry: Equatable { var key, value: UInt64, time: UInt32, count: UInt16 }
    var queues: [[Entry]] = [[], [], []]

    func place(_ key: UInt64) -> (Int, Int)? {
        for queue in queues.indices {
            if let index = queues[queue].firstIndex(where: { $0.key == key }) { return (queue, index) }
        }
        return nil
    }
}

struct AgedTableTests {
    private func expectSame(_ table: borrowing AgedTable, _ model: Model, _ keys: Range<UInt64>) {
        var count = 0
        for queue in 0..<AgedTable.queues {
            var found: [Model.Entry] = []
            var slot = table.oldest(ofQueue: queue)
            while slot != 0 {
                let entry = table[slot]
                found.append(Model.Entry(key: entry.key, value: entry.value, time: entry.time, count: entry.count))
                slot = table.next(after: slot)
            }
            #expect(found == model.queues[queue])
            #expect(table.count(ofQueue: queue) == found.count)
            count += found.count
        }
        #expect(table.count == count)
        for key in keys {
            let slot = table.find(key)
            #expect((slot != 0) == (model.place(key) != nil))
            if slot != 0 { #expect(table[slot].key == key) }
        }
    }

    @Test("it does what a slow one does, full and empty, with hashes that collide", arguments: [1, 2, 7, 40])
    func model(_ capacity: Int) {
        var table = AgedTable(capacity: capacity)
        var model = Model()
        var random = Numbers(seed: UInt64(capacity))
        // Few home places: all chains run into each other.
        let keys: Range<UInt64> = 0..<UInt64(3 * capacity)
        for step in 0..<3000 {
            let key = keys.lowerBound + random.next() % UInt64(keys.count)
            let queue = Int(random.next() % 3)
            let value = random.next()
            let slot = table.find(key)
            switch (random.next() % 3, slot) {
            case (_, 0):
                if table.isFull {
                    var victim = 0
                    while table.count(ofQueue: victim) == 0 { victim += 1 }
                    table.remove(table.oldest(ofQueue: victim))
                    model.queues[victim].removeFirst()
                }
                table.insert(key, queue: queue, value: value, time: UInt32(step), count: 3)
                model.queues[queue].append(Model.Entry(key: key, value: value, time: UInt32(step), count: 3))
            case (0, _):
                table.remove(slot)
                if let (queue, index) = model.place(key) { model.queues[queue].remove(at: index) }
            case (1, _):
                table.renew(slot, queue: 2 - queue, value: value, time: UInt32(step), count: 1)
                if let (queue, index) = model.place(key) { model.queues[queue].remove(at: index) }
                model.queues[2 - queue].append(Model.Entry(key: key, value: value, time: UInt32(step), count: 1))
            default:
                table.renew(slot, queue: queue, value: value, time: UInt32(step), count: 9)
                if let (queue, index) = model.place(key) { model.queues[queue].remove(at: index) }
                model.queues[queue].append(Model.Entry(key: key, value: value, time: UInt32(step), count: 9))
            }
            if step % 50 == 0 || step > 2950 { expectSame(table, model, keys) }
        }
    }

    @Test("the next of a walk is met when it is renewed as the last of its queue", arguments: [1, 2])
    func renewedInWalk(_ count: Int) {
        var table = AgedTable(capacity: 3)
        for key in 0..<UInt64(count) { table.insert(key, queue: 1, time: 5) }
        table.beginWalk()
        for _ in 1..<count { _ = table.nextInWalk() }
        table.insert(9, queue: 2, time: 5)
        let last = table.find(UInt64(count - 1))
        // As what has a time to come is, of which nobody else hears.
        table.renew(last, queue: 1, value: 0, time: 4, count: 0)
        var met: [UInt64] = []
        while case let slot = table.nextInWalk(), slot != 0 { met.append(table[slot].key) }
        #expect(met.contains(UInt64(count - 1)))
        #expect(met.contains(9))
    }

    @Test("a walk meets all that nobody touches meanwhile, and ends", arguments: [1, 2, 7, 40])
    func walk(_ capacity: Int) {
        var table = AgedTable(capacity: capacity)
        var random = Numbers(seed: UInt64(capacity))
        for round in 0..<300 {
            var seen: Set<UInt64> = []
            var touched: Set<UInt64> = []
            table.beginWalk()
            while true {
                // As often as not, something changes between two steps.
                let key = random.next() % UInt64(2 * capacity)
                let slot = table.find(key)
                switch random.next() % 6 {
                case 0 where slot == 0 && !table.isFull:
                    table.insert(key, queue: Int(random.next() % 3), time: UInt32(round))
                    touched.insert(key)
                case 1 where slot != 0:
                    table.renew(slot, queue: Int(random.next() % 3), value: 0, time: UInt32(round), count: 0)
                    touched.insert(key)
                case 2 where slot != 0: table.remove(slot)
                default: break
                }
                let next = table.nextInWalk()
                if next == 0 { break }
                seen.insert(table[next].key)
            }
            for queue in 0..<AgedTable.queues {
                var slot = table.oldest(ofQueue: queue)
                while slot != 0 {
                    let key = table[slot].key
                    #expect(seen.contains(key) || touched.contains(key), "round \(round), \(key)")
                    slot = table.next(after: slot)
                }
            }
        }
    }
}

/// Numbers that are the same in every run.
struct Numbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
