//===----------------------------------------------------------------------===//
// Quartermaster: runs against servers that behave
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadGeneration
import LoadReports
import Testing

@Suite("runs against servers that behave")
struct AnsweredTests {
    @Test("a storm on a UNIX socket: one connection for each exchange")
    func unixStorm() throws {
        let server = SmallServer(serve: echo)
        let report = try load(.storm, Target(unixPath: server.path), ping)
        #expect(report[.answered] == 40)
        #expect(report.ledger.connections == 40)
        #expect(report.ledger.isClean, "\(report.ledger)")
        #expect(report.phase(.total)?.count == 40)
        #expect(report.phase(.firstByte)?.count == 40)
    }

    @Test("a storm over TCP comes from many addresses")
    func tcpStorm() throws {
        let peers = Notes()
        let server = SmallServer(overTCP: true) { client in
            peers.add(peerHost(client))
            echo(client)
        }
        let report = try load(.storm, Target(tcp: "127.0.0.1:\(server.port)"), ping)
        #expect(report[.answered] == 40)
        #expect(report.ledger.isClean, "\(report.ledger)")
        #expect(Set(peers.all).count == 40)
    }

    @Test("kept connections: as many as clients, however many exchanges", arguments: [false, true])
    func kept(overTCP: Bool) throws {
        let server = SmallServer(overTCP: overTCP, serve: echo)
        let target = try overTCP ? Target(tcp: "localhost:\(server.port)") : Target(unixPath: server.path)
        let report = try load(.kept, target, ping, exchanges: 400)
        #expect(report[.answered] == 400)
        #expect(report.ledger.connections == 4)
        #expect(report.phase(.firstByte)?.count == 4)
        #expect(report.ledger.isClean, "\(report.ledger)")
    }

    @Test("anvil's script: a greeting once for each connection, then requests")
    func anvil() throws {
        let server = SmallServer { client in
            say(client, "protocol=anvil_protocol\n\n")
            var count = 0
            while let request = hear(client), request.hasPrefix("request=connect\nident="), request.hasSuffix("\n\n") {
                count += 1
                say(client, "status=0\ncount=1\nrate=\(count)\n\n")
            }
        }
        for mode in [LoadShape.storm, .kept] {
            let report = try load(mode, Target(unixPath: server.path), Preset.anvil.script(size: 0))
            #expect(report[.answered] == 40)
            #expect(report.ledger.isClean, "\(report.ledger)")
        }
    }

    @Test("greeting and reply that come in pieces are put together")
    func pieces() throws {
        let server = SmallServer { client in
            say(client, "hel")
            usleep(3000)
            say(client, "lo\n")
            guard hear(client) != nil else { return }
            for piece in ["pi", "n", "g\n"] {
                say(client, piece)
                usleep(2000)
            }
            _ = hear(client)
        }
        var script = ping
        script.opening = [ScriptStep(expect: .text(Pattern(exactly: Array("hello\n".utf8))))]
        let report = try load(.storm, Target(unixPath: server.path), script)
        #expect(report[.answered] == 40)
        #expect(report.ledger.isClean, "\(report.ledger)")
        #expect((report.phase(.total)?.value(atPercentile: 50) ?? 0) >= 7_000_000)
    }

    @Test("a request and a reply larger than one read or write")
    func large() throws {
        let server = SmallServer(overTCP: true, serve: echo)
        let report = try load(.kept, Target(tcp: "127.0.0.1:\(server.port)"), Preset.echo.script(size: 65536))
        #expect(report[.answered] == 40)
        #expect(report.ledger.isClean, "\(report.ledger)")
    }

    @Test("a greeting is enough for an exchange")
    func greetingOnly() throws {
        let server = SmallServer(overTCP: true) { client in
            say(client, "220 small ready\r\n")
            _ = hear(client)
        }
        let script = Script(greeting: try Pattern(text: "220 *\\r\\n"))
        let report = try load(.storm, Target(tcp: "127.0.0.1:\(server.port)"), script)
        #expect(report[.answered] == 40)
        #expect(report.ledger.isClean, "\(report.ledger)")
    }

    @Test("a full accept queue is waited for, not counted as a failure")
    func fullQueue() throws {
        let server = SmallServer(backlog: 1, pause: 1000, serve: echo)
        let report = try load(.storm, Target(unixPath: server.path), ping, clients: 60, exchanges: 300)
        #expect(report[.answered] == 300)
        #expect(report.ledger.retries > 0)
        #expect(report.ledger.isClean, "\(report.ledger)")
    }

    @Test("a duration ends the run and finishes what is under way")
    func duration() throws {
        let server = SmallServer(serve: echo)
        let report = try atSomeScale {
            try load(.storm, Target(unixPath: server.path), ping, exchanges: .max, seconds: 0.2 * $0)
        } where: {
            $0[.answered] > 0
        }
        #expect(report[.answered] > 0)
        #expect(report.ledger.isClean, "\(report.ledger)")
        #expect(report.seconds >= 0.2, "and it did end, with no limit of exchanges")
    }
}
