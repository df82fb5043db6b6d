//===----------------------------------------------------------------------===//
// Quartermaster: tests of addresses and questions
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import Testing

@testable import PolicyDecisions

func withBytes<Result>(_ text: String, _ body: (RawSpan) throws -> Result) rethrows -> Result {
    let bytes = Array(text.utf8)
    return try body(bytes.span.bytes)
}

struct ClientAddressTests {
    @Test(
        "addresses in every form",
        arguments: [
            ("0.0.0.0", 0, 0xffff_0000_0000), ("192.0.2.7", 0, 0xffff_c000_0207),
            ("255.255.255.255", 0, 0xffff_ffff_ffff),
            ("::", 0, 0), ("::1", 0, 1), ("1::", 0x0001_0000_0000_0000, 0),
            ("2001:db8::1", 0x2001_0db8_0000_0000, 1), ("2001:DB8:0:0:0:0:0:1", 0x2001_0db8_0000_0000, 1),
            ("1:2:3:4:5:6:7:8", 0x0001_0002_0003_0004, 0x0005_0006_0007_0008),
            ("1:2:3:4:5:6:7::", 0x0001_0002_0003_0004, 0x0005_0006_0007_0000),
            ("::2:3:4:5:6:7:8", 0x0000_0002_0003_0004, 0x0005_0006_0007_0008),
            ("::ffff:192.0.2.7", 0, 0xffff_c000_0207), ("64:ff9b::192.0.2.7", 0x0064_ff9b_0000_0000, 0xc000_0207),
            ("1:2:3:4:5:6:1.2.3.4", 0x0001_0002_0003_0004, 0x0005_0006_0102_0304),
        ] as [(String, UInt64, UInt64)]
    )
    func valid(_ text: String, _ high: UInt64, _ low: UInt64) {
        #expect(withBytes(text) { ClientAddress($0) } == ClientAddress(high: high, low: low))
    }

    @Test(
        "what is no address",
        arguments: [
            "", "unknown", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.0.0.1", "0001.2.3.4", "1.2.3.4 ",
            ":", ":::", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "12345::",
            "g::", "::1.2.3", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3.4:5", "fe80::1%eth0", "1:2:3:4:5:6:7:",
        ]
    )
    func invalid(_ text: String) { #expect(withBytes(text) { ClientAddress($0) } == nil) }

    @Test("a network is the first bits")
    func networks() {
        func network(_ text: String, _ short: Int, _ long: Int) -> ClientAddress? {
            withBytes(text) { ClientAddress($0) }?.network(ipv4: short, ipv6: long)
        }
        func address(_ text: String) -> ClientAddress? { withBytes(text) { ClientAddress($0) } }
        #expect(network("192.0.2.7", 24, 64) == address("192.0.2.0"))
        #expect(network("192.0.2.7", 32, 64) == address("192.0.2.7"))
        #expect(network("192.0.2.7", 1, 64) == address("128.0.0.0"))
        #expect(network("192.0.2.7", 0, 64) == address("0.0.0.0"))
        #expect(network("2001:db8:1:2:3:4:5:6", 24, 64) == address("2001:db8:1:2::"))
        #expect(network("2001:db8:1:2:3:4:5:6", 24, 128) == address("2001:db8:1:2:3:4:5:6"))
        #expect(network("2001:db8:1:2:3:4:5:6", 24, 127) == address("2001:db8:1:2:3:4:5:6"))
        #expect(network("2001:db8:1:2:3:4:5:7", 24, 127) == address("2001:db8:1:2:3:4:5:6"))
        #expect(network("2001:db8:1:2:3:4:5:6", 24, 65) == address("2001:db8:1:2::"))
        #expect(network("ffff:db8:1:2:3:4:5:6", 24, 1) == address("8000::"))
        #expect(network("ffff:db8:1:2:3:4:5:6", 24, 0) == address("::"))
    }
}

/// A question as smtpd asks it.
func question(_ changes: [String: String?] = [:]) -> String {
    var values: [(String, String?)] = [
        ("request", "smtpd_access_policy"), ("protocol_state", "RCPT"), ("protocol_name", "ESMTP"),
        ("client_address", "192.0.2.7"), ("client_name", "mail.example.com"), ("helo_name", "mail.example.com"),
        ("queue_id", ""), ("instance", "1.2.3"), ("sender", "a@example.com"), ("recipient", "b@example.org"),
        ("recipient_count", "0"), ("sasl_username", ""), ("stress", ""), ("policy_context", ""),
    ]
    for (name, value) in changes {
        if let index = values.firstIndex(where: { $0.0 == name }) {
            values[index].1 = value
        } else {
            values.append((name, value))
        }
    }
    return values.compactMap { name, value in value.map { "\(name)=\($0)\n" } }.joined() + "\n"
}

struct PolicyRequestTests {
    private func parse(_ text: String) -> PolicyRequest.Parsing { withBytes(text) { PolicyRequest.parse($0) } }

