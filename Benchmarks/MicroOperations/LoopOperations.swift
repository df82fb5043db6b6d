//===----------------------------------------------------------------------===//
// Quartermaster: turns of the event loop, and timers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPeers
import Events
import SystemCalls

extension Comparison {
    static var loop: [Comparison] {
        let turns = [10, 10_000].map { count in
            Comparison("loop-turn-\(count)", times: 1000) {
                OurWorkload(try LoopTurn(watchers: count))
            } peer: {
                PeerWorkload(CPEERS_LOOP_TURN, size: count)
            }
        }
        let timers = [10, 10_000, 1_000_000].flatMap { count in
            [
                Comparison("timer-add-cancel-\(count)", times: 1000) {
                    OurWorkload(try Timers(count, fires: false))
                } peer: {
                    PeerWorkload(CPEERS_TIMER_ADD_CANCEL, size: count)
                },
                Comparison("timer-fire-\(count)", times: 1000) {
                    OurWorkload(try Timers(count, fires: true))
                } peer: {
                    PeerWorkload(CPEERS_TIMER_FIRE, size: count)
                },
            ]
        }
        return turns + timers
    }
}

/// Many descriptors are watched; the one in the middle is readable and stays so.
private struct LoopTurn: ~Copyable, Subject {
    // In this order: the loop ends before what it watches is closed.
    private var loop: EventLoop
    private let descriptors: OpenDescriptors

    init(watchers count: Int) throws(SystemError) {
        let descriptors = OpenDescriptors((0..<count).map { cpeers_eventfd($0 == count / 2 ? 1 : 0) })
        var loop = try EventLoop(capacity: count)
        for index in 0..<count {
            let descriptor = DescriptorNumber(descriptors.numbers[index])
            _ = try loop.watch(descriptor, for: .readable, token: EventToken(kind: 1, index: UInt32(index)))
        }
        self.descriptors = descriptors
        self.loop = loop
    }

    mutating func run(_ times: Int) throws(SystemError) -> Int {
        var seen = 0
        for _ in 0..<times {
            try loop.turn(waitingAtMost: 0)
            while let occurrence = loop.next() { seen += Int(occurrence.token.kind) }
        }
        return seen
    }
}

/// Many timers run, for 1000 to 2000 seconds; one more is added and cancelled, or fires.
private struct Timers: ~Copyable, Subject {
    private var loop: EventLoop
    private let one: WatchID
    private let fires: Bool
    private var seed: UInt64 = 0

    init(_ count: Int, fires: Bool) throws(SystemError) {
        self.fires = fires
        var loop = try EventLoop(capacity: count + 1)
        for index in 0..<count {
            let timer = loop.makeTimer(token: EventToken(kind: 2, index: UInt32(index)))
            loop.arm(timer, milliseconds: Self.nextDelay(&seed))
        }
        one = loop.makeTimer(token: EventToken(kind: 1))
        self.loop = loop
    }

    private static func nextDelay(_ seed: inout UInt64) -> Int64 {
        seed = cpeers_next_random(seed)
        return 1_000_000 + Int64(seed >> 33) % 1_000_000
    }

    mutating func run(_ times: Int) throws(SystemError) -> Int {
        fires ? try fire(times) : addAndCancel(times)
    }

    private mutating func addAndCancel(_ times: Int) -> Int {
        var sum = 0
        for _ in 0..<times {
            let delay = Self.nextDelay(&seed)
            loop.arm(one, milliseconds: delay)
            loop.stop(one)
            sum += Int(delay)
        }
        return sum
    }

    private mutating func fire(_ times: Int) throws(SystemError) -> Int {
        var fired = 0
        for _ in 0..<times {
            loop.arm(one, milliseconds: 0)
            try loop.turn(waitingAtMost: 0)
            while let occurrence = loop.next() { fired += Int(occurrence.token.kind) }
        }
        return fired
    }
}
