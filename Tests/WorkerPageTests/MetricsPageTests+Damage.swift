//===----------------------------------------------------------------------===//
// Quartermaster: a page of services' own figures that is damaged, or of another version
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import WorkerPage

extension MetricsPageTests {
    @Test("a process that was killed before its block had room on the disk: master makes none, and the block is free")
    func hole() throws {
        var table = try table()
        try overwrite([9], at: 4096)
        let before = try blocksOnDisk()
        #expect(try read().services.isEmpty)
        #expect(table.processEnded(9, of: "echo/unix") == .moved)
        #expect(try blocksOnDisk() == before)
        var next = try block("echo/unix", 10)
        try count(&next)
        #expect(try readFile(path).bytes.word(4096) == 10)
        expect(table)
    }

    func blocksOnDisk() throws -> Int {
        var status = stat()
        try #require(stat(path, &status) == 0)
        return Int(status.st_blocks)
    }

    @Test("neither master nor a worker dies when the page is cut off under them")
    func cutOff() throws {
        var table = try table()
        var block = try block("echo/unix", 1)
        try count(&block)
        #expect(truncate(path, 0) == 0)
        let late = try cell(&block, "late", .counter)
        late.value.add(1)
        #expect(late.value.bits == 1)
        expect(table, isIntact: false)
        _ = table.processEnded(1, of: "echo/unix")
        #expect(throws: WorkerPageProblem.foreign) { try read() }
        #expect(throws: WorkerPageProblem.foreign) { _ = try self.block("echo/unix", 2) }
    }

    @Test("what a child of a process counts that master does not know is seen by nobody")
    func detached() throws {
        let table = try table()
        var block = try block("echo/unix", 1)
        let cell = try cell(&block, "requests", .counter)
        cell.value.add(5)
        try block.detach()
        cell.value.add(5)
        #expect(cell.value.bits == 5, "memory of its own, with zeros")
        #expect(try read().service("echo/unix")?["requests"]?.integer == 5)
        expect(table)
    }

    @Test("a page of nonsense is read without a fault, and moved without one")
    func nonsense() throws {
        var table = try table()
        for pid in 1...20 {
            var block = try block("echo/unix", Int32(pid))
            try count(&block)
        }
        var generator = SystemRandomNumberGenerator()
        let seed = try readFile(path).bytes
        for round in 0..<12 {
            var page = seed
            let end = round % 2 == 0 ? Self.blocks + 20 * 4096 : Self.blocks + 4096
            for _ in 0..<(round < 8 ? 300 : 30_000) {
                let start = round % 4 == 0 ? 64 : round % 4 == 2 ? 12_288 : Self.blocks
                let place = Int.random(in: start..<end, using: &generator)
                page[place] = round % 3 == 0 ? 0xff : UInt8.random(in: 0...255, using: &generator)
            }
            try overwrite(Array(page[64...]), at: 64)
            let overview = try read()
            #expect(overview.services.count <= MetricsOverview.serviceLimit)
            #expect(overview.services.allSatisfy { $0.series.count <= MetricsOverview.seriesLimit })
            let names = overview.services.flatMap { $0.series.map(\.name) }
            #expect(names.allSatisfy { SeriesName(reading: Array($0.text.utf8)) == $0 })
            for pid in 1...20 { _ = table.processEnded(Int32(pid), of: round % 2 == 0 ? "echo/unix" : nil) }
            _ = try read()
            for pid in 1...20 {
                guard var block = try? block("echo/unix", Int32(pid)) else { continue }
                try count(&block)
            }
        }
    }

    @Test("more services and series than there can be are not taken from a page that says so")
    func flood() throws {
        let table = try table()
        var holders: [UInt8] = []
        var blocks: [UInt8] = []
        func bytes(_ word: UInt64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        for block in 0..<1024 {
            holders += bytes(1)
            for record in 0..<16 {
                let name = record == 0 ? "s\(block % 700)/unix" : "m\(block)_\(record)"
                blocks += bytes(1) + bytes(1) + [UInt8](repeating: 0, count: 16)
                blocks += Array(name.utf8) + [UInt8](repeating: 0, count: 224 - name.utf8.count)
            }
        }
        try overwrite(holders, at: 4096)
        try overwrite(blocks, at: Self.blocks)
        let overview = try read()
        #expect(overview.services.count == MetricsOverview.serviceLimit)
        let sum = overview.services.reduce(0) { $0 + $1.series.count }
        #expect(sum <= MetricsOverview.sumLimit && UInt64(sum) + overview.dropped == 1024 * 15)
        expect(table)
    }

    @Test("sums that are no numbers, or too large, stay out of a total")
    func unreal() throws {
        var table = try table()
        let values = [Double.nan, .infinity, -.infinity, .greatestFiniteMagnitude, .greatestFiniteMagnitude, 1]
        for (pid, value) in values.enumerated() {
            var block = try block("echo/unix", Int32(pid + 1))
            try cell(&block, "cost", .sum).value.store(value.bitPattern)
            let summary = try cell(&block, "size", .summary)
            summary.value.store(value.bitPattern)
            summary.count.store(.max)
            try cell(&block, "requests", .counter).value.store(.max)
        }
        for pid in 1...6 { _ = table.processEnded(Int32(pid), of: "echo/unix") }
        let echo = try #require(try read().service("echo/unix"))
        #expect(echo["cost"]?.real == .greatestFiniteMagnitude && echo["size"]?.real == .greatestFiniteMagnitude)
        #expect(echo["requests"]?.integer == 0 &- 6)
    }

    @Test("a file that is no page, and a page of another version, are neither counted in nor read")
    func foreign() throws {
        #expect(throws: WorkerPageProblem.cannot(SystemError(.open, .noSuchFileOrDirectory))) {
            _ = try block("a/unix", 1)
        }
        try makeFifo(path, mode: 0o600)
        #expect(throws: WorkerPageProblem.foreign) { _ = try block("a/unix", 1) }
        #expect(throws: WorkerPageProblem.foreign) { try read() }
        try removeFile(path)
        let table = try table()
        try overwrite([2], at: 8)
        #expect(throws: WorkerPageProblem.foreign) { _ = try block("a/unix", 1) }
        #expect(throws: WorkerPageProblem.foreign) { try read() }
        try overwrite([1], at: 8)
        try overwrite([1], at: 40)
        #expect(throws: WorkerPageProblem.restless) { try read() }
        expect(table)
    }

    func overwrite(_ bytes: [UInt8], at offset: Int) throws {
        let file = try openFile(path, [.readWrite])
        try file.number.seek(to: offset)
        var rest = bytes[...]
        while !rest.isEmpty {
            guard case .bytes(let count) = try file.number.write(Array(rest)) else { break }
            rest = rest.dropFirst(count)
        }
        #expect(rest.isEmpty)
    }
}
