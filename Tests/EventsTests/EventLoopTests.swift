//===----------------------------------------------------------------------===//
// Quartermaster: tests of the event loop
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import SystemCalls
import Testing

@Suite struct EventLoopTests {
    /// The tokens' kinds of everything that happens in so many turns: for what is there already, or must not come.
    private func kinds(_ loop: inout EventLoop, turns: Int, wait: Int64) throws -> [UInt32] {
        var found: [UInt32] = []
        for _ in 0..<turns {
            try loop.turn(waitingAtMost: wait)
            while let occurrence = loop.next() { found.append(occurrence.token.kind) }
        }
        return found
    }

    /// Those of what has to come, however long it takes.
    private func kinds(_ loop: inout EventLoop, count: Int) throws -> [UInt32] {
        var found: [UInt32] = []
        for _ in 0..<(count + 300) where found.count < count { found += try kinds(&loop, turns: 1, wait: 100) }
        return found
    }

    @Test("timers ring in the order of their times")
    func orderOfTimers() throws {
        // Arming takes no time to speak of, unless the machine did something else in between: then once more.
        for _ in 0..<1000 {
            var loop = try EventLoop(capacity: 4)
            let begun = Clock.monotonicNanoseconds()
            for (kind, time) in [(3, 60), (1, 10), (4, 90), (2, 35)] {
                loop.arm(loop.makeTimer(token: EventToken(kind: UInt32(kind))), milliseconds: Int64(time))
            }
            if Clock.monotonicNanoseconds() - begun > 5_000_000 { continue }
            #expect(try kinds(&loop, count: 4) == [1, 2, 3, 4])
            return
        }
        Issue.record("four timers were never armed within five milliseconds")
    }

    @Test("a timer rings once unless armed again")
    func oneRing() throws {
        var loop = try EventLoop(capacity: 4)
        let timer = loop.makeTimer(token: EventToken(kind: 1))
        loop.arm(timer, milliseconds: 0)
        #expect(try kinds(&loop, count: 1) == [1])
        #expect(try kinds(&loop, turns: 3, wait: 10) == [])
        loop.arm(timer, milliseconds: 5)
        loop.stop(timer)
        #expect(try kinds(&loop, turns: 3, wait: 10) == [])
        loop.arm(timer, milliseconds: 3_600_000)
        loop.arm(timer, milliseconds: 5)
        #expect(try kinds(&loop, count: 1) == [1], "a running timer starts over")
    }

    @Test("a turn does not wait longer than it was told")
    func limitOfATurn() throws {
        var loop = try EventLoop(capacity: 4)
        let before = loop.now
        try loop.turn(waitingAtMost: 30)
        let waited = loop.now.milliseconds(since: before)
        // No earlier, but for the coarseness of libevent's clock; that it came back at all is the rest.
        #expect(waited >= 15)
        #expect(loop.next() == nil)
        let again = loop.now
        try loop.turn(waitingAtMost: 30)
        #expect(loop.now.milliseconds(since: again) >= 15, "a limit that was reached does not shorten the next turn")
    }

    @Test("input is reported until it is read")
    func unreadInput() throws {
        var loop = try EventLoop(capacity: 4)
        let pair = try makeSocketPair()
        let watch = try loop.watch(
            pair.first.number,
            for: .readable,
            token: EventToken(kind: 7, index: 8, generation: 9)
        )
        #expect(try kinds(&loop, turns: 1, wait: 0) == [])
        _ = try pair.second.number.write([1])
        try loop.turn(waitingAtMost: 90_000)
        let next = loop.next()
        let occurrence = try #require(next)
        #expect(occurrence.token == EventToken(kind: 7, index: 8, generation: 9))
        #expect(occurrence.what == .readable)
        #expect(occurrence.watch == watch)
        #expect(loop.next() == nil)
        #expect(try kinds(&loop, turns: 2, wait: 0) == [7, 7])
        loop.stop(watch)
        #expect(try kinds(&loop, turns: 1, wait: 0) == [])
        try loop.start(watch)
        #expect(try kinds(&loop, turns: 1, wait: 10) == [7])
        _ = try pair.first.number.read(atMost: 1)
        #expect(try kinds(&loop, turns: 1, wait: 0) == [])
    }

