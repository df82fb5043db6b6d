//===----------------------------------------------------------------------===//
// Quartermaster: tests of the event loop
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import SystemCalls
import Testing

@Suite(.timeLimit(.minutes(1))) struct EventLoopTests {
    /// The tokens' kinds of everything that happens within the time.
    private func kinds(_ loop: inout EventLoop, turns: Int = 20, wait: Int64 = 100) throws -> [UInt32] {
        var found: [UInt32] = []
        for _ in 0..<turns {
            try loop.turn(waitingAtMost: wait)
            while let occurrence = loop.next() { found.append(occurrence.token.kind) }
        }
        return found
    }

    @Test func timersRingInTheOrderOfTheirTimes() throws {
        var loop = try EventLoop(capacity: 4)
        for (kind, time) in [(3, 60), (1, 10), (4, 90), (2, 30)] {
            loop.arm(loop.makeTimer(token: EventToken(kind: UInt32(kind))), milliseconds: Int64(time))
        }
        #expect(try kinds(&loop, turns: 8, wait: 50) == [1, 2, 3, 4])
    }

    @Test func aTimerRingsOnceUnlessArmedAgain() throws {
        var loop = try EventLoop(capacity: 4)
        let timer = loop.makeTimer(token: EventToken(kind: 1))
        loop.arm(timer, milliseconds: 0)
        #expect(try kinds(&loop, turns: 3, wait: 10) == [1])
        loop.arm(timer, milliseconds: 5)
        loop.cancel(timer)
        #expect(try kinds(&loop, turns: 3, wait: 10) == [])
        loop.arm(timer, milliseconds: 5000)
        loop.arm(timer, milliseconds: 5)
        #expect(try kinds(&loop, turns: 3, wait: 10) == [1], "a running timer starts over")
    }

    @Test func aPeriodicTimerGoesOn() throws {
        var loop = try EventLoop(capacity: 4)
        let timer = loop.makeTimer(token: EventToken(kind: 1))
        loop.arm(timer, everyMilliseconds: 5)
        var rings = 0
        for _ in 0..<200 where rings < 4 {
            try loop.turn(waitingAtMost: 20)
            while loop.next() != nil { rings += 1 }
        }
        #expect(rings == 4)
        loop.cancel(timer)
        #expect(try kinds(&loop, turns: 2, wait: 10) == [])
    }

    @Test func aTurnDoesNotWaitLongerThanItWasTold() throws {
        var loop = try EventLoop(capacity: 4)
        let before = loop.now
        try loop.turn(waitingAtMost: 30)
        let waited = loop.now.milliseconds(since: before)
        #expect(waited >= 25 && waited < 2000)
        #expect(loop.next() == nil)
    }

    @Test func inputIsReportedUntilItIsTaken() throws {
        var loop = try EventLoop(capacity: 4)
        let pair = try makeSocketPair()
        let watch = try loop.watch(
            pair.first.number,
            for: .readable,
            token: EventToken(kind: 7, index: 8, generation: 9)
        )
        #expect(try kinds(&loop, turns: 1, wait: 0) == [])
        _ = try pair.second.number.write([1])
        try loop.turn(waitingAtMost: 100)
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

    @Test(arguments: [true, false])
    func aWatcherRemovedOrStoppedInTheMiddleOfATurnIsNotReported(_ removes: Bool) throws {
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
        try loop.turn(waitingAtMost: 100)
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

    @Test func manyWatchersMakeTheLoopGrow() throws {
        var loop = try EventLoop(capacity: 1)
        for kind in 0..<500 {
            loop.arm(loop.makeTimer(token: EventToken(kind: UInt32(kind))), milliseconds: Int64(kind % 3))
        }
        #expect(try Set(kinds(&loop, turns: 6, wait: 10)) == Set(0..<500))
    }

    @Test func roomToWriteIsReported() throws {
        var loop = try EventLoop(capacity: 4)
        let pipe = try makePipe(nonBlocking: true)
        _ = try loop.watch(pipe.second.number, for: .writable, token: EventToken(kind: 1))
        #expect(try kinds(&loop, turns: 1, wait: 0) == [1])
        let block = [UInt8](repeating: 0, count: 65536)
        while try pipe.second.number.write(block) != .wouldBlock {}
        #expect(try kinds(&loop, turns: 1, wait: 0) == [])
    }

    @Test func signalsAreOccurrences() async {
        await #expect(processExitsWith: .success) {
            var loop = try EventLoop(capacity: 4)
            _ = try loop.watchSignal(.hangup, token: EventToken(kind: 1))
            let child = try loop.watchSignal(.child, token: EventToken(kind: 2))
            try sendSignal(.hangup, to: processID())
            try sendSignal(.hangup, to: processID())
            try sendSignal(.child, to: processID())
            var found: Set<UInt32> = []
            for _ in 0..<50 where found.count < 2 {
                try loop.turn(waitingAtMost: 20)
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

    /// Four processes wait on one listener. With plain registration most connections wake several of them.
    @Test(arguments: [UInt16](repeating: 0, count: 1))
    func oneConnectionWakesOneOfManyProcesses(_ port: UInt16) async {
        await #expect(processExitsWith: .success) {
            let listener = try makeSocket(.ipv4, .stream)
            try listener.number.bind(to: SocketAddress(ipv4: [127, 0, 0, 1], port: 0))
            try listener.number.listen(backlog: 100)
            try listener.number.setNonBlocking(true)
            let reports = try makePipe(nonBlocking: false)
            for _ in 0..<4 where try forkProcess() == 0 { serveAndReport(listener.number, reports.second.number) }
            let address = try #require(try listener.number.name(ofPeer: false))
            pause(milliseconds: 200)
            for _ in 0..<200 {
                let client = try makeSocket(.ipv4, .stream)
                try client.number.connect(to: address)
                #expect(try client.number.read(atMost: 1) == [], "served: the server closes")
            }
            var (wakeups, served) = (0, 0)
            for _ in 0..<4 {
                guard try reports.first.number.waitForInput(milliseconds: 5000) else { break }
                let bytes = try #require(try reports.first.number.read(atMost: 2))
                wakeups += Int(bytes[0])
                served += Int(bytes[1])
            }
            #expect(served == 200)
            // One that is just about to wait may be woken for nothing; a herd would be hundreds.
            #expect(wakeups <= 205, "\(wakeups) wake-ups for \(served) connections")
        }
    }
}

/// Accepts until nobody came for half a second, then tells how often it was woken and for how many.
private func serveAndReport(_ listener: DescriptorNumber, _ reports: DescriptorNumber) -> Never {
    var (wakeups, served): (UInt8, UInt8) = (0, 0)
    do {
        var loop = try EventLoop(capacity: 4)
        _ = try loop.watch(listener, for: .readableExclusively, token: EventToken(kind: 1))
        var quiet = 0
        while quiet < 2 {
            try loop.turn(waitingAtMost: 400)
            quiet += 1
            while loop.next() != nil {
                quiet = 0
                wakeups += wakeups < 255 ? 1 : 0
                if case .client = try listener.accept() { served += 1 }
            }
        }
        _ = try reports.write([wakeups, served])
    } catch {}
    exitAtOnce(0)
}
