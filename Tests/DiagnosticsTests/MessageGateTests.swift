//===----------------------------------------------------------------------===//
// Quartermaster: tests of messages that are held back
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Testing

@Suite struct MessageGateTests {
    @Test("a gate lets one through and counts the rest")
    func one() {
        var gate = MessageGate(intervalSeconds: 10)
        #expect(gate.pass(nowSeconds: 100) == 0)
        #expect(gate.pass(nowSeconds: 105) == nil)
        #expect(gate.pass(nowSeconds: 109) == nil)
        #expect(gate.pass(nowSeconds: 110) == 2)
        #expect(gate.pass(nowSeconds: 120) == 0)
    }

    @Test("a gate with a limit lets so many through in an interval, and tells what it held back in the next")
    func severalInAnInterval() {
        var gate = MessageGate(intervalSeconds: 10, limit: 3)
        #expect((0..<5).map { gate.pass(nowSeconds: $0) } == [0, 0, 0, nil, nil])
        #expect(gate.pass(nowSeconds: 10) == 2)
        #expect(gate.pass(nowSeconds: 11) == 0)
    }

    @Test("a gate that opens never again after the first one")
    func once() {
        var gate = MessageGate(intervalSeconds: .max)
        #expect(gate.pass(nowSeconds: 1000) == 0)
        #expect(gate.pass(nowSeconds: .max - 1) == nil)
    }

    @Test("each service and each kind of message has a gate of its own")
    func keys() {
        var gates = MessageGates(intervalSeconds: 10, capacity: 8)
        for subject in 0..<2 {
            for kind in 0..<2 {
                let key = MessageKey(subject: UInt32(subject), kind: UInt32(kind))
                #expect(gates.pass(key, nowSeconds: 100) == 0)
                #expect(gates.pass(key, nowSeconds: 101) == nil)
            }
        }
        #expect(gates.pass(MessageKey(subject: 1, kind: 0), nowSeconds: 110) == 1)
        #expect(gates.pass(MessageKey(subject: 1, kind: 0), nowSeconds: 111) == nil)
    }

    @Test("a flood of ever new keys is held back like one of the same key")
    func flood() {
        var gates = MessageGates(intervalSeconds: 10, capacity: 8)
        var said = 0
        for number in 0..<100_000 where gates.pass(MessageKey(subject: UInt32(number), kind: 0), nowSeconds: 100) != nil
        {
            said += 1
        }
        #expect(said == 8 + 1, "one for each place, and one for all others together")
        #expect(gates.pass(MessageKey(subject: 99_999, kind: 0), nowSeconds: 110) == 0, "a place of its own")
        #expect(gates.pass(MessageKey(subject: 0, kind: 0), nowSeconds: 110) == 0)
    }
}
