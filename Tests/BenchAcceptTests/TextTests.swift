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
    private func match(_ pattern: String, _ text: String) throws -> Pattern.Match {
        try Pattern(text: pattern).match(Array(text.utf8) + [0], count: text.utf8.count)
    }

    @Test(
        "exact text",
        arguments: [
            ("", Pattern.Match.incomplete), ("pi", .incomplete), ("ping", .complete), ("pings", .wrong), ("po", .wrong),
        ]
    )
    func exact(text: String, expected: Pattern.Match) throws {
        #expect(try match("ping", text) == expected)
    }

    @Test(
        "a star stands for any bytes, also for none",
        arguments: [
            ("", Pattern.Match.incomplete), ("220", .incomplete), ("220 \n", .complete), ("220 a\n", .complete),
            ("220 a\nb", .incomplete), ("221", .wrong), ("220\n", .wrong),
        ]
    )
    func star(text: String, expected: Pattern.Match) throws {
        #expect(try match("220 *\\n", text) == expected)
    }

    @Test("beginning and end do not overlap")
    func overlap() throws {
        #expect(try match("aa*aa", "aaa") == .incomplete)
        #expect(try match("aa*aa", "aaaa") == .complete)
    }

    @Test("anything is at least one byte")
    func anything() throws {
        #expect(Pattern.anything.match([0], count: 0) == .incomplete)
        #expect(Pattern.anything.match([0], count: 1) == .complete)
        #expect(try Pattern(text: "*") == .anything)
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
        #expect(try Target(tcp: "127.0.0.1:25").address.port == 25)
        #expect(try Target(tcp: "localhost:25").address.hostText == "127.0.0.1")
        #expect(try Target(tcp: "[::1]:25").address.hostText == "::1")
        #expect(try Target(unixPath: "/run/x").description == "unix:/run/x")
    }

    @Test("what is refused", arguments: ["127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "1.2.3.4.5:25"])
    func refused(text: String) {
        #expect(throws: Target.Problem.self) { try Target(tcp: text) }
    }

    @Test("a path that is too long or empty is refused", arguments: ["", String(repeating: "p", count: 108)])
    func paths(path: String) {
        #expect(throws: Target.Problem.self) { try Target(unixPath: path) }
    }

    @Test("many loopback sources, none elsewhere")
    func sources() throws {
        let sources = try Target(tcp: "127.0.0.1:25").sources
        #expect(Set(sources.map(\.hostText)).count == 512)
        #expect(sources.allSatisfy { $0.isLoopback && !$0.hostText.hasSuffix(".0") && $0.port == 0 })
        #expect(try Target(tcp: "[::1]:25").sources.isEmpty)
        #expect(try Target(tcp: "192.0.2.1:25").sources.isEmpty)
    }
}
