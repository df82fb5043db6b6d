//===----------------------------------------------------------------------===//
// Quartermaster: a page of workers that is damaged, or of another version
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import WorkerPage

extension WorkerPageTests {
    @Test("a page of another version is neither counted in nor read")
    func version() throws {
        let table = try table()
        try overwrite([2, 0, 0, 0, 0, 0, 0, 0], at: 8)
        #expect(throws: WorkerPageProblem.foreign) { _ = try row("a/unix", 1) }
        #expect(throws: WorkerPageProblem.foreign) { try read() }
        expect(table)
    }

    @Test("a page whose counts are being moved all the time is given up on")
    func restless() throws {
        let table = try table()
        try overwrite([1], at: 40)
        #expect(throws: WorkerPageProblem.restless) { try read() }
        expect(table)
    }

    @Test("neither master nor a worker dies when the page is cut off under them")
    func cutOff() throws {
        var table = try table()
        let row = try row("echo/unix", 1)
        count(row)
        #expect(truncate(path, 0) == 0)
        count(row)
        expect(table, isIntact: false)
        table.processEnded(1, of: "echo/unix")
        #expect(throws: WorkerPageProblem.foreign) { try read() }
        #expect(throws: WorkerPageProblem.foreign) { _ = try self.row("echo/unix", 2) }
        // A new one in its place is as good as the first.
        table = try self.table()
        let next = try self.row("echo/unix", 3)
        count(next)
        #expect(try read().service("echo/unix")?[.requests] == 8)
        expect(table)
    }

    @Test("a page of nonsense is read without a fault, and added up without an overflow")
    func nonsense() throws {
        var table = try table()
        for pid in 1...20 { _ = try row("echo/unix", Int32(pid)) }
        var generator = SystemRandomNumberGenerator()
        let seed = try readFile(path).bytes
        for round in 0..<12 {
            var page = seed
            for _ in 0..<(round < 8 ? 200 : 100_000) {
                // Mostly where something is.
                let place = Int.random(in: round % 2 == 0 ? 56..<page.count : 143_360..<153_600, using: &generator)
                page[place] = round % 3 == 0 ? 0xff : UInt8.random(in: 0...255, using: &generator)
            }
            // master does not read the header, and a reader wants it to be one.
            try overwrite(Array(page[56...]), at: 56)
            let overview = try read()
            #expect(overview.services.count <= WorkerPage.totalCount + WorkerPage.rowCount)
            for pid in 1...20 { table.processEnded(Int32(pid), of: round % 2 == 0 ? "echo/unix" : nil) }
            _ = try read()
            for pid in 1...20 { _ = try? row("echo/unix", Int32(pid)) }
        }
        #expect(throws: WorkerPageProblem.foreign) { try WorkerOverview(decoding: Array(seed.dropLast())) }
        #expect(throws: WorkerPageProblem.foreign) { try WorkerOverview(decoding: []) }
    }

    @Test("numbers that are too large for a sum, or contradict each other, do no harm")
    func overflow() throws {
        var table = try table()
        let first = try row("echo/unix", 1)
        let second = try row("echo/unix", 2)
        for row in [0, 1] {
            for counter in WorkerCounter.allCases {
                try overwrite([UInt8](repeating: 0xff, count: 8), at: 143_360 + row * 512 + counter.place)
            }
        }
        first.count(.accepted)
        #expect(try read().service("echo/unix")?.open == 0, "more are over than there were")
        second.count(.sent, 2)
        table.processEnded(1, of: "echo/unix")
        table.processEnded(2, of: "echo/unix")
        #expect(try read().service("echo/unix")?[.sent] == 0)
    }

    func overwrite(_ bytes: [UInt8], at offset: Int) throws {
        let file = try openFile(path, [.readWrite])
        try file.number.seek(to: offset)
        #expect(try file.number.write(bytes) == .bytes(bytes.count))
    }
}
