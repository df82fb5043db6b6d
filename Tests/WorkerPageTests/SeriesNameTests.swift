//===----------------------------------------------------------------------===//
// Quartermaster: tests of the names of series: whatever is given, Prometheus can read it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import WorkerPage

@Suite("Names of series") struct SeriesNameTests {
    @Test(
        "what Prometheus does not take in a name is an underscore",
        arguments: [
            ("requests", "requests"), ("http.server-requests", "http_server_requests"), ("9lives", "_9lives"),
            ("größe", "gr__e"), ("a b\n{c}", "a_b__c_"), ("a:b", "a_b"), ("__x", "__x"),
        ]
    )
    func names(_ given: String, _ written: String) throws {
        let name = try #require(SeriesName(given))
        #expect(name.text == written && name.family == written && name.labels.isEmpty)
        #expect(SeriesName(reading: Array(written.utf8)) == name)
    }

    @Test("labels stand in the order of their names, each once, escaped, and none that the exporter sets itself")
    func labels() throws {
        let given = [
            ("z", "last"), ("a.b", "quoted \"x\" \\ and\na line"), ("service", "mine"), ("le", "5"), ("z", "again"),
            ("empty", ""), ("", "nameless"), ("__internal", "ä\u{1b}[31m"), ("9", "nine"),
        ]
        let name = try #require(SeriesName("x", labels: given))
        #expect(
            name.text == #"x{_9="nine",_internal="ä?[31m",a_b="quoted \"x\" \\ and\na line","#
                + #"exported_le="5",exported_service="mine",z="last"}"#
        )
        #expect(name == SeriesName("x", labels: given.reversed().filter { $0.1 != "again" }))
        #expect(SeriesName(reading: Array(name.text.utf8)) == name)
    }

    @Test("a name has 224 bytes at most, with its labels, and one at least")
    func length() throws {
        let longest = String(repeating: "x", count: 224)
        #expect(SeriesName(longest)?.text == longest)
        #expect(SeriesName(longest + "x") == nil && SeriesName("") == nil)
        #expect(SeriesName("x", labels: [("y", String(repeating: "\"", count: 108))])?.text.utf8.count == 223)
        #expect(SeriesName("x", labels: [("y", String(repeating: "\"", count: 109))]) == nil)
        #expect(SeriesName(reading: Array((longest + "x").utf8)) == nil)
    }

    @Test(
        "what is not written like this is not read",
        arguments: [
            "", "9", "x y", "x{", "x{}", "x}", #"x{a="1""#, #"x{a="1"}}"#, #"x{a="1",}"#, #"x{b="1",a="2"}"#,
            #"x{a="1",a="2"}"#, #"x{a=""}"#, #"x{a=1}"#, #"x{9="1"}"#, #"x{__a="1"}"#, #"x{service="1"}"#,
            #"x{le="1"}"#,
            #"x{type="1"}"#, #"x{quantile="1"}"#, #"x{a="\t"}"#, "x{a=\"\n\"}", "x{a=\"\u{7f}\"}", "x{a=\"\u{85}\"}",
            #"x{a="\"}"#, "x\n# EOF", "größe", #"x{a="1"} 5"#, #"{a="1"}"#,
        ]
    )
    func refused(_ text: String) { #expect(SeriesName(reading: Array(text.utf8)) == nil) }

    @Test("bytes that are no UTF-8 are no name")
    func notText() {
        for bytes in [[0x78, 0xff], Array("x{a=\"".utf8) + [0xc3] + Array("\"}".utf8), [0x80]] {
            #expect(SeriesName(reading: bytes) == nil)
        }
    }

    @Test("any bytes: what is read is what was there, and what would be written")
    func anything() {
        var generator = SystemRandomNumberGenerator()
        let pieces = ["x", "{", "}", "a", "=\"", "\"", ",", "\\", "n", "_", "9", "\u{1}", "ü", " "].map {
            Array($0.utf8)
        }
        var read = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 1...12, using: &generator)
            let bytes = (0..<count).flatMap { _ in pieces.randomElement(using: &generator) ?? [] }
            guard let name = SeriesName(reading: bytes) else { continue }
            read += 1
            #expect(Array(name.text.utf8) == bytes)
        }
        #expect(read > 0)
    }
}
