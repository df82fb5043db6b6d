//===----------------------------------------------------------------------===//
// Quartermaster: tables, rows and numbers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TerminalText
import Testing

@testable import LoadReports

@Suite("the table")
struct TableTests {
    @Test("one run")
    func oneRun() throws {
        try Golden.expect(
            Sample.record([Sample.run(failed: ["reset": 2, "timed out": 1])]).table,
            equals: "one-run.txt"
        )
    }

    @Test("several runs: a line each, median and spread, the median run in full")
    func severalRuns() throws {
        var limited = Sample.run(rate: 1200, server: 0.3)
        limited.generator.busiestThread = 0.99
        limited.generator.lateStarts = 4
        limited.generator.lateForClients = 3
        let runs = [Sample.run(rate: 900), limited, Sample.run(rate: 1000, scale: 2), Sample.run(rate: 1100)]
        try Golden.expect(Sample.record(runs).table, equals: "several-runs.txt")
    }

    @Test("the ledger says what it misses")
    func unaccounted() {
        var run = Sample.run()
        run.ledger.opened += 5
        #expect(
            Sample.record([run]).table.contains("ledger: opened 2008 = answered 2000 + refused 3 + UNACCOUNTED 5\n")
        )
        #expect(Sample.record([Sample.run()]).table.contains("ledger: opened 2003 = answered 2000 + refused 3\n"))
    }

    @Test("failures stand in the ledger, most frequent first, then by name")
    func failures() {
        let ledger = LedgerReport(
            opened: 10,
            connections: 1,
            answered: 1,
            refused: 0,
            failed: ["b": 2, "a": 2, "c": 5, "none": 0]
        )
        #expect(ledger.account == "ledger: opened 10 = answered 1 + refused 0 + c 5 + a 2 + b 2")
    }

    @Test("datagrams are sent, by senders")
    func datagrams() {
        var record = Sample.record([Sample.run()])
        record.setup.shape = "datagrams"
        record.setup.clients = 1
        #expect(record.table.contains("1 sender,"))
        #expect(record.table.contains("\nsent  "))
        #expect(!record.table.contains("\nanswered  "))
    }

    @Test("no run, an empty run, and the largest figures")
    func extremes() {
        #expect(Sample.record([]).table.contains("no run\n"))
        let empty = Sample.record([Sample.emptyRun, Sample.emptyRun]).table
        #expect(empty.contains("run 2: ledger: opened 0 = answered 0 + refused 0\n"))
        #expect(Sample.huge.table.contains("answered            2251799813685248"))
    }

    @Test("names cannot move the cursor or forge a line")
    func hostileNames() {
        let table = Sample.hostile.table
        let harmless = table.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 32 && $0.value != 127 }
        #expect(harmless)
        #expect(
            table.split(separator: "\n").first?.hasPrefix("storm unix /tmp/a \"b\", 'c' & <d>\\r\\n\\u{1b}]0;x") == true
        )
    }
}

@Suite("rows for spreadsheets")
struct CSVTests {
    @Test("a row for each interval of each run, with CR LF")
    func rows() throws {
        try Golden.expect(Sample.record([Sample.run(), Sample.run(rate: 5)]).csv, equals: "two-runs.csv")
        #expect(Sample.record([]).csv.hasPrefix("run,started_at,"))
        #expect(Sample.record([]).csv.utf8.filter { $0 == 10 }.count == 1)
    }

