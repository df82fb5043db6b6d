//===----------------------------------------------------------------------===//
// Quartermaster: tests of async services in this process, by a clock that the test moves
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import AsyncServiceTesting
import AsyncServices
import Glibc
import ServerSkeleton
import ServiceTesting
import Synchronization
import Testing

/// One after the other, since there is one such service at a time: who waits for long behind tests that have all
/// threads would be told that somebody forgot to let go.
@Suite(.serialized) struct AsyncTesterTests {
    // MARK: requests

    @Test("settings, arguments, pieces of any length, and many clients of one service")
    func requests() async throws {
        let tester = try await ServiceTester(
            async: Keeper.self,
            settings: ["keeper_limit": "50"],
            arguments: ["a", "b"]
        )
        #expect(tester.log == ["arguments: a b"])
        let clients = try (0..<5).map { _ in try tester.connect() }
        for (number, client) in clients.enumerated() { try client.send("0 hello\n51 x\n", inPiecesOf: number + 1) }
        for client in clients { #expect(try client.received() == "hello 1\nwhat?\n") }
        try clients[0].finishSending()
        #expect(try clients[0].isDisconnected())
        #expect(tester.log.last == "served")
        try clients[1].send(String(repeating: "x", count: 101))
        #expect(try clients[1].isDisconnected(), "longer than a request may be")
        #expect(try !clients[2].isDisconnected())
    }

    @Test("the clock is the test's, to the millisecond: sleeps, Swift's too, deadlines, limits of silence")
    func clock() async throws {
        let tester = try await ServiceTester(async: Waiter.self)
        let client = try tester.connect()
        for (line, answer) in [
            ("sleep 1500", "sleep 1500\n"), ("clock 70", "clock 70\n"), ("deadline 9", "too late\n"),
        ] {
            try client.send(line + "\n")
            let time = try #require(Int64(line.split(separator: " ")[1]))
            try tester.advance(milliseconds: time - 1)
            #expect(try client.received() == "")
            try tester.advance(milliseconds: 1)
            #expect(try client.received() == answer)
        }
        try client.send("within 100000\n")
        try tester.advance(seconds: 99)
        #expect(try !client.isDisconnected())
        try tester.advance(seconds: 1)
        #expect(try client.isDisconnected())
        #expect(tester.log == ["timeout"])
    }

    @Test("promises of many clients are kept in their order, each at its moment")
    func order() async throws {
        let tester = try await ServiceTester(async: Keeper.self)
        let (one, two) = (try tester.connect(), try tester.connect())
        try one.send("300 c\n100 a\n")
        try two.send("200 b\n100000 d\n")
        for (time, first, second) in [(Int64(100), "a 4\n", ""), (100, "", "b 3\n"), (100, "c 2\n", "")] {
            try tester.advance(milliseconds: time)
            #expect(try one.received() == first)
            #expect(try two.received() == second)
        }
        try two.finishSending()
        #expect(try !two.isDisconnected())
        try tester.advance(seconds: 100)
        #expect(try two.received() == "d 1\n")
        #expect(try two.isDisconnected())
    }

    @Test(
        "every task of the service is done when a call returns: detached ones, those that call actors, what may run anywhere"
    )
    func quiet() async throws {
        let tester = try await ServiceTester(async: Waiter.self)
        let client = try tester.connect()
        for number in [0, 1, 30] {
            try client.send("detached \(number)\n")
            #expect(try client.received() == "\(number)\n")
        }
    }

    @Test("what another thread has to do is waited for by those who wait for an answer")
    func elsewhere() async throws {
        let tester = try await ServiceTester(async: Waiter.self)
        let client = try tester.connect()
        try client.send("thread\n")
        #expect(try client.receivedLine() == "thread")
        try client.send("thread 2\n")
        #expect(try client.received(count: 9) == "thread 2\n")
    }

    // MARK: bad peers

    @Test("a client that hangs up ends what waits for it, and cancels its tasks")
    func hangUp() async throws {
        let tester = try await ServiceTester(async: Waiter.self)
        let client = try tester.connect()
        try client.send("forever\n")
        try client.finishSending()
        #expect(tester.log.isEmpty, "it may still be answered")
        try client.hangUp()
        try tester.advance(seconds: 10)
        #expect(tester.log.isEmpty, "a peer that has only closed is found by writing")
        let other = try tester.connect()
        try other.send("big 100\nforever\n")
        try other.hangUp()
        // Closed with input that nobody has read: the kernel says so.
        #expect(tester.log.suffix(2) == ["cancelled", "CancellationError(), cancelled"])
    }

    @Test("a write that fails after any number of bytes ends the wait, and no other client", arguments: [0, 1, 4999])
    func failingWrite(_ count: Int) async throws {
        let tester = try await ServiceTester(async: Waiter.self)
        let (client, other) = (try tester.connect(), try tester.connect())
        try client.failWrite(after: count, with: .connectionReset)
        try client.send("big 5000\nforever\n")
        #expect(try client.receivedBytes().count == count)
        #expect(try client.isDisconnected())
        #expect(tester.log.last?.contains("cancelled") == true, "\(tester.log)")
        try other.send("hello\n")
        #expect(try other.received() == "hello\n")
    }

    @Test("who closes the connection while it looks at the input ends it, and no other")
    func closingParser() async throws {
        let tester = try await ServiceTester(async: Waiter.self)
        let (client, other) = (try tester.connect(), try tester.connect())
        try client.send("close\nthis is nothing for us")
        #expect(try client.isDisconnected())
        #expect(tester.log.first == "closed")
        try other.send("hello\n")
        #expect(try other.received() == "hello\n")
    }

    @Test("what was received is read once, also when both directions have ended")
    func bothDirectionsEnded() async throws {
        let tester = try await ServiceTester(async: Waiter.self)
        let client = try tester.connect()
        try client.send("finish 1\nfinish 2\n")
        try client.finishSending()
        #expect(try client.isDisconnected())
        try tester.advance(seconds: 5)
        #expect(tester.log == ["finished 1", "finished 2", "end of lines"])
    }

    @Test("no room for a moment is no failure")
    func noRoom() async throws {
        let tester = try await ServiceTester(async: Waiter.self)
        let client = try tester.connect()
        try client.failWrite(after: 3, with: .noRoom)
        try client.send("hello\n")
        #expect(try client.received() == "hello\n")
    }

    @Test("a client that stops to read has the writer wait; one that never does is given up by the clock")
    func backPressure() async throws {
        let tester = try await ServiceTester(async: Waiter.self, settings: ["ipc_timeout": "60s"])
        let (client, stuck, finished) = (try tester.connect(), try tester.connect(), try tester.connect())
        for each in [client, stuck, finished] {
            try each.stopReading(after: 1000)
            try each.send("big 100000\n")
        }
        // That it says nothing more is no excuse.
        try finished.finishSending()
        #expect(try client.receivedBytes().count == 1000)
        #expect(!tester.log.contains("written"))
        try client.readOn()
        #expect(try client.received(count: 99_000).utf8.count == 99_000)
        #expect(tester.log == ["written"])
        try tester.advance(seconds: 59)
        #expect(try !stuck.isDisconnected())
        try tester.advance(seconds: 20)
        let ends = tester.log.count { $0.hasPrefix("timeout") || $0.hasPrefix("CancellationError") }
        #expect(ends == 2, "\(tester.log)")
    }

    @Test("who is lost before anybody serves it has its task cancelled from the start")
    func lostEarly() async throws {
        let tester = try await ServiceTester(async: Latecomer.self, settings: ["max_idle": "1d"], over: .inet)
        let gone = try tester.connect()
        try gone.reset()
        try tester.advance(seconds: 60)
        #expect(tester.log == ["cancelled"])
    }

    @Test("a service that takes no more clients leaves them to others, and does not keep those it has not taken")
    func takesNoMore() async throws {
        let tester = try await ServiceTester(async: Latecomer.self, settings: ["max_idle": "1d"])
        let clients = try (0..<3).map { _ in try tester.connect() }
        try tester.advance(seconds: 60)
        #expect(try !clients[0].isDisconnected() && !clients[1].isDisconnected())
        #expect(try clients[2].isDisconnected())
        // It stays in the queue, for another process.
        let late = try tester.connect()
        try tester.advance(seconds: 999)
        #expect(try !late.isDisconnected())
        try tester.advance(seconds: 1)
        #expect(try clients[0].received() == "at last\n")
        #expect(try clients[1].received() == "at last\n")
        #expect(tester.hasEnded)
    }

    // MARK: the end

    @Test("a promise is kept when master is gone, and the process ends with it")
    func leave() async throws {
        let tester = try await ServiceTester(async: Keeper.self)
        let (busy, idle) = (try tester.connect(), try tester.connect())
        try busy.send("5000 tea\n")
        try tester.leave()
        #expect(!tester.hasEnded)
        #expect(try idle.isDisconnected())
        try tester.advance(milliseconds: 4999)
        #expect(!tester.hasEnded)
        try tester.advance(milliseconds: 1)
        #expect(try busy.received() == "tea 1\n")
        #expect(tester.hasEnded)
        #expect(tester.log.last == "exit, 1 kept")
    }

    @Test("a retired process finishes as long as it may: then its tasks are cancelled, and a second later it ends")
    func retire() async throws {
        let tester = try await ServiceTester(async: Waiter.self)
        let client = try tester.connect()
        try client.send("forever\n")
        try tester.retire()
        try tester.advance(milliseconds: 19_999)
        #expect(tester.log.isEmpty && !tester.hasEnded)
        try tester.advance(milliseconds: 1)
        #expect(tester.log == ["cancelled", "CancellationError(), cancelled"])
        #expect(tester.hasEnded)
    }

    @Test("SIGTERM leaves three seconds")
    func terminate() async throws {
        let tester = try await ServiceTester(async: Waiter.self)
        let client = try tester.connect()
        try client.send("sleep 2000\nforever\n")
        try tester.terminate()
        try tester.advance(seconds: 2)
        #expect(try client.received() == "sleep 2000\n")
        try tester.advance(milliseconds: 999)
        #expect(!tester.hasEnded)
        try tester.advance(milliseconds: 1)
        #expect(tester.hasEnded)
        #expect(tester.log == ["cancelled", "CancellationError(), cancelled"])
    }

    @Test("the limits of idle and of used up processes")
    func limits() async throws {
        let tester = try await ServiceTester(async: Keeper.self, settings: ["max_idle": "100s", "max_use": "2"])
        try tester.connect().finishSending()
        try tester.advance(seconds: 99)
        #expect(!tester.hasEnded)
        try tester.connect().finishSending()
        #expect(tester.hasEnded)
        let next = try await ServiceTester(async: Keeper.self, settings: ["max_idle": "100s"])
        try next.advance(seconds: 100)
        #expect(next.hasEnded)
    }

    @Test("a service whose test is over runs no more, whatever its tasks wait for, and the next one begins anew")
    func abandoned() async throws {
        for word in ["forever\n", "big 1000000\n", "sleep 5\n", "stubborn\n"] {
            let tester = try await ServiceTester(async: Waiter.self)
            let client = try tester.connect()
            if word == "stubborn\n" {
                tester.patience = 200
                #expect(throws: ServiceTestError.self, "it is never quiet") { try client.send(word) }
                continue
            }
            try client.send(word)
            #expect(tester.log.isEmpty)
        }
        let last = try await ServiceTester(async: Keeper.self)
        try last.advance(seconds: 100_000)
        #expect(last.log.dropFirst().allSatisfy { $0.hasPrefix("exit") }, "\(last.log)")
    }

    @Test("what another thread resumes when its test is over reaches nothing of the next service")
    func resumedTooLate() async throws {
        do {
            let tester = try await ServiceTester(async: Held.self)
            let (one, two) = (try tester.connect(), try tester.connect())
            try one.send("answer\n")
            try two.send("fail\n")
            withExtendedLifetime((tester, one, two)) {}
        }
        let tester = try await ServiceTester(async: Waiter.self)
        // They have the same names as those two.
        let (one, two) = (try tester.connect(), try tester.connect())
        try one.send("sleep 5000\n")
        let late = Held.waiting.withLock { $0 }
        #expect(late.count == 2)
        for continuation in late { continuation.resume() }
        var heard = ""
        // They may have to wait for a thread that other tests use, too.
        for _ in 0..<20_000 where Held.resumed.withLock({ $0 }) < 2 {
            heard += try one.received()
            try await Task.sleep(for: .milliseconds(5))
        }
        #expect(Held.resumed.withLock { $0 } == 2)
        try two.send("hello\n")
        #expect(try two.received() == "hello\n")
        #expect(try heard + one.received() == "")
        #expect(try !two.isDisconnected())
        try two.finishSending()
        #expect(try two.isDisconnected())
        #expect(!tester.hasEnded)
        try tester.advance(seconds: 5)
        #expect(try one.received() == "sleep 5000\n")
        #expect(tester.log == ["end of lines"])
    }

    // MARK: one loop

    @Test("who waits for the loop has it when the one before is let go, or gives up when it is cancelled")
    func turns() async throws {
        let tester = try await ServiceTester(async: Keeper.self)
        let cancelled = Task { _ = try await ServiceTester(async: Keeper.self) }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }
        let next = Task { try await ServiceTester(async: Keeper.self).log }
        let client = try tester.connect()
        try client.send("0 still\n")
        #expect(try client.received() == "still 1\n")
        try client.hangUp()
        try tester.leave()
        #expect(tester.hasEnded)
        #expect(try await next.value == ["arguments: "])
    }
}
