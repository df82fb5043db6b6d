//===----------------------------------------------------------------------===//
// Quartermaster: scripts of known services, against servers that speak them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadGeneration
import LoadReports
import SystemCalls
import Testing

@Suite("presets")
struct PresetTests {
    private func policy(_ client: Int32) {
        var text = ""
        while let more = hear(client) {
            text += more
            guard text.hasSuffix("\n\n") else { continue }
            let isRight = text.hasPrefix("request=smtpd_access_policy\n") && text.contains("\nrecipient=")
            say(client, isRight ? "action=dunno\n\n" : "action\n\n")
            text = ""
        }
    }

    @Test("policy", arguments: [LoadShape.storm, .kept])
    func policy(shape: LoadShape) throws {
        let server = SmallServer(overTCP: true) { PresetTests().policy($0) }
        let target = try Target(tcp: "127.0.0.1:\(server.port)")
        let report = try load(shape, target, Preset.policy.script(size: 120))
        #expect(report.ledger.isClean, "\(report)")
        #expect(report[.answered] == 40)
    }

    @Test(
        "smtp: a mail with every exchange, one leave for each storm connection",
        arguments: [LoadShape.storm, .kept, .slow]
    )
    func smtp(shape: LoadShape) throws {
        let mail = SmallMailServer()
        let server = SmallServer(overTCP: true, serve: mail.serve)
        let target = try Target(tcp: "127.0.0.1:\(server.port)")
        let report = try load(
            shape,
            target,
            Preset.smtp.script(size: 100),
            clients: 2,
            exchanges: shape == .slow ? 2 : 10
        ) {
            $0.dribbleNanoseconds = 1_000_000
        }
        #expect(report.ledger.isClean, "\(report)")
        #expect(mail.notes.filter { $0 == "mail" }.count == report[.answered])
        #expect(mail.notes.filter { $0 == "quit" }.count == (shape == .kept ? 0 : report[.answered]))
        #expect(mail.notes.filter { $0 == "ehlo" }.count == (shape == .kept ? 2 : report[.answered]))
    }

    @Test("smtp: a refusal is a wrong reply")
    func smtpRefused() throws {
        let mail = SmallMailServer(refusesRecipients: true)
        let server = SmallServer(overTCP: true, serve: mail.serve)
        let report = try load(
            .storm,
            Target(tcp: "127.0.0.1:\(server.port)"),
            Preset.smtp.script(size: 1),
            exchanges: 5
        )
        #expect(report[.wrongReply] == 5)
        #expect(report.firstProblem?.contains("550 no") == true)
    }

    @Test("http by length, on connections that close or stay", arguments: [LoadShape.storm, .kept], [3, 20_000])
    func http(shape: LoadShape, size: Int) throws {
        let requests = Notes()
        let server = SmallServer(overTCP: true) { client in
            while let request = hear(client) {
                requests.add(request)
                let body = String(repeating: "b", count: size)
                say(client, "HTTP/1.1 200 OK\r\nServer: small\r\nContent-Length: \(size)\r\n\r\n" + body)
            }
        }
        let target = try Target(tcp: "127.0.0.1:\(server.port)")
        let report = try load(shape, target, Preset.http.script(size: 0, keepsConnections: shape == .kept))
        #expect(report.ledger.isClean, "\(report)")
        #expect(report.ledger.connections == (shape == .kept ? 4 : 40))
        #expect(requests.all.allSatisfy { $0.contains("Connection: close") == (shape == .storm) })
    }

    @Test("http without a length ends with the connection")
    func httpUntilClose() throws {
        let server = SmallServer(overTCP: true) { client in
            _ = hear(client)
            say(client, "HTTP/1.0 200 OK\r\n\r\n" + String(repeating: "x", count: 30_000))
        }
        let target = try Target(tcp: "127.0.0.1:\(server.port)")
        let report = try load(.kept, target, Preset.http.script(size: 0, keepsConnections: true))
        #expect(report.ledger.isClean, "\(report)")
        #expect(report.ledger.connections == 40)
    }

    @Test("a body that is too short or too long", arguments: [(5, Outcome.shortReply), (50, .wrongReply)])
    func httpBroken(sent: Int, outcome: Outcome) throws {
        let server = SmallServer(overTCP: true) { client in
            _ = hear(client)
            say(client, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + String(repeating: "x", count: sent))
        }
        let report = try load(.storm, Target(tcp: "127.0.0.1:\(server.port)"), Preset.http.script(size: 0))
        #expect(report[outcome] == 40, "\(report)")
    }

    @Test("echo and postlog suit where they can be heard")
    func suits() throws {
        let (stream, datagram) = (try Target(unixPath: "/x"), try Target(unixPath: "/x", .datagram))
        let (udp, fifo) = (try Target(udp: "127.0.0.1:1"), try Target(fifo: "/x"))
        #expect(Preset.echo.suits(.storm, stream) && Preset.echo.suits(.datagrams, udp))
        #expect(Preset.echo.suits(.datagrams, datagram) && !Preset.echo.suits(.datagrams, fifo))
        #expect(!Preset.postlog.suits(.storm, stream))
        #expect(Preset.postlog.suits(.datagrams, datagram) && Preset.postlog.suits(.storm, fifo))
        #expect(!Preset.smtp.suits(.datagrams, udp))
    }
}

/// As much of SMTP as a client of one mail sees, with replies of one line and of several.
private final class SmallMailServer: @unchecked Sendable {
    private let written = Notes()
    private let refusesRecipients: Bool
    var notes: [String] { written.all }

    init(refusesRecipients: Bool = false) { self.refusesRecipients = refusesRecipients }

    @Sendable func serve(_ client: Int32) {
        say(client, "220-small\r\n220 ready\r\n")
        var (text, isInData) = ("", false)
        while let more = hear(client) {
            text += more
            while let end = text.range(of: isInData ? "\r\n.\r\n" : "\r\n") {
                let command = String(text[..<end.lowerBound])
                text = String(text[end.upperBound...])
                say(client, isInData ? took() : answer(command))
                isInData = !isInData && command == "DATA"
            }
        }
    }

    private func took() -> String {
        written.add("mail")
        return "250 2.0.0 queued\r\n"
    }

    private func answer(_ command: String) -> String {
        switch command.prefix(4) {
        case "EHLO":
            written.add("ehlo")
            return "250-small\r\n250-PIPELINING\r\n250 SIZE\r\n"
        case "MAIL": return "250 ok\r\n"
        case "RCPT": return refusesRecipients ? "550 no\r\n" : "250 ok\r\n"
        case "DATA": return "354 go on\r\n"
        case "QUIT":
            written.add("quit")
            return "221 bye\r\n"
        default: return "500 what\r\n"
        }
    }
}