    @Test(
        "quotes where they are needed",
        arguments: [
            ("plain", "plain"), ("", ""), ("a,b", "\"a,b\""), ("say \"x\"", "\"say \"\"x\"\"\""),
            ("a\r\nb", "\"a\r\nb\""),
            ("a\nb", "\"a\nb\""),
        ] as [(String, String)]
    )
    func quotes(text: String, field: String) { #expect(csvField(text) == field) }

    @Test("a hostile name stays in its field")
    func hostileName() {
        let name = "\"unix /tmp/a \"\"b\"\", 'c' & <d>\r\n\u{1b}]0;x\u{7}\""
        #expect(Sample.hostile.csv.contains("storm,\(name),50,"))
    }
}

@Suite("numbers as text")
struct NumberTests {
    @Test(
        "decimals",
        arguments: [
            (0.0, 1, "0.0"), (1.25, 2, "1.25"), (0.05, 1, "0.1"), (-1.5, 1, "-1.5"), (3.006, 2, "3.01"), (7.6, 0, "8"),
            (-0.001, 1, "0.0"), (1e300, 2, "1e+300"), (.infinity, 1, "inf"), (.nan, 1, "nan"),
            (9e15, 3, "9000000000000000.0"),
        ] as [(Double, Int, String)]
    )
    func decimals(value: Double, decimals: Int, text: String) { #expect(fixed(value, decimals) == text) }

    @Test(
        "durations",
        arguments: [
            (0, "0 ns"), (1, "1 ns"), (999, "999 ns"), (1000, "1.00 µs"), (12_340, "12.3 µs"), (999_600, "1.00 ms"),
            (123_400_000, "123 ms"), (2_500_000_000, "2.50 s"), (Int64.max, "9223372037 s"),
        ] as [(Int64, String)]
    )
    func durations(nanoseconds: Int64, text: String) { #expect(duration(nanoseconds) == text) }

    @Test("sizes and counts")
    func sizes() {
        #expect(size(0) == "0 B")
        #expect(size(1023) == "1023 B")
        #expect(size(1536) == "1.50 kB")
        #expect(size(12 << 20) == "12.0 MB")
        #expect(short(0) == "0")
        #expect(short(1.5) == "1.5")
        #expect(short(999) == "999")
        #expect(short(999.9) == "1.00k")
        #expect(short(12_345) == "12.3k")
        #expect(short(4_560_000) == "4.56M")
        #expect(signedPercent(0.012) == "+1.2 %")
        #expect(signedPercent(-0.5) == "-50.0 %")
        #expect(signedPercent(0.0001) == "0.0 %")
    }

    @Test("the median")
    func medians() {
        #expect(median([]) == 0)
        #expect(median([3]) == 3)
        #expect(median([3, 1]) == 2)
        #expect(median([9, 1, 2]) == 2)
    }

    @Test(
        "percentiles of 1000 values 1 to 1000",
        arguments: [(0, 1), (50, 500), (99, 990), (99.9, 999), (99.99, 1000), (100, 1000)] as [(Double, Int64)]
    )
    func percentiles(level: Double, value: Int64) {
        let phase = Sample.phase(.total, Dictionary(uniqueKeysWithValues: (1...1000).map { ($0, 1) }))
        #expect(phase.value(atPercentile: level) == value)
        #expect(Sample.phase(.total, [:]).value(atPercentile: level) == 0)
    }

    @Test(
        "a percentile is told only when the values carry it",
        arguments: [(50, 1, 2), (90, 9, 10), (99, 99, 100), (99.9, 999, 1000), (99.99, 9999, 10_000), (100, 0, 1)]
            as [(Double, Int, Int)]
    )
    func carried(level: Double, tooFew: Int, enough: Int) {
        func phase(_ count: Int) -> PhaseReport { Sample.phase(.total, count == 0 ? [:] : [1000: count]) }
        #expect(phase(tooFew).text(atPercentile: level) == "-")
        #expect(phase(enough).text(atPercentile: level) == "1.00 µs")
    }

    @Test("late starts are blamed on clients only when none was free")
    func lateness() {
        var run = Sample.run()
        run.generator.lateStarts = 7
        #expect(run.notes.contains { $0.contains("a client was free each time") })
        #expect(!run.notes.contains { $0.contains("--clients") })
        run.generator.lateForClients = 2
        #expect(run.notes.contains { $0.contains("2 of them found no free client: give more --clients") })
    }

    @Test(
        "numbers with units",
        arguments: [("1s", 1e9), ("500ms", 5e8), ("1.5m", 90e9), ("2h", 7200e9), ("3us", 3000)] as [(String, Double)]
    )
    func times(text: String, nanoseconds: Double) throws {
        #expect(try UnitTable.time.read(text[...]).value == nanoseconds)
    }

    @Test("a number without its unit, or with a wrong one", arguments: ["1", "1x", "s", "", "1..5s", "-1s", "1e3s"])
    func noTimes(text: String) { #expect(throws: UnitProblem.self) { try UnitTable.time.read(text[...]) } }
}
