//===----------------------------------------------------------------------===//
// Quartermaster: tests of the tester of services
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import ServerSkeleton
import ServiceTesting
import Testing

@Suite struct ServiceTesterTests {
    @Test("a stream service is greeted, asked and left, with its settings and arguments")
    func stream() throws {
        let tester = try ServiceTester(stream: Adder.self, settings: ["adder_step": "2"], arguments: ["one", "two"])
        #expect(tester.log == ["prepare", "arguments: one two"])
        let client = try tester.connect()
        #expect(try client.received() == "hello\n")
        try client.send("1\n2\nerror x:y\n")
        #expect(try client.receivedLine() == "2")
        #expect(try client.received() == "6\n")
        #expect(tester.log.last == "warning: a client says: error x:y: so")
        let other = try tester.connect()
        try other.send("5\n")
        #expect(try other.received() == "hello\n10\n")
        try client.hangUp()
        #expect(tester.log.last == "left with 6")
        try other.send("bye\n")
        #expect(try other.isDisconnected())
        #expect(tester.log.last == "left with 10")
        try tester.leave()
        #expect(tester.hasEnded)
        #expect(tester.log.last == "exit")
    }

    @Test("a request that comes in pieces of any length is the same request", arguments: 1...8)
    func pieces(_ size: Int) throws {
        let tester = try ServiceTester(stream: Adder.self)
        let client = try tester.connect()
        try client.send("100\n20\r\n3\n", inPiecesOf: size)
        #expect(try client.received() == "hello\n100\n120\n123\n")
    }

    @Test("what a server sees to happens as under master: requests that are too long, replies that do not fit")
    func limits() throws {
        let tester = try ServiceTester(stream: Adder.self)
        let long = try tester.connect()
        try long.send("123456789012345678901")
        #expect(try long.isDisconnected())
        #expect(tester.log.contains { $0.contains("request exceeds 20 bytes") })
        let big = try tester.connect()
        try big.send("big\n")
        #expect(try big.isDisconnected())
        #expect(tester.log.contains { $0.contains("reply does not fit") })
    }

    @Test("a reply to a client that is gone, and one to a client that does not read, cost only that client")
    func clientsThatDoNotTake() throws {
        let tester = try ServiceTester(stream: Adder.self, settings: ["ipc_timeout": "60s"])
        let slow = try tester.connect()
        for _ in 0..<40 { try slow.send("much\n") }
        let gone = try tester.connect()
        try gone.send("1\n")
        try gone.hangUp()
        let other = try tester.connect()
        try other.send("7\n")
        #expect(try other.received() == "hello\n7\n")
        // It took too long to take its replies; the other one had asked for nothing.
        try tester.advance(seconds: 59)
        try other.send("1\n")
        try tester.advance(seconds: 16)
        #expect(tester.log.filter { $0 == "left with 0" }.count == 1, "\(tester.log)")
        #expect(try !other.isDisconnected())
        #expect(try slow.isDisconnected())
    }

    @Test("the clock is the test's: work that is due by time, silent clients, the idle limit")
    func clock() throws {
        let tester = try ServiceTester(stream: Adder.self, settings: ["max_idle": "2h", "ipc_timeout": "100s"])
        try tester.advance(seconds: 3599)
        #expect(!tester.log.contains("an hour is over"))
        try tester.advance(seconds: 1)
        #expect(tester.log.last == "an hour is over")
        let client = try tester.connect()
        try tester.advance(seconds: 99)
        #expect(try !client.isDisconnected())
        try tester.advance(seconds: 1)
        #expect(try client.isDisconnected())
        try tester.advance(seconds: 7199)
        #expect(!tester.hasEnded)
        try tester.advance(seconds: 60)
        #expect(tester.hasEnded)
        #expect(tester.log.last == "exit")
        #expect(tester.elapsedMilliseconds == (3600 + 100 + 7200) * 1000)
    }

    @Test("a process that is used up serves who is connected, and ends")
    func useLimit() throws {
        let tester = try ServiceTester(stream: Adder.self, settings: ["max_use": "2"])
        let first = try tester.connect()
        try tester.connect().hangUp()
        try tester.connect().hangUp()
        try first.send("4\n")
        #expect(try first.received() == "hello\n4\n")
        #expect(!tester.hasEnded)
        try first.hangUp()
        #expect(tester.hasEnded)
    }

