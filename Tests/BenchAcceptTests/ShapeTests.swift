//===----------------------------------------------------------------------===//
// Quartermaster: the kinds of load
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadGeneration
import LoadReports
import Testing

@Suite("shapes")
struct ShapeTests {
    @Test("a burst: every client once, all of them connected at the same time")
    func burst() throws {
        let gate = DispatchSemaphore(value: 0)
        let waiting = Notes()
        let server = SmallServer { client in
            // No client is answered before all are there, so that a client that waited for another would hang.
            waiting.add("here")
            if waiting.all.count == 20 { for _ in 0..<20 { gate.signal() } }
            gate.wait()
            say(client, "220 hello\r\n")
            _ = hear(client)
        }
        let script = Script(greeting: try Pattern(text: "220*\\r\\n"))
        let report = try load(.burst, Target(unixPath: server.path), script, clients: 20, exchanges: 20)
        #expect(report[.answered] == 20)
        #expect(report.ledger.connections == 20)
        #expect(report.ledger.isClean, "\(report.ledger)")
        #expect(report.phase(.firstByte)?.count == 20)
        #expect(report.phase(.close) == nil)
    }

    @Test("slow clients: byte by byte, with their pause")
    func slow() throws {
        let reads = Notes()
        let server = SmallServer { client in
            var text = ""
            while let more = hear(client) {
                reads.add(more)
                text += more
                if text.hasSuffix("\n") { say(client, text) }
            }
        }
        let report = try load(.slow, Target(unixPath: server.path), ping, clients: 3, exchanges: 6) {
            $0.dribbleNanoseconds = 20_000_000
        }
        #expect(report[.answered] == 6)
        #expect(report.ledger.isClean, "\(report.ledger)")
        #expect(reads.all.joined().filter { $0 == "\n" }.count == 6)
        // Four pauses between five bytes.
        #expect((report.phase(.total)?.minimum ?? 0) >= 80_000_000)
    }

    @Test("a slow client's time limit counts from its last byte")
    func slowTimeout() throws {
        let server = SmallServer(serve: echoLines)
        let report = try atSomeScale { scale in
            try load(.slow, Target(unixPath: server.path), ping, clients: 1, exchanges: 1, timeout: 5 * scale) {
                $0.dribbleNanoseconds = Int64(1_300_000_000 * scale)
            }
        } where: {
            $0[.answered] == 1
        }
        #expect(report[.answered] == 1, "\(report.ledger)")
    }

    @Test("idle connections are held, and those that the peer closes are counted")
    func idle() throws {
        let counter = Notes()
        let server = SmallServer { client in
            let number = counter.add("x")
            say(client, "220 hello\r\n")
            // Every other one has to go.
            if number % 2 == 0 { return }
            _ = hear(client)
        }
        let script = Script(greeting: try Pattern(text: "220*\\r\\n"))
        // The server closes some at once; the others stay until the duration is over.
        let report = try atSomeScale {
            try load(.idle, Target(unixPath: server.path), script, clients: 10, exchanges: 10, seconds: 3 * $0)
        } where: {
            $0[.closedEarly] >= 1 && $0[.answered] + $0[.closedEarly] == 10
        }
        #expect(report.ledger.opened == 10)
        #expect(report[.answered] + report[.closedEarly] == 10, "\(report.ledger)")
        #expect(report[.closedEarly] >= 1 && report[.answered] >= 1)
        #expect(report.phase(.firstByte)?.count == 10)
        #expect(report.seconds >= 3)
    }

    @Test("idle connections without any words")
    func silent() throws {
        let server = SmallServer(overTCP: true) { client in _ = hear(client) }
        let target = try Target(tcp: "127.0.0.1:\(server.port)")
        let report = try atSomeScale {
            try load(.idle, target, Script(), clients: 30, exchanges: 30, seconds: 0.3 * $0)
        } where: {
            $0[.answered] == 30
        }
        #expect(report[.answered] == 30, "\(report.ledger)")
        #expect(report.ledger.connections == 30)
        #expect(report.phase(.connect)?.count == 30)
    }

    @Test("the warm-up is in no figure", arguments: [1, 2])
    func warmUp(threads: Int) throws {
        let served = Notes()
        let server = SmallServer { client in
            while let text = hear(client) {
                served.add("x")
                say(client, text)
            }
        }
        let report = try atSomeScale { scale in
            served.clear()
            return try load(.kept, Target(unixPath: server.path), ping, exchanges: 50) {
                $0.warmUpNanoseconds = Int64(300_000_000 * scale)
                $0.threads = threads
            }
        } where: { _ in
            served.all.count > 50
        }
        #expect(report.ledger.opened == 50 && report[.answered] == 50)
        #expect(report.phase(.total)?.count == 50)
        #expect(report.timeline.reduce(0) { $0 + $1.answered } == 50)
        #expect(served.all.count > 50)
    }

    @Test("connections that the warm-up began count when they are used after it", arguments: [1, 2])
    func warmConnections(threads: Int) throws {
        let server = SmallServer(serve: echo)
        let report = try load(.kept, Target(unixPath: server.path), ping, exchanges: 200) {
            $0.warmUpNanoseconds = 200_000_000
            $0.threads = threads
        }
        #expect(report[.answered] == 200 && report.ledger.isClean)
        // Not one for each exchange, and not none.
        #expect((1...4).contains(report.ledger.connections), "\(report.ledger)")
    }

    @Test("threads share count and clients exactly", arguments: [2, 3, 7])
    func threads(threads: Int) throws {
        let peers = Notes()
        let server = SmallServer { client in
            peers.add("x")
            echo(client)
        }
        let report = try load(.kept, Target(unixPath: server.path), ping, clients: 10, exchanges: 1003) {
            $0.threads = threads
        }
        #expect(report.ledger.opened == 1003 && report[.answered] == 1003)
        #expect(report.ledger.connections == 10 && peers.all.count == 10)
        #expect(report.phase(.total)?.count == 1003)
        #expect(report.ledger.isClean)
    }

    @Test("the timeline adds up to the ledger")
    func timeline() throws {
        let server = SmallServer(serve: echo)
        let report = try atSomeScale {
            try load(.kept, Target(unixPath: server.path), ping, exchanges: .max, seconds: 2.5 * $0) { $0.threads = 2 }
        } where: {
            $0.timeline.count >= 2 && $0.timeline.contains { $0.open == 4 }
        }
        #expect(report.timeline.count >= 2)
        #expect(report.timeline.reduce(0) { $0 + $1.answered } == report[.answered])
        #expect(report.timeline.contains { $0.open == 4 })
        #expect(zip(report.timeline, report.timeline.dropFirst()).allSatisfy { $0.at < $1.at })
        #expect(report.generator.userSeconds + report.generator.systemSeconds > 0)
        #expect(report.generator.busiestThread > 0 && report.generator.busiestThread <= 1)
    }
}

/// Answers each line once it is whole.
@Sendable func echoLines(_ client: Int32) {
    var text = ""
    while let more = hear(client) {
        text += more
        while let end = text.firstIndex(of: "\n") {
            say(client, String(text[...end]))
            text = String(text[text.index(after: end)...])
        }
    }
}
