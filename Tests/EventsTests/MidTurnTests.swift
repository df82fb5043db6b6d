//===----------------------------------------------------------------------===//
// Quartermaster: tests of watchers that change while a turn is worked through
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls
import Testing

@Suite struct MidTurnTests {
    /// A loop in the middle of a turn that collected two expiries, one of which was handed out, and the other's timer.
    private struct BetweenTwoExpiries: ~Copyable {
        var loop: EventLoop
        let kind: UInt32
        let timer: WatchID

        init() throws {
            var loop = try EventLoop(capacity: 4)
            let timers = [loop.makeTimer(token: EventToken(kind: 0)), loop.makeTimer(token: EventToken(kind: 1))]
            for timer in timers { loop.arm(timer, milliseconds: 0) }
            pause(milliseconds: 20)
            try loop.turn(waitingAtMost: 90_000)
            let first = loop.next()
            kind = first?.token.kind == 1 ? 0 : 1
            timer = timers[Int(kind)]
            self.loop = loop
        }
    }

    @Test("an expiry that was collected before its timer was armed again is void, and the new one comes once")
    func armedAgain() throws {
        var between = try BetweenTwoExpiries()
        between.loop.arm(between.timer, milliseconds: 30)
        #expect(between.loop.next() == nil)
        var rings: [UInt32] = []
        for _ in 0..<300 where rings.isEmpty {
            try between.loop.turn(waitingAtMost: 100)
            while let occurrence = between.loop.next() { rings.append(occurrence.token.kind) }
        }
        #expect(rings == [between.kind])
        try between.loop.turn(waitingAtMost: 50)
        #expect(between.loop.next() == nil)
    }

    @Test("an expiry that was collected before its timer was stopped is void")
    func stopped() throws {
        var between = try BetweenTwoExpiries()
        between.loop.stop(between.timer)
        #expect(between.loop.next() == nil)
        try between.loop.turn(waitingAtMost: 20)
        #expect(between.loop.next() == nil)
    }

    @Test("readiness that was collected before a watcher was stopped and started is void")
    func startedAgain() throws {
        var loop = try EventLoop(capacity: 4)
        let first = try makeSocketPair()
        let second = try makeSocketPair()
        let readers = [first.first.number, second.first.number]
        let writers = [first.second.number, second.second.number]
        var watches: [WatchID] = []
        for kind in 0...1 {
            watches.append(try loop.watch(readers[kind], for: .readable, token: EventToken(kind: UInt32(kind))))
            _ = try writers[kind].write([1])
        }
        try loop.turn(waitingAtMost: 90_000)
        let reported = loop.next()
        let other = 1 - Int(try #require(reported).token.kind)
        loop.stop(watches[other])
        _ = try readers[other].read(atMost: 1)
        try loop.start(watches[other])
        #expect(loop.next() == nil, "what was read meanwhile is not reported")
        _ = try writers[other].write([1])
        loop.stop(watches[1 - other])
        try loop.turn(waitingAtMost: 90_000)
        #expect(loop.next()?.token.kind == UInt32(other), "the next turn looks anew")
    }
}