    @Test("a fatal message ends the process of the test, and says why")
    func fatal() async throws {
        let result = try await #require(processExitsWith: .exitCode(1), observing: [\.standardErrorContent]) {
            _ = try ServiceTester(stream: Adder.self, settings: ["adder_step": "0"])
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.contains("adder_step"), "\(text)")
    }

    @Test("an event service has its timers and its time to finish, by the test's clock")
    func event() throws {
        let tester = try ServiceTester(event: Board.self)
        let (one, two) = (try tester.connect(), try tester.connect())
        try one.send("hi\n")
        #expect(try two.received() == "hi\n")
        #expect(try one.received() == "")
        try tester.advance(milliseconds: 249)
        #expect(try two.received() == "")
        try tester.advance(milliseconds: 1)
        #expect(try two.received() == "tick\n")
        try tester.advance(milliseconds: 750)
        #expect(try two.received() == "tick\ntick\ntick\n")
        try tester.leave()
        #expect(tester.log == ["will leave: masterGone"])
        #expect(!tester.hasEnded)
        try one.hangUp()
        #expect(!tester.hasEnded)
        try two.hangUp()
        #expect(tester.hasEnded)
        #expect(tester.log.last == "exit")
    }

    @Test("an event service may end at once, and is told of SIGTERM")
    func termination() throws {
        let tester = try ServiceTester(event: Board.self)
        let client = try tester.connect()
        try tester.terminate()
        #expect(tester.hasEnded)
        #expect(tester.log == ["will leave: terminated", "exit"])
        #expect(try client.isDisconnected())
    }

    @Test("a blocking service may wait for its client in the middle of a request")
    func blocking() throws {
        let tester = try ServiceTester(blocking: Turner.self)
        let client = try tester.connect()
        try client.send("a")
        #expect(try client.received() == "")
        try client.send("b")
        #expect(try client.received(count: 2) == "ba")
        try client.send("cd", inPiecesOf: 1)
        #expect(try client.received(count: 2) == "dc")
        try client.hangUp()
        let next = try tester.connect()
        try next.send("xy")
        #expect(try next.received(count: 2) == "yx")
        try next.hangUp()
        try tester.leave()
        #expect(tester.hasEnded)
        #expect(tester.log == ["left", "left", "exit"])
    }

    @Test("a blocking service with many clients serves whichever asks")
    func manyBlocking() throws {
        let tester = try ServiceTester(blocking: ManyTurners.self)
        let (one, two) = (try tester.connect(), try tester.connect())
        try two.send("ab")
        #expect(try two.received(count: 2) == "ba")
        try one.send("cd")
        #expect(try one.received(count: 2) == "dc")
        try one.hangUp()
        try two.hangUp()
        try tester.leave()
        #expect(tester.hasEnded)
    }

    @Test("a datagram service gets what is sent to it")
    func datagrams() throws {
        let tester = try ServiceTester(datagram: Listener.self)
        let sender = try tester.sender()
        try sender.send("one")
        try sender.send("two")
        #expect(tester.log == ["got one", "got two"])
        #expect(try sender.received() == "onetwo")
        try tester.leave()
        #expect(tester.log.last == "exit")
    }

    @Test("datagrams over UDP, with addresses")
    func udp() throws {
        let tester = try ServiceTester(datagram: Listener.self, over: .inet)
        let (one, two) = (try tester.sender(), try tester.sender())
        try one.send("a")
        try two.send("b")
        #expect(try one.received() == "a")
        #expect(try two.received() == "b")
        #expect(tester.log == ["got a", "got b"])
    }

    @Test("a retired service hears so, and one whose test is over is asked nothing")
    func retired() throws {
        let tester = try ServiceTester(event: Board.self)
        let client = try tester.connect()
        try tester.retire()
        #expect(tester.hasEnded)
        #expect(tester.log == ["will leave: retired", "exit"])
        #expect(try client.isDisconnected())
    }

    @Test("a service with one client a process serves the next one when it has left")
    func single() throws {
        let tester = try ServiceTester(single: Backwards.self)
        let (one, two) = (try tester.connect(), try tester.connect())
        try two.send("xy\n")
        try one.send("ab\n", inPiecesOf: 1)
        #expect(try one.receivedLine() == "ba")
        try one.waitForDisconnect()
        #expect(try two.receivedLine() == "yx")
        try two.waitForDisconnect()
        try tester.leave()
        #expect(tester.log == ["exit"])
    }

    @Test("a trigger service has done its work when the trigger is over")
    func trigger() throws {
        let tester = try ServiceTester(trigger: Bell.self)
        try tester.trigger()
        try tester.trigger("")
        try tester.trigger("now")
        #expect(tester.log == ["rings: W", "rings: ", "rings: now"])
        try tester.advance(seconds: 99)
        #expect(!tester.hasEnded)
        try tester.advance(seconds: 60)
        #expect(tester.log.last == "exit", "idle for max_idle")
    }

    @Test("many services run at the same time, each with its own clock")
    func many() throws {
        let testers = try (0..<8).map {
            try ServiceTester(stream: Adder.self, settings: ["adder_step": "\($0 + 1)", "ipc_timeout": "1d"])
        }
        for (index, tester) in testers.enumerated() {
            let client = try tester.connect()
            try tester.advance(seconds: Int64(index) * 900)
            try client.send("1\n")
            #expect(try client.received() == "hello\n\(index + 1)\n")
            #expect(tester.log.contains("an hour is over") == (index >= 4))
        }
    }
}
