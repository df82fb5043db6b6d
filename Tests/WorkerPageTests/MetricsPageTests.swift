//===----------------------------------------------------------------------===//
// Quartermaster: tests of the page of what services count themselves
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import WorkerPage

/// One at a time: a process has room for few mappings.
@Suite("The page of services' own figures", .serialized) struct MetricsPageTests {
    let home: TemporaryDirectory
    var path: String { home.file("page") }
    static let blocks = 4_206_592

    init() throws { home = try TemporaryDirectory("qm-metrics") }

    func table() throws -> MetricsTable {
        try MetricsTable(at: path, owner: nil, master: 4711, nowMilliseconds: 1234)
    }

    func block(_ service: String, _ pid: Int32) throws -> MetricBlock {
        try MetricBlock(at: path, service: service, pid: pid, master: 4711)
    }

    func read() throws -> MetricsOverview { try MetricsReader.read(path) }

    func cell(_ block: inout MetricBlock, _ name: String, _ kind: MetricKind) throws -> MetricCell {
        let series = try #require(SeriesName(name))
        let cell = block.add(series, kind)
        return try #require(cell)
    }

    /// One series of each kind.
    func count(_ block: inout MetricBlock, _ times: Int = 1) throws {
        try cell(&block, "requests", .counter).value.add(UInt64(3 * times))
        try cell(&block, "cost", .sum).value.add(real: 0.5 * Double(times))
        try cell(&block, "depth", .gauge).value.store(Double(7 * times).bitPattern)
        let summary = try cell(&block, "size", .summary)
        summary.value.add(real: 10 * Double(times))
        summary.count.add(UInt64(times))
    }

    func expect(_ table: borrowing MetricsTable, isIntact: Bool = true) {
        let found = table.isIntact
        #expect(found == isIntact)
    }

    @Test("figures of the living are the sum of their processes; those of the gone are kept, but for gauges")
    func life() throws {
        var table = try table()
        #expect(try facts(ofPath: path).mode & 0o777 == 0o600)
        var first = try block("echo/unix", 1)
        var second = try block("echo/unix", 2)
        var other = try block("other/inet", 3)
        try count(&first)
        try count(&second, 10)
        try count(&other, 100)
        let overview = try read()
        #expect(overview.master == 4711 && overview.made == 1234 && overview.refused == 0 && overview.dropped == 0)
        #expect(overview.services.map(\.name) == ["echo/unix", "other/inet"])
        let echo = try #require(overview.service("echo/unix"))
        #expect(echo.series.map(\.name.text) == ["cost", "depth", "requests", "size"])
        #expect(echo["requests"]?.integer == 33 && echo["cost"]?.real == 5.5 && echo["depth"]?.real == 77)
        #expect(echo["size"]?.real == 110 && echo["size"]?.count == 11)

        #expect(table.processEnded(1, of: "echo/unix") == .moved)
        #expect(table.processEnded(2, of: nil) == .moved, "under the name that it gave")
        #expect(table.processEnded(2, of: nil) == .moved, "and only once")
        var rest = try #require(try read().service("echo/unix"))
        #expect(rest.series.map(\.name.text) == ["cost", "requests", "size"])
        #expect(rest["requests"]?.integer == 33 && rest["cost"]?.real == 5.5 && rest["size"]?.count == 11)

        // A block that is taken again has nothing of the former process.
        var third = try block("echo/unix", 4)
        #expect(try read().service("echo/unix") == rest)
        try count(&third)
        rest = try #require(try read().service("echo/unix"))
        #expect(rest["requests"]?.integer == 36 && rest["depth"]?.real == 7)
        expect(table)
    }

    @Test("the words are where master.metrics(5) says they are")
    func places() throws {
        let table = try table()
        var block = try block("echo/unix", 77)
        try cell(&block, "requests", .counter).value.add(5)
        let summary = try cell(&block, "size", .summary)
        summary.value.add(real: 1.5)
        summary.count.add(2)
        let page = try readFile(path).bytes
        #expect(page.count == 8_400_896)
        func word(_ offset: Int) -> UInt64 { page.word(offset) }
        #expect(String(decoding: page[0..<8], as: UTF8.self) == "QMMETRIC")
        #expect((1..<8).map { word($0 * 8) } == [1, 8_400_896, 4711, 1234, 0, 0, 0])
        #expect(word(4096) == 77 && word(4104) == 0 && word(12_288) == 0)
        let start = Self.blocks
        #expect(word(start) == 1 && String(decoding: page[start + 32..<start + 42], as: UTF8.self) == "echo/unix\0")
        #expect(word(start + 256) == 1 && word(start + 264) == 5)
        #expect(String(decoding: page[start + 288..<start + 297], as: UTF8.self) == "requests\0")
        #expect(word(start + 512) == 4 && word(start + 520) == 1.5.bitPattern && word(start + 528) == 2)
        expect(table)
    }