    @Test("a watcher removed or stopped in the middle of a turn is not reported", arguments: [true, false])
    func midTurn(_ removes: Bool) throws {
        var loop = try EventLoop(capacity: 4)
        let first = try makeSocketPair()
        let second = try makeSocketPair()
        var watches: [EventToken: WatchID] = [:]
        for (kind, number) in [(1, first.first.number), (2, second.first.number)] {
            let token = EventToken(kind: UInt32(kind))
            watches[token] = try loop.watch(number, for: .readable, token: token)
        }
        _ = try first.second.number.write([1])
        _ = try second.second.number.write([1])
        try loop.turn(waitingAtMost: 90_000)
        let next = loop.next()
        let reported = try #require(next).token
        let other = try #require(watches.first { $0.key != reported })
        if removes {
            loop.remove(other.value)
            // Its memory is used again at once, and must not be taken for the old one.
            _ = loop.makeTimer(token: EventToken(kind: 99))
        } else {
            loop.stop(other.value)
        }
        #expect(loop.next() == nil)
        #expect(try kinds(&loop, turns: 1, wait: 0) == [reported.kind])
    }

    @Test("many watchers make the loop grow")
    func growth() throws {
        var loop = try EventLoop(capacity: 1)
        for kind in 0..<500 {
            loop.arm(loop.makeTimer(token: EventToken(kind: UInt32(kind))), milliseconds: Int64(kind % 3))
        }
        #expect(try Set(kinds(&loop, count: 500)) == Set(0..<500))
    }

    @Test("room to write is reported")
    func roomToWrite() throws {
        var loop = try EventLoop(capacity: 4)
        let pipe = try makePipe(nonBlocking: true)
        _ = try loop.watch(pipe.second.number, for: .writable, token: EventToken(kind: 1))
        #expect(try kinds(&loop, turns: 1, wait: 0) == [1])
        let block = [UInt8](repeating: 0, count: 65536)
        while try pipe.second.number.write(block) != .wouldBlock {}
        #expect(try kinds(&loop, turns: 1, wait: 0) == [])
    }

    @Test("signals can be taken before everything else, which stays for its turn")
    func signalsFirst() async {
        await #expect(processExitsWith: .success) {
            var loop = try EventLoop(capacity: 4)
            let pipe = try makePipe(nonBlocking: true)
            _ = try loop.watch(pipe.second.number, for: .writable, token: EventToken(kind: 1))
            _ = try loop.watchSignal(.hangup, token: EventToken(kind: 2))
            try loop.turn(waitingAtMost: 0)
            #expect(loop.nextSignal() == nil)
            // A signal that interrupts the waiting may come in a turn of its own.
            for _ in 0..<100 {
                try sendSignal(.hangup, to: processID())
                var signal: Occurrence?
                // No turn waits, because of the pipe; the signal may be given to a thread that has to wait.
                let deadline = ContinuousClock.now + .seconds(60)
                while signal == nil, ContinuousClock.now < deadline {
                    try loop.turn(waitingAtMost: 100)
                    signal = loop.nextSignal()
                }
                #expect(signal?.token.kind == 2 && signal?.what == .signal)
                #expect(loop.nextSignal() == nil, "each is handed out once")
                guard let other = loop.next() else { continue }
                #expect(other.token.kind == 1)
                // libevent may have looked twice in the turn, and the pipe can be written to all the time.
                while let more = loop.next() { #expect(more.token.kind == 1) }
                return withExtendedLifetime(pipe) {}
            }
            Issue.record("the signal was alone in each turn")
        }
    }

    @Test("signals are occurrences")
    func signals() async {
        await #expect(processExitsWith: .success) {
            var loop = try EventLoop(capacity: 4)
            _ = try loop.watchSignal(.hangup, token: EventToken(kind: 1))
            let child = try loop.watchSignal(.child, token: EventToken(kind: 2))
            try sendSignal(.hangup, to: processID())
            try sendSignal(.hangup, to: processID())
            try sendSignal(.child, to: processID())
            var found: Set<UInt32> = []
            for _ in 0..<300 where found.count < 2 {
                try loop.turn(waitingAtMost: 100)
                while let occurrence = loop.next() {
                    #expect(occurrence.what == .signal)
                    found.insert(occurrence.token.kind)
                }
            }
            #expect(found == [1, 2])
            loop.remove(child)
            try sendSignal(.child, to: processID())
            try loop.turn(waitingAtMost: 50)
            #expect(loop.next() == nil)
        }
    }
}
