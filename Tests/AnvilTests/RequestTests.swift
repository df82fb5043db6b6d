//===----------------------------------------------------------------------===//
// Quartermaster: what anvil reads
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import AnvilRates

struct RequestTests {
    private func parse(_ text: String) -> AnvilRequest {
        let bytes = Array(text.utf8)
        return AnvilRequest.parse(bytes.span.bytes)
    }

    @Test(
        "every request has its name",
        arguments: [
            ("connect", AnvilRequest.Kind.connect), ("disconnect", .disconnect), ("message", .count(.message)),
            ("recipient", .count(.recipient)), ("newtls", .count(.newTLS)), ("auth", .count(.auth)),
            ("newtls_status", .newTLSStatus), ("lookup", .lookup), ("newtls_report", .unknown("newtls_report")),
            ("", .unknown("")), ("CONNECT", .unknown("CONNECT")),
        ]
    )
    func names(_ name: String, _ kind: AnvilRequest.Kind) {
        let text = "request=\(name)\nident=smtp:192.0.2.1\n\n"
        let start = text.utf8.count - 2 - "smtp:192.0.2.1".utf8.count
        let ident = start..<text.utf8.count - 2
        #expect(parse(text) == .whole(kind, ident: ident, size: text.utf8.count, extra: nil))
        #expect(parse(text + "request=") == .whole(kind, ident: ident, size: text.utf8.count, extra: nil))
    }

    @Test("nothing is decided before it is there")
    func incomplete() {
        let text = "request=connect\nident=x\n\n"
        for size in 0..<text.utf8.count { #expect(parse(String(text.prefix(size))) == .incomplete) }
    }

    @Test(
        "attributes that are missing or out of order are refused",
        arguments: [
            ("ident=x\nrequest=connect\n\n", "missing attribute request in input"),
            ("\n", "missing attribute request in input"),
            ("request:connect\n", "missing attribute request in input"),
            ("request=connect\n\n", "missing attribute ident in input"),
            ("request=connect\nsize=1\n", "missing attribute ident in input"),
        ]
    )
    func badOrder(_ text: String, _ why: String) {
        #expect(parse(text) == .malformed(why))
    }

    @Test("one attribute too many is named, and its value is out of step")
    func surplusAttribute() {
        let text = "request=connect\nident=x\nsize=1\n\n"
        #expect(parse(text) == .whole(.connect, ident: 22..<23, size: 29, extra: "size"))
        #expect(parse("request=connect\nident=x\nsi") == .incomplete)
    }

    @Test("an ident may be empty and hold anything")
    func oddIdents() {
        #expect(parse("request=lookup\nident=\n\n") == .whole(.lookup, ident: 21..<21, size: 23, extra: nil))
        #expect(parse("request=lookup\nident=a=b c\n\n") == .whole(.lookup, ident: 21..<26, size: 28, extra: nil))
    }
}
