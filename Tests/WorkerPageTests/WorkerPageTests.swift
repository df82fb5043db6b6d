//===----------------------------------------------------------------------===//
// Quartermaster: tests of the page that workers count in: what was counted is read, and nothing else
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import WorkerPage

/// One at a time: a process has room for few mappings.
@Suite("The workers' page", .serialized) struct WorkerPageTests {
    let home: TemporaryDirectory
    var path: String { home.file("page") }

    init() throws { home = try TemporaryDirectory("qm-workers") }

    func table() throws -> WorkerTable {
        try WorkerTable(at: path, owner: nil, master: 4711, nowMilliseconds: 1234)
    }

    func row(_ service: String, _ pid: Int32) throws -> WorkerRow {
        try WorkerRow(at: path, service: service, pid: pid)
    }

    func expect(_ table: borrowing WorkerTable, isIntact: Bool = true) {
        let found = table.isIntact
        #expect(found == isIntact)
    }

    func read() throws -> WorkerOverview { try WorkerReader.read(path) }

    /// Counts something else for each kind.
    func count(_ row: borrowing WorkerRow, times: Int = 1) {
        for counter in WorkerCounter.allCases where counter != .handling {
            row.count(counter, times * (10 - counter.rawValue))
        }
        row.countTime(nanoseconds: Int64(times) * 3000, of: times)
    }

    @Test("another program of master goes on with the page: rows and totals stay, and later ends add to them")
    func continuing() throws {
        var table = try table()
        let gone = try row("echo/unix", 1)
        count(gone)
        table.processEnded(1, of: "echo/unix")
        let living = try row("echo/unix", getpid())
        count(living, times: 10)
        let before = try read()
        #expect(table.totals == ["echo/unix"])

        var next = try next(totals: table.totals)
        #expect(try read() == before)
        count(living)
        next.processEnded(getpid(), of: "echo/unix")
        let after = try #require(try read().service("echo/unix"))
        #expect(after.processes == 0 && after.open == 0 && after[.accepted] == 120 && after[.closed] == 120)
        #expect(try read().services.count == 1, "one total a service")

        // A page of another master, one that is cut off, and none.
        #expect(throws: TestSupportError.self) { _ = try self.next(master: 4712) }
        #expect(truncate(path, 100) == 0)
        #expect(throws: TestSupportError.self) { _ = try self.next() }
        unlink(path)
        #expect(throws: SystemError.self) { _ = try self.next() }
    }

    func next(master: Int32 = 4711, totals: [String] = []) throws -> WorkerTable {
        guard let next = try WorkerTable.continuing(at: path, owner: nil, master: master, totals: totals) else {
            throw TestSupportError("another page")
        }
        return next
    }

    @Test("who ended while nobody kept the page is buried; a row is not free while a named heir lives in it")
    func forgotten() throws {
        let table = try table()
        // 4194305 is above what the kernel gives.
        count(try row("echo/unix", 4_194_305))
        let left = try row("left/unix", 4_194_306)
        count(left)
        left.name(heir: getpid())
        count(try row("gone/unix", 4_194_307))
        try overwrite([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], at: 4096 + 2 * 8)
        expect(table)

        var next = try next()
        #expect(next.totals == ["echo/unix", "gone/unix"])
        let overview = try read()
        #expect(overview.services.map(\.processes) == [0, 0, 1])
        #expect(overview.services.allSatisfy { $0[.accepted] == 10 } && overview.open == [UInt32(getpid()): 1])
        #expect(next.heir(ofProcess: getpid()) == nil)
        #expect(next.tidy() == .moved)
        #expect(try read() == overview, "those who live keep their rows")
        next.processEnded(getpid(), of: nil)
        #expect(try read().open.isEmpty && next.totals == ["echo/unix", "gone/unix", "left/unix"])
    }

    @Test("a move that was cut short with its mapping is over for the next one, and readers read again")
    func halfMoved() throws {
        let table = try table()
        count(try row("echo/unix", getpid()))
        try overwrite([7], at: 40)
        #expect(throws: WorkerPageProblem.restless) { try read() }
        let next = try next()
        #expect(try read().service("echo/unix")?[.accepted] == 10)
        expect(table)
        expect(next)
    }