    @Test("a question is found, whatever stands around it")
    func values() {
        let text = question(["sasl_username": "joe", "recipient_count": "17", "protocol_state": "DATA"])
        guard case .whole(let request, let size) = parse(text + "request=") else { return #expect(Bool(false)) }
        #expect(size == text.utf8.count)
        func value(_ range: Range<Int>) -> String { String(decoding: Array(text.utf8)[range], as: UTF8.self) }
        #expect(value(request.clientAddress) == "192.0.2.7")
        #expect(value(request.clientName) == "mail.example.com")
        #expect(value(request.sender) == "a@example.com")
        #expect(value(request.recipient) == "b@example.org")
        #expect(value(request.instance) == "1.2.3")
        #expect(value(request.user) == "joe")
        #expect(request.recipientCount == 17)
        #expect(request.stage == .message)
    }

    @Test("it may come in pieces")
    func pieces() {
        let text = question()
        for count in 0..<text.utf8.count { #expect(parse(String(text.prefix(count))) == .incomplete) }
        #expect(parse(text) != .incomplete)
    }

    @Test(
        "stages",
        arguments: [
            ("RCPT", .recipient), ("DATA", .message), ("END-OF-MESSAGE", .message), ("CONNECT", .other),
            ("HELO", .other),
            ("EHLO", .other), ("MAIL", .other), ("VRFY", .other), ("ETRN", .other), ("", .other), ("RCPT ", .other),
        ] as [(String, PolicyRequest.Stage)]
    )
    func stages(_ name: String, _ stage: PolicyRequest.Stage) {
        guard case .whole(let request, _) = parse(question(["protocol_state": name])) else {
            return #expect(Bool(false))
        }
        #expect(request.stage == stage)
    }

    @Test("the last value of a name counts, and what comes after the first `=` is the value")
    func repeated() {
        let text = "sender=old@example.com\n" + question(["sender": "x=y@example.com"])
        guard case .whole(let request, _) = parse(text) else { return #expect(Bool(false)) }
        #expect(String(decoding: Array(text.utf8)[request.sender], as: UTF8.self) == "x=y@example.com")
    }

    @Test(
        "what every smtpd sends has to be there",
        arguments: ["protocol_state", "client_address", "sender", "recipient"]
    )
    func missing(_ name: String) {
        let text = question([name: nil])
        guard case .flawed(.missing(let found), let size) = parse(text) else { return #expect(Bool(false)) }
        #expect(found.description == name)
        #expect(size == text.utf8.count)
    }

    @Test("a null sender and a missing recipient at DATA are values")
    func empty() {
        guard case .whole = parse(question(["sender": "", "recipient": ""])) else { return #expect(Bool(false)) }
        guard case .flawed(.missing, _) = parse(question(["client_address": ""])) else { return #expect(Bool(false)) }
    }

    @Test("something else is no question")
    func others() {
        #expect(parse("\n") == .flawed(.notAQuestion, size: 1))
        #expect(
            parse(question(["request": "junk"]))
                == .flawed(.notAQuestion, size: question(["request": "junk"]).utf8.count)
        )
        #expect(parse("GET / HTTP/1.1\n\n") == .flawed(.noAssignment, size: 16))
        guard case .flawed(.notAQuestion, _) = parse(question(["request": nil])) else { return #expect(Bool(false)) }
    }

    @Test(
        "numbers are numbers",
        arguments: [("5", 5), ("", 0), ("x", 0), ("1x", 0), ("999999999", 999_999_999), ("-1", 0)]
    )
    func numbers(_ text: String, _ number: Int) {
        guard case .whole(let request, _) = parse(question(["recipient_count": text])) else {
            return #expect(Bool(false))
        }
        #expect(request.recipientCount == number)
    }
}
