//===----------------------------------------------------------------------===//
// Quartermaster: escapes, expectations and end points
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import LoadGeneration
import SystemCalls
import Testing

@Suite("escapes")
struct EscapeTests {
    @Test("each escape stands for its byte")
    func all() throws {
        #expect(
            try EscapedText.bytes(of: "a\\n\\r\\t\\0\\x7F\\xff\\\\\\**é") == [
                97, 10, 13, 9, 0, 0x7f, 0xff, 92, 42, 42, 0xc3, 0xa9,
            ]
        )
        #expect(try EscapedText.bytes(of: "") == [])
    }

    @Test("what is no escape is refused with a reason", arguments: ["\\", "\\q", "\\x", "\\x1", "\\xg0", "a\\"])
    func refused(text: String) {
        #expect(throws: EscapedText.Problem.self) { try EscapedText.bytes(of: text) }
    }

    @Test("what is shown can be read back")
    func shown() throws {
        let bytes = (0...255).map { UInt8($0) }
        #expect(try EscapedText.bytes(of: EscapedText.show(bytes)) == bytes)
    }
}

@Suite("expectations")
struct PatternTests {
    /// As if the text had come after the first `known` bytes, from the third place of a buffer on.
    private func match(_ expectation: ReplyRule, _ text: String, known: Int = 0) -> Match {
        let script = CompiledScript(Script(exchange: [ScriptStep(expect: expectation)]))
        let buffer = [1, 2] + Array(text.utf8) + [0]
        return script.match(script.steps[0], buffer, start: 2, count: text.utf8.count, known: known)
    }

    private func match(_ pattern: String, _ text: String) throws -> Match {
        match(.text(try Pattern(text: pattern)), text)
    }

    @Test(
        "exact text",
        arguments: [
            ("", Match.incomplete), ("pi", .incomplete), ("ping", .complete), ("pings", .wrong), ("po", .wrong),
        ]
    )
    func exact(text: String, expected: Match) throws {
        #expect(try match("ping", text) == expected)
    }

    @Test(
        "a star stands for any bytes, also for none",
        arguments: [
            ("", Match.incomplete), ("220", .incomplete), ("220 \n", .complete), ("220 a\n", .complete),
            ("220 a\nb", .incomplete), ("221", .wrong), ("220\n", .wrong),
        ]
    )
    func star(text: String, expected: Match) throws {
        #expect(try match("220 *\\n", text) == expected)
    }

    @Test("beginning and end do not overlap")
    func overlap() throws {
        #expect(try match("aa*aa", "aaa") == .incomplete)
        #expect(try match("aa*aa", "aaaa") == .complete)
    }

    @Test("anything is at least one byte")
    func anything() throws {
        #expect(match(.text(.anything), "") == .incomplete)
        #expect(match(.text(.anything), "x") == .complete)
        #expect(try Pattern(text: "*") == .anything)
    }

    @Test(
        "what was compared before is not compared again",
        arguments: [("ping", 2, Match.complete), ("xxng", 2, .complete), ("pixg", 2, .wrong)]
    )
    func known(text: String, known: Int, expected: Match) throws {
        let form = ReplyRule.text(try Pattern(text: "ping"))
        #expect(match(form, text, known: known) == expected)
    }

    @Test(
        "SMTP replies end with the line whose code has no dash",
        arguments: [
            ("250 ok\r\n", Match.complete), ("250-one\r\n", .incomplete), ("250-one\r\n250 two\r\n", .complete),
            ("250-one\r\n250 two\r", .incomplete), ("250\r\n", .complete), ("550 no\r\n", .wrong), ("2", .incomplete),
            ("250-one\r\n\r\n", .wrong), ("250x\r\n", .wrong), ("252 perhaps\r\n", .wrong),
        ]
    )
    func smtp(text: String, expected: Match) {
        #expect(match(.smtp(Array("250".utf8)), text) == expected)
    }