    @Test("what processes count is read as the sum of their service")
    func roundTrip() throws {
        let table = try table()
        #expect(try facts(ofPath: path).mode & 0o777 == 0o600)
        let first = try row("echo/unix", 1)
        let second = try row("echo/unix", 2)
        let other = try row("25/inet", 3)
        count(first)
        count(second, times: 10)
        other.count(.requests, 5)
        var echo = WorkerFigures(name: "echo/unix")
        echo.processes = 2
        echo.open = 11
        echo.counters = [110, 99, 88, 77, 66, 33_000]
        echo.times[2] = 11
        var inet = WorkerFigures(name: "25/inet")
        inet.processes = 1
        inet[.requests] = 5
        let overview = try read()
        #expect(overview.services == [inet, echo])
        #expect(overview.master == 4711 && overview.made == 1234 && overview.uncounted == 0)
        #expect(overview.service("echo/unix")?.timed == 11)
        expect(table)
    }

    @Test("the words are where master.workers(5) says they are")
    func places() throws {
        let table = try table()
        let row = try row("postlog/unix-dgram", 77)
        count(row)
        let page = try readFile(path).bytes
        #expect(page.count == 667_648)
        let words = page.withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) }
        #expect(String(decoding: page[0..<8], as: UTF8.self) == "QMWORKER")
        #expect(words[1..<7] == [1, 667_648, 4711, 1234, 0, 0])
        #expect(words[512] == 77 && words[513] == 0)
        let start = 143_360
        #expect(String(decoding: page[start..<start + 19], as: UTF8.self) == "postlog/unix-dgram\0")
        #expect(words[start / 8 + 16..<start / 8 + 22] == [10, 9, 8, 7, 6, 3000])
        #expect(words[start / 8 + 24..<start / 8 + 28] == [0, 0, 1, 0])
        expect(table)
    }

    @Test("an heir goes on in the row of a process that is gone, and nothing is lost or counted twice")
    func heir() throws {
        var table = try table()
        let row = try row("echo/unix", 1)
        count(row)
        #expect(table.heir(ofProcess: 1) == nil && table.heir(ofProcess: 2) == nil)
        row.name(heir: 2)
        #expect(table.heir(ofProcess: 1) == 2)
        let before = try read()
        table.pass(from: 1, to: 2)
        #expect(table.heir(ofProcess: 2) == nil, "its heir would be another")
        let after = try read()
        #expect(after.services == before.services && before.open == [1: 1] && after.open == [2: 1])
        count(row)
        table.processEnded(1, of: "echo/unix")
        #expect(try read().service("echo/unix")?.open == 2, "that one has no row any more")
        table.processEnded(2, of: "echo/unix")
        #expect(try read().service("echo/unix")?[.accepted] == 20)
        // One that it was not to be after all, and what cannot be a pid.
        row.name(heir: 3)
        row.dropHeir()
        let other = try self.row("echo/unix", 4)
        #expect(table.heir(ofProcess: 4) == nil)
        other.name(heir: -1)
        #expect(table.heir(ofProcess: 4) == nil)
    }

    @Test("a process that ends leaves its counts to its service, its connections are over, and its row is free")
    func ends() throws {
        var table = try table()
        do {
            let crashed = try row("echo/unix", 1)
            count(crashed)
        }
        let before = try #require(try read().service("echo/unix"))
        #expect(before.processes == 1 && before.open == 1)
        table.processEnded(1, of: "echo/unix")
        let after = try #require(try read().service("echo/unix"))
        #expect(after.processes == 0 && after.open == 0)
        #expect(after[.accepted] == 10 && after[.closed] == 10)
        #expect(after[.requests] == before[.requests] && after.times == before.times)
        #expect(after[.handling] == before[.handling])
        table.processEnded(1, of: "echo/unix")
        #expect(try read().service("echo/unix") == after, "nothing is counted twice")
        // The row goes to another service, and nothing of the first is left in it.
        let next = try row("25/inet", 2)
        next.count(.requests)
        #expect(try read().service("25/inet")?.counters == [0, 0, 1, 0, 0, 0])
        table.processEnded(2, of: "25/inet")
        let third = try row("echo/unix", 3)
        third.count(.requests, 100)
        #expect(try read().service("echo/unix")?[.requests] == 108)
        #expect(try read().service("25/inet")?[.requests] == 1)
    }

    @Test("a process of a service that is known no more is counted under the name that it gave")
    func unknownService() throws {
        var table = try table()
        let row = try row("gone/unix", 9)
        count(row)
        table.processEnded(9, of: nil)
        #expect(try read().services.map(\.name) == ["gone/unix"])
        #expect(try read().service("gone/unix")?.processes == 0)
        table.processEnded(10, of: nil)
        #expect(try read().services.map(\.name) == ["gone/unix"], "a process without a row")
    }

    @Test("a process that has a row before it executes another program goes on with it")
    func execution() throws {
        let table = try table()
        do {
            let row = try row("echo/unix", 8)
            count(row)
        }
        let again = try row("echo/unix", 8)
        count(again)
        let figures = try #require(try read().service("echo/unix"))
        #expect(figures.processes == 1 && figures[.requests] == 16)
        expect(table)
    }

    @Test("a full page says how many it could not count")
    func full() throws {
        var table = try table()
        for pid in 1...WorkerPage.rowCount { _ = try row("echo/unix", Int32(pid)) }
        for pid in 0..<3 {
            #expect(throws: WorkerPageProblem.full) { _ = try row("echo/unix", 100_000 + Int32(pid)) }
        }
        #expect(try read().uncounted == 3)
        #expect(try read().service("echo/unix")?.processes == WorkerPage.rowCount)
        table.processEnded(500, of: "echo/unix")
        _ = try row("25/inet", 100_000)
        #expect(try read().service("25/inet")?.processes == 1)
    }

    @Test("more services than there are totals are counted together")
    func manyServices() throws {
        var table = try table()
        for number in 0..<300 {
            do {
                let row = try row("s\(number)/unix", 1)
                row.count(.requests)
            }
            table.processEnded(1, of: "s\(number)/unix")
        }
        let services = try read().services
        #expect(services.count == WorkerPage.totalCount)
        #expect(services.reduce(0) { $0 + $1[.requests] } == 300)
        #expect(try read().service(WorkerTable.others)?[.requests] == 45)
    }

    @Test("a name that does not fit is cut off, for a process and for its service alike")
    func longName() throws {
        var table = try table()
        let name = String(repeating: "ü", count: 60) + "/unix"
        do {
            let row = try row(name, 1)
            row.count(.requests)
        }
        let living = try read().services.map(\.name)
        table.processEnded(1, of: name)
        #expect(try read().services.map(\.name) == living)
        #expect(living == [String(repeating: "ü", count: 48)])
    }

    @Test(
        "times fall into the bucket of the next power of two",
        arguments: [
            (0, 0), (999, 0), (1000, 1), (1999, 1), (2000, 2), (3999, 2), (4000, 3), (1_000_000, 10), (1_024_000, 11),
            (4_194_303_999, 22), (4_194_304_000, 23), (Int64.max, 23), (-5, 0),
        ] as [(Int64, Int)]
    )
    func buckets(_ nanoseconds: Int64, _ bucket: Int) throws {
        let table = try table()
        let row = try row("echo/unix", 1)
        row.countTime(nanoseconds: nanoseconds, of: 1)
        let times = try #require(try read().service("echo/unix")).times
        #expect(times.firstIndex(of: 1) == bucket && times.reduce(0, +) == 1)
        if let bound = HandlerTimes.upperBound(bucket) { #expect(nanoseconds / 1000 < bound) }
        expect(table)
    }

    @Test("requests of one turn share its time")
    func sharedTime() throws {
        let table = try table()
        let row = try row("echo/unix", 1)
        row.countTime(nanoseconds: 50_000, of: 10)
        row.countTime(nanoseconds: 7, of: 0)
        let figures = try #require(try read().service("echo/unix"))
        #expect(figures[.handling] == 50_007)
        #expect(figures.times[3] == 10 && figures.timed == 10)
        expect(table)
    }

    @Test("without a page there is nothing to count in, and counting goes on all the same")
    func nothing() throws {
        #expect(throws: WorkerPageProblem.cannot(SystemError(.open, .noSuchFileOrDirectory))) {
            _ = try row("a/unix", 1)
        }
        let nobody = WorkerRow()
        count(nobody)
        try makeFifo(path, mode: 0o600)
        #expect(throws: WorkerPageProblem.foreign) { _ = try row("a/unix", 1) }
        #expect(throws: WorkerPageProblem.foreign) { try read() }
        try removeFile(path)
        try home.write("something else", to: "page")
        #expect(throws: WorkerPageProblem.foreign) { _ = try row("a/unix", 1) }
        #expect(throws: WorkerPageProblem.foreign) { try read() }
    }
}
