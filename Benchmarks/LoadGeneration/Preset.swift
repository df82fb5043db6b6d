//===----------------------------------------------------------------------===//
// Quartermaster: scripts for services we know
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A ready-made script for a service of Postfix, of this project, or one that all know.
package enum Preset: String, CaseIterable, Sendable {
    case echo, anvil, policy, smtp, postlog, http

    /// Bytes of a request whose length the service leaves to us.
    package static let defaultSize = 120

    /// The shapes and targets for which the script makes sense.
    package func suits(_ shape: LoadShape, _ target: Target) -> Bool {
        switch self {
        case .echo: shape != .datagrams || !target.isOneWay
        case .postlog: !target.isStream
        case .anvil, .policy, .smtp, .http: target.isStream
        }
    }

    /// - Parameters:
    ///   - size: bytes of a request, or of a mail's text; the other services' requests have a length of their own.
    ///   - keepsConnections: for HTTP, which says so in its request.
    package func script(size: Int, keepsConnections: Bool = false) -> Script {
        switch self {
        case .echo:
            let line = Self.filler(size - 1) + [UInt8(ascii: "\n")]
            return Script(request: line, reply: Pattern(exactly: line))
        case .anvil:
            return Script(
                greeting: Pattern(exactly: Array("protocol=anvil_protocol\n\n".utf8)),
                request: Array("request=connect\nident=bench:127.0.0.1\n\n".utf8),
                reply: Pattern(beginning: Array("status=0\ncount=".utf8), end: Array("\n\n".utf8))
            )
        case .policy: return Self.policyQuestion
        case .smtp: return Self.smtp(size: size)
        case .postlog:
            let start = Array("Jan 01 00:00:00 localhost postfix/bench-accept[1]: ".utf8)
            return Script(request: Array((start + Self.filler(size - start.count)).prefix(size)))
        case .http:
            return HTTPRequestText().script(keepsConnections: keepsConnections)
        }
    }

    /// Datagrams that are to come back as they are, each with a number where there is room.
    package static func echoedDatagram(size: Int) -> Script {
        if size <= DatagramNumbers.digits { return Preset.echo.script(size: size) }
        let line = DatagramNumbers.blank + filler(size - DatagramNumbers.digits - 1) + [UInt8(ascii: "\n")]
        var script = Script(request: line, reply: Pattern(exactly: line))
        script.numbers = DatagramNumbers(requestPlace: 0, replyPlace: 0)
        return script
    }

    /// One question at RCPT time, as Postfix's smtpd asks a policy server; any action will do.
    private static var policyQuestion: Script {
        let attributes = [
            "request=smtpd_access_policy", "protocol_state=RCPT", "protocol_name=ESMTP", "helo_name=bench.invalid",
            "queue_id=", "sender=sender@bench.invalid", "recipient=recipient@bench.invalid", "recipient_count=0",
            "client_address=127.0.0.1", "client_name=localhost", "reverse_client_name=localhost",
            "instance=1.bench-accept",
        ]
        return Script(
            request: Array((attributes.joined(separator: "\n") + "\n\n").utf8),
            reply: Pattern(beginning: Array("action=".utf8), end: Array("\n\n".utf8))
        )
    }

    /// A mail from the banner to the leave.
    private static func smtp(size: Int) -> Script {
        func step(_ text: String, _ code: String) -> ScriptStep {
            ScriptStep(send: Array(text.utf8), expect: .smtp(Array(code.utf8)))
        }
        var text = "From: <sender@bench.invalid>\r\nTo: <recipient@localhost>\r\nSubject: bench-accept\r\n\r\n"
        for start in stride(from: 0, to: size, by: 70) {
            text += String(decoding: filler(min(size - start, 70)), as: UTF8.self) + "\r\n"
        }
        return Script(
            opening: [step("", "220"), step("EHLO bench.invalid\r\n", "250")],
            exchange: [
                step("MAIL FROM:<sender@bench.invalid>\r\n", "250"), step("RCPT TO:<recipient@localhost>\r\n", "25"),
                step("DATA\r\n", "354"), step(text + ".\r\n", "250"),
            ],
            closing: [step("QUIT\r\n", "221")]
        )
    }

    /// `size` letters, for requests whose content does not matter.
    package static func filler(_ size: Int) -> [UInt8] {
        (0..<max(size, 0)).map { UInt8(ascii: "a") + UInt8($0 % 26) }
    }
}