    @Test("an escaped star is a star, a second bare one is refused")
    func stars() throws {
        #expect(try match("2\\*3", "2*3") == .complete)
        #expect(throws: EscapedText.Problem.self) { try Pattern(text: "a*b*c") }
    }
}

@Suite("end points")
struct TargetTests {
    @Test("what is understood")
    func understood() throws {
        #expect(try Target(tcp: "127.0.0.1:25").address?.port == 25)
        #expect(try Target(tcp: "localhost:25").address?.hostText == "127.0.0.1")
        #expect(try Target(tcp: "[::1]:25").address?.hostText == "::1")
        #expect(try Target(unixPath: "/run/x").description == "unix /run/x")
        #expect(try Target(udp: "127.0.0.1:25").description == "udp 127.0.0.1:25")
        #expect(try Target(fifo: "/run/x").address == nil)
    }

    @Test("on a target without replies, and what resets")
    func kinds() throws {
        #expect(try !Target(unixPath: "/x", .datagram).isOneWay)
        #expect(try Target(fifo: "/x").isOneWay)
        #expect(try !Target(udp: "127.0.0.1:1").isOneWay)
        #expect(try !Target(unixPath: "/x").isOneWay)
        #expect(try Target(tcp: "[::1]:1").isTCP)
        #expect(try !Target(udp: "127.0.0.1:1").isTCP)
        #expect(try !Target(unixPath: "/x").isTCP)
    }

    @Test("what is refused", arguments: ["127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "1.2.3.4.5:25"])
    func refused(text: String) {
        #expect(throws: Target.Problem.self) { try Target(tcp: text) }
    }

    @Test("a path that is too long or empty is refused", arguments: ["", String(repeating: "p", count: 108)])
    func paths(path: String) {
        #expect(throws: Target.Problem.self) { try Target(unixPath: path) }
    }
}

@Suite("source addresses")
struct SourceTests {
    @Test("many on loopback, none elsewhere")
    func standard() throws {
        let sources = SourceAddresses.standard(for: try Target(tcp: "127.0.0.1:25"))
        #expect(Set(sources.map(\.hostText)).count == 512)
        #expect(sources.allSatisfy { $0.isLoopback && $0.port == 0 })
        #expect(try SourceAddresses.standard(for: Target(tcp: "[::1]:25")).isEmpty)
        #expect(try SourceAddresses.standard(for: Target(tcp: "192.0.2.1:25")).isEmpty)
        #expect(try SourceAddresses.standard(for: Target(unixPath: "/x")).isEmpty)
    }

    @Test("a network, spread over all of it")
    func network() throws {
        let sources = try SourceAddresses.parse("127.0.0.0/8", family: .ipv4)
        #expect(Set(sources.map(\.hostText)).count == SourceAddresses.most)
        #expect(
            sources.contains { $0.hostText.hasPrefix("127.0.") }
                && sources.contains { $0.hostText.hasPrefix("127.255.") }
        )
        let few = try SourceAddresses.parse("192.0.2.5/30", family: .ipv4)
        #expect(few.map(\.hostText) == ["192.0.2.5", "192.0.2.6"])
    }

    @Test("a list, and none")
    func list() throws {
        #expect(
            try SourceAddresses.parse("127.0.0.2,127.0.0.3\n127.1.0.0/30", family: .ipv4).map(\.hostText) == [
                "127.0.0.2", "127.0.0.3", "127.1.0.1", "127.1.0.2",
            ]
        )
        #expect(try SourceAddresses.parse("::1", family: .ipv6).count == 1)
        #expect(try SourceAddresses.parse("none", family: .ipv4).isEmpty)
    }

    @Test(
        "what is refused",
        arguments: ["", "localhost", "127.0.0.1/33", "127.0.0.0/7", "/8", "::1", "::/8", "127.0.0.1/"]
    )
    func refused(text: String) {
        #expect(throws: SourceAddresses.Problem.self) { try SourceAddresses.parse(text, family: .ipv4) }
        #expect(throws: SourceAddresses.Problem.self) { try SourceAddresses.parse("127.0.0.1", family: .unix) }
    }
}
