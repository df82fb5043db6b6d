//===----------------------------------------------------------------------===//
// Quartermaster: tests of the queue whose memory is used again
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import Testing

@Suite struct RingTests {
    @Test("what came first leaves first, wherever the ring begins and while it grows", arguments: 0..<16)
    func order(_ offset: Int) {
        var ring = Ring<String>(capacity: 1)
        for number in 0..<offset {
            ring.append("before \(number)")
            _ = ring.popFirst()
        }
        for number in 0..<100 { ring.append("\(number)") }
        var count = ring.count
        #expect(count == 100)
        for number in 0..<100 {
            let next = ring.popFirst()
            #expect(next == "\(number)")
        }
        let none = ring.popFirst()
        #expect(none == nil)
        count = ring.count
        #expect(count == 0)
    }

    @Test("memory that was enough stays enough")
    func capacity() {
        var ring = Ring<Int>(capacity: 100)
        let capacity = ring.capacity
        #expect(capacity == 128)
        for round in 0..<1000 {
            for number in 0..<capacity { ring.append(number) }
            for number in 0..<capacity {
                let next = ring.popFirst()
                #expect(next == number)
            }
            // So that the next round begins elsewhere.
            if round % 2 == 0 {
                ring.append(0)
                _ = ring.popFirst()
            }
        }
        let after = ring.capacity
        #expect(after == capacity)
    }

    @Test("what is left is let go with the ring")
    func end() {
        final class Counted {
            let counter: Counter
            init(_ counter: Counter) { self.counter = counter }
            deinit { counter.gone += 1 }
        }
        final class Counter { var gone = 0 }
        let counter = Counter()
        do {
            var ring = Ring<Counted>(capacity: 4)
            for _ in 0..<12 { ring.append(Counted(counter)) }
            for _ in 0..<8 { _ = ring.popFirst() }
            for _ in 0..<12 { ring.append(Counted(counter)) }
            #expect(counter.gone == 8)
        }
        #expect(counter.gone == 24)
    }
}