    @Test("the file takes room on the disk where something is counted")
    func holes() throws {
        let table = try table()
        func kilobytes() throws -> Int { try blocksOnDisk() / 2 }
        #expect(try kilobytes() <= 64)
        for pid in 1...10 { _ = try block("echo/unix", Int32(pid)) }
        #expect(try (40...128).contains(kilobytes()))
        expect(table)
    }

    @Test("a block has room for 15 series, and a total for 127, of several blocks; what is more is counted as dropped")
    func limits() throws {
        var table = try table()
        for number in 0..<10 {
            var block = try block("echo/unix", 1)
            for index in 0..<15 { try cell(&block, "s\(number)_\(index)", .counter).value.add(1) }
            let more = try #require(SeriesName("more"))
            let isFull = block.add(more, .counter) == nil
            #expect(isFull)
        }
        #expect(try read().service("echo/unix")?.series.count == 128)
        #expect(try read().dropped == 22)
        #expect(table.processEnded(1, of: "echo/unix") == .dropped(service: "echo/unix"))
        let overview = try read()
        #expect(overview.service("echo/unix")?.series.count == 127 && overview.dropped == 23)
        for number in 1..<130 {
            var block = try block("s\(number)/unix", 2)
            try cell(&block, "x", .counter).value.add(1)
            let outcome = table.processEnded(2, of: nil)
            #expect(outcome == (number < 128 ? .moved : .dropped(service: "s\(number)/unix")))
        }
        #expect(try read().services.count == 128)
    }

    @Test("a full page says how often somebody found no room; a page of another master is none")
    func full() throws {
        var table = try table()
        for pid in 1...MetricsPage.blockCount { _ = try block("echo/unix", Int32(pid)) }
        for pid in 0..<3 {
            #expect(throws: WorkerPageProblem.full) { _ = try block("echo/unix", 100_000 + Int32(pid)) }
        }
        #expect(try read().refused == 3)
        _ = table.processEnded(500, of: "echo/unix")
        _ = try block("echo/unix", 100_000)
        #expect(throws: WorkerPageProblem.foreign) {
            _ = try MetricBlock(at: path, service: "echo/unix", pid: 1, master: 4712)
        }
        expect(table)
    }

    @Test("another program of master goes on with the page; who ended while a program ran that knew none is buried")
    func continuing() throws {
        var first = try table()
        do {
            var gone = try block("echo/unix", 1)
            try count(&gone)
        }
        _ = first.processEnded(1, of: "echo/unix")
        var living = try block("echo/unix", getpid())
        try count(&living, 10)
        let before = try read()
        #expect(try next() == before.services)
        // 4194305 is above what the kernel gives.
        var forgotten = try block("echo/unix", 4_194_305)
        try count(&forgotten, 100)
        let echo = try #require(try next().first)
        #expect(echo["requests"]?.integer == 333 && echo["depth"]?.real == 70)
        #expect(throws: TestSupportError.self) { _ = try self.next(master: 4712) }
        #expect(truncate(path, 100) == 0)
        #expect(throws: TestSupportError.self) { _ = try self.next() }
        unlink(path)
        #expect(throws: SystemError.self) { _ = try self.next() }
    }

    /// What another program finds; our own process and what it counts live on.
    func next(master: Int32 = 4711) throws -> [OwnFigures] {
        guard var next = try MetricsTable.continuing(at: path, owner: nil, master: master) else {
            throw TestSupportError("another page")
        }
        // Its totals are those of the program before: one a service.
        let found = try read().services
        #expect(next.processEnded(3, of: "echo/unix") == .moved)
        #expect(try read().services.count == found.count)
        return found
    }
}
