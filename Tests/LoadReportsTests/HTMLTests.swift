//===----------------------------------------------------------------------===//
// Quartermaster: the report as a page, and its charts
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import FoundationXML
import TerminalText
import Testing

@testable import LoadReports

@Suite("the HTML report")
struct HTMLTests {
    /// Collects the names of all elements and all text; fails on what is not well-formed.
    private final class Reader: NSObject, XMLParserDelegate {
        var elements: [String: Int] = [:]
        var attributes: [String] = []
        var text = ""

        func parser(
            _ parser: XMLParser,
            didStartElement name: String,
            namespaceURI: String?,
            qualifiedName: String?,
            attributes found: [String: String]
        ) {
            elements[name, default: 0] += 1
            attributes += found.map { "\($0.key)=\($0.value)" }
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }
    }

    private func read(_ html: String) throws -> Reader {
        let reader = Reader()
        let parser = XMLParser(data: Data(html.utf8))
        parser.delegate = reader
        try #require(parser.parse(), "\(String(describing: parser.parserError)) in line \(parser.lineNumber)")
        return reader
    }

    private static var records: [LoadRecord] {
        [
            Sample.record([Sample.run()]), Sample.record([Sample.run(), Sample.run(rate: 30, failed: ["reset": 1])]),
            Sample.record([]), Sample.record([Sample.emptyRun]), Sample.hostile, Sample.huge,
            Sample.record((1...9).map { Sample.run(rate: $0) }),
        ]
    }

    @Test("every element is closed, and nothing comes from elsewhere", arguments: records)
    func wellFormed(record: LoadRecord) throws {
        let html = record.html
        #expect(html.hasPrefix("<!DOCTYPE html>\n"))
        let reader = try read(html)
        #expect(reader.elements["script"] == nil)
        #expect(reader.elements["link"] == nil)
        #expect(reader.elements["img"] == nil)
        #expect(!reader.attributes.contains { $0.hasPrefix("src=") || $0.hasPrefix("href=") || $0.hasPrefix("on") })
        #expect(!html.contains("url("))
        #expect(!html.contains("nan"))
        #expect(!html.contains("inf,") && !html.contains("inf\""))
    }

    @Test("a chart for the rate, and two for each run")
    func charts() throws {
        #expect(try read(Sample.record([Sample.run()]).html).elements["svg"] == 3)
        #expect(try read(Sample.record([Sample.run(), Sample.run()]).html).elements["svg"] == 5)
        #expect(try read(Sample.record([Sample.emptyRun]).html).elements["svg"] == nil)
        #expect(try read(Sample.record([]).html).elements["svg"] == nil)
    }

    @Test("it says what was measured")
    func words() throws {
        let text = try read(Sample.record([Sample.run(failed: ["reset": 2])]).html).text
        for words in [
            "storm tcp 127.0.0.1:2525, preset smtp, 50 clients, 2 threads, warm-up 1.0 s",
            "2 × Example 3000, Linux 6.1.0",
            "ledger: opened 2005 = answered 2000 + refused 3 + reset 2", "5.00 ms", "2023-11-14T22:13:20Z",
            "first failure: reset, after \"220 mx1\\r\\n\"", "100.00 µs",
        ] {
            #expect(text.contains(words), "\(words)")
        }
    }

    @Test("hostile names are text, not markup")
    func hostileNames() throws {
        let reader = try read(Sample.hostile.html)
        #expect(reader.elements["d"] == nil)
        #expect(reader.elements["style"] == 1)
        #expect(reader.text.contains("unix /tmp/a \"b\", 'c' & <d>\\r\\n\\u{1b}]0;x\\u{7}"))
        #expect(reader.text.contains("2 × </style><svg>"))
        #expect(reader.text.contains("]]></script><!-- & \\u{0}"))
    }
}

@Suite("axes")
struct AxisTests {
    @Test(
        "steps of 1, 2 and 5",
        arguments: [(0.2, 0.2), (0.21, 0.5), (1, 1), (3, 5), (7, 10), (140, 200)] as [(Double, Double)]
    )
    func steps(least: Double, step: Double) { #expect(abs(Axis.niceStep(least) - step) < step / 1e9) }

    @Test("from zero to a little above the largest")
    func fromZero() {
        let axis = Axis.fromZero(to: 930, name: "", label: short)
        #expect(axis.ticks.map(\.label) == ["0", "200", "400", "600", "800", "1.00k"])
        #expect(axis.place(0) == 0)
        #expect(axis.place(500) == 0.5)
        #expect(axis.place(1000) == 1)
        #expect(Axis.fromZero(to: 0, name: "", label: short).ticks.last?.value == 1)
        #expect(Axis.fromZero(to: .nan, name: "", label: short).ticks.last?.value == 1)
    }

    @Test("nanoseconds, each step a multiple of the one before")
    func logarithmic() {
        let axis = Axis.nanoseconds(from: 1500, to: 40_000)
        #expect(axis.ticks.map(\.label) == ["1.00 µs", "2.00 µs", "5.00 µs", "10.0 µs", "20.0 µs", "50.0 µs"])
        #expect(axis.place(1000) == 0)
        #expect(abs(axis.place(50_000) - 1) < 1e-9)
        #expect(axis.place(0) == 0)
        #expect(Axis.nanoseconds(from: 0, to: 0).ticks.count >= 2)
        #expect(Axis.nanoseconds(from: 1, to: Double(Int64.max)).ticks.count >= 2)
    }

    @Test("percentiles as far as the values tell")
    func nines() {
        #expect(Axis.nines(of: 100_000).ticks.map(\.label) == ["0 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"])
        #expect(Axis.nines(of: 0).ticks.map(\.label) == ["0 %", "90 %"])
    }
}
