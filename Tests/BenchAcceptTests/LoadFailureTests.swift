//===----------------------------------------------------------------------===//
// Quartermaster: runs against servers that do not behave
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadGeneration
import LoadReports
import SystemCalls
import Testing

@Suite("runs against servers that do not behave")
struct FailureTests {
    /// Runs pings against `serve` and expects that every one ended in `outcome`.
    private func expectAll(
        _ outcome: Outcome,
        _ mode: LoadShape = .storm,
        overTCP: Bool = false,
        script: Script = ping,
        timeout: Double = 60,
        serve: @escaping @Sendable (Int32) -> Void
    ) throws {
        let server = SmallServer(overTCP: overTCP, serve: serve)
        let target = try overTCP ? Target(tcp: "127.0.0.1:\(server.port)") : Target(unixPath: server.path)
        let report = try load(mode, target, script, exchanges: 20, timeout: timeout)
        #expect(report[outcome] == 20, "\(report.ledger)")
        #expect(report.ledger.addsUp)
        #expect(!report.ledger.isClean, "\(report.ledger)")
        #expect(report.phase(.total) == nil)
        #expect(report.firstProblem?.hasPrefix(outcome.name) == true)
    }

    @Test("a wrong reply", arguments: ["pong\n", "ping\nand more", "x"])
    func wrongReply(reply: String) throws {
        try expectAll(.wrongReply) { client in
            _ = hear(client)
            say(client, reply)
            _ = hear(client)
        }
    }

    @Test("a wrong greeting")
    func wrongGreeting() throws {
        var script = ping
        script.opening = [ScriptStep(expect: .text(Pattern(exactly: Array("hello\n".utf8))))]
        try expectAll(.wrongReply, script: script) { client in
            say(client, "help!\n")
            _ = hear(client)
        }
    }

    @Test("a reply that never ends")
    func endlessReply() throws {
        var script = ping
        script.exchange[0].expect = .text(try Pattern(text: "status=0*\\n\\n"))
        try expectAll(.wrongReply, script: script) { client in
            _ = hear(client)
            say(client, "status=0" + String(repeating: "x", count: 3000))
            _ = hear(client)
        }
    }

    @Test("a connection closed before any reply", arguments: [LoadShape.storm, .kept], [false, true])
    func closedEarly(mode: LoadShape, overTCP: Bool) throws {
        try expectAll(.closedEarly, mode, overTCP: overTCP) { client in _ = hear(client) }
    }

    @Test("a connection closed in the middle of a reply")
    func shortReply() throws {
        try expectAll(.shortReply) { client in
            _ = hear(client)
            say(client, "pin")
        }
    }

    @Test("a connection reset")
    func reset() throws {
        try expectAll(.reset, overTCP: true) { client in
            _ = hear(client)
            var abortive = linger(l_onoff: 1, l_linger: 0)
            setsockopt(client, SOL_SOCKET, SO_LINGER, &abortive, socklen_t(MemoryLayout<linger>.size))
        }
    }

    @Test("a reply that does not come in time")
    func timedOut() throws {
        try expectAll(.timedOut, timeout: 0.1) { client in
            _ = hear(client)
            _ = hear(client)
        }
    }

    @Test("nothing listens: refused by name, which is no failure, but no success either", arguments: [false, true])
    func refused(overTCP: Bool) throws {
        let target: Target
        // Bound and not listening: no other program can take the place meanwhile.
        let receiver = closeOnExecSocket(AF_INET, SOCK_STREAM)
        defer { close(receiver) }
        let path = "/tmp/bench-accept-test.\(UUID().uuidString)"
        defer { unlink(path) }
        if overTCP {
            target = try Target(tcp: "127.0.0.1:\(bindLoopback(receiver))")
        } else {
            let server = SmallServer(serve: echo)
            link(server.path, path)
            target = try Target(unixPath: path)
        }
        let report = try load(.storm, target, ping, exchanges: 20)
        #expect(report[.refused] == 20, "\(report.ledger)")
        #expect(report.ledger.addsUp)
        #expect(report.ledger.failed.isEmpty)
        #expect(!report.ledger.isClean, "\(report.ledger)")
    }

    @Test("a path without a socket")
    func noSuchSocket() throws {
        for shape in LoadShape.allCases {
            let target = try Target(unixPath: "/nonexistent/socket", shape == .datagrams ? .datagram : .stream)
            let script = shape == .datagrams ? Script(request: [1]) : ping
            let report = try load(shape, target, script, clients: 8, exchanges: 8)
            #expect(report[.noSuchSocket] == 8)
            #expect(report.ledger.addsUp)
        }
    }

    @Test("a receiver of datagrams that has stopped reading")
    func stuckReceiver() throws {
        var receiver = SmallReceiver()
        let script = Script(request: Array("line".utf8))
        let report = try atSomeScale {
            receiver = SmallReceiver()
            return try load(
                .datagrams,
                Target(unixPath: receiver.path, .datagram),
                script,
                clients: 2,
                exchanges: .max,
                // Long enough for both to fill the queue, and shorter than the time-out, which each has once.
                seconds: 2 * $0,
                timeout: 2.5 * $0
            )
        } where: {
            $0[.timedOut] == 2
        }
        #expect(report[.timedOut] == 2)
        #expect(report[.answered] > 0)
        #expect(report.ledger.addsUp)
        receiver.startDraining()
        #expect(receiver.drained.datagrams == report[.answered])
    }

    @Test("a server that fails every other client: each outcome is counted, nothing is lost")
    func mixed() throws {
        let server = SmallServer { client in
            guard hear(client) != nil else { return }
            switch Int.random(in: 0..<3) {
            case 0: say(client, "ping\n")
            case 1: say(client, "oops\n")
            default: return
            }
            _ = hear(client)
        }
        let report = try load(.storm, Target(unixPath: server.path), ping, clients: 16, exchanges: 600)
        #expect(report.ledger.opened == 600)
        #expect(report[.answered] + report[.wrongReply] + report[.closedEarly] == 600)
        #expect(report[.answered] > 0 && report[.wrongReply] > 0 && report[.closedEarly] > 0)
        #expect(!report.ledger.isClean, "\(report.ledger)")
    }
}
