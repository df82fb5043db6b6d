//===----------------------------------------------------------------------===//
// Quartermaster: tests of a page of counts on a disk without room
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import WorkerPage

/// A page on a disk that is full for as long as a test wants, in a process of the test's own.
private struct Disk: ~Copyable {
    let path: String
    private var table: MetricsTable
    private var step: Int32 = 1

    init(_ path: String) throws {
        self.path = path
        table = try MetricsTable(at: path, owner: nil, master: getpid(), nowMilliseconds: 1)
    }

    /// Ends the process with the number of the check that failed.
    mutating func check(_ holds: Bool) {
        step += 1
        if !holds { exit(step) }
    }

    func block(_ service: String, _ pid: Int32) throws(WorkerPageProblem) -> MetricBlock {
        try MetricBlock(at: path, service: service, pid: pid, master: getpid())
    }

    /// A process that has counted each of these once, and has a gauge.
    func process(_ service: String, _ pid: Int32, _ counters: [String]) throws {
        var block = try block(service, pid)
        for (name, kind) in counters.map({ ($0, MetricKind.counter) }) + [("depth", .gauge)] {
            guard let series = SeriesName(name), let cell = block.add(series, kind) else { exit(99) }
            cell.value.store(kind == .gauge ? 7.0.bitPattern : 1)
        }
    }

    mutating func ends(_ pid: Int32, _ service: String?) -> CountsOutcome {
        table.processEnded(pid, of: service)
    }

    mutating func tidies() -> CountsOutcome { table.tidy() }

    /// As another program of the same master.
    mutating func goOn() throws {
        guard let next = try MetricsTable.continuing(at: path, owner: nil, master: getpid()) else { exit(98) }
        table = next
    }

    var isIntact: Bool { table.isIntact }

    /// The counters of a service; its gauge by itself.
    func counters(_ service: String) throws -> [String: UInt64] {
        let series = try MetricsReader.read(path).service(service)?.series ?? []
        return Dictionary(uniqueKeysWithValues: series.map { ($0.name.text, $0.integer + UInt64($0.real)) })
    }

    /// Those who hold a block.
    func holders() throws -> [UInt64] {
        let bytes = try readFile(path).bytes
        return (0..<1024).map { bytes.word(4096 + $0 * 8) }.filter { $0 != 0 }
    }
}

@Suite("Counts on a full disk") struct FullDiskTests {
    @Test("what ended processes have counted waits for room, is seen meanwhile, and is moved once")
    func waiting() async throws {
        let home = try TemporaryDirectory("qm-full-disk")
        await #expect(processExitsWith: .success) { [path = home.file("page") as String] in
            var disk = try Disk(path)
            let own = UInt64(getpid())
            func setFull(_ isFull: Bool) {
                FaultPlan.clear()
                if isFull { FaultPlan.fail(.fallocate, with: .noSpace, times: .max) }
            }
            let full = CountsOutcome.waiting(SystemError(.fallocate, .noSpace))
            for pid in Int32(1)...3 { try disk.process("echo/unix", pid, ["requests", "own_\(pid)"]) }
            setFull(true)
            for pid in Int32(1)...3 {
                let outcome = disk.ends(pid, pid == 2 ? nil : "echo/unix")
                // The first one's block has room for the others, until it has not.
                disk.check(outcome == (pid == 1 ? full : .moved))
            }
            var counted = try disk.counters("echo/unix")
            disk.check(counted == ["requests": 3, "own_1": 1, "own_2": 1, "own_3": 1])
            disk.check(try disk.holders() == [own])
            disk.check(disk.tidies() == full)
            disk.check(try disk.counters("echo/unix") == counted)

            // More than one block has room for; and the next program goes on with all of it.
            setFull(false)
            try disk.process("echo/unix", 4, (1...14).map { "more_\($0)" })
            setFull(true)
            disk.check(disk.ends(4, "echo/unix") == full)
            for index in 1...14 { counted["more_\(index)"] = 1 }
            disk.check(try disk.counters("echo/unix") == counted)
            disk.check(try disk.holders() == [own, own])
            try disk.goOn()
            disk.check(try disk.counters("echo/unix") == counted)
            disk.check(disk.tidies() == full)

            // A total that has room for 15 gets more when there is more.
            setFull(false)
            FaultPlan.fail(.fallocate, with: .noSpace, afterPassing: 1, times: 1)
            disk.check(disk.tidies() == full)
            disk.check(try disk.counters("echo/unix") == counted)
            disk.check(disk.tidies() == .moved)
            disk.check(try disk.counters("echo/unix") == counted)
            disk.check(try disk.holders().isEmpty)
            try disk.goOn()
            disk.check(disk.tidies() == .moved)
            try disk.process("echo/unix", 5, ["requests"])
            disk.check(disk.ends(5, "echo/unix") == .moved)
            counted["requests"] = 4
            disk.check(try disk.counters("echo/unix") == counted)
            disk.check(disk.isIntact)
            exit(0)
        }
    }

    @Test("where there is no total left, what has waited is counted as dropped, and its block is free")
    func noTotal() async throws {
        let home = try TemporaryDirectory("qm-full-disk")
        await #expect(processExitsWith: .success) { [path = home.file("page") as String] in
            var disk = try Disk(path)
            try disk.process("late/unix", 1, ["requests"])
            FaultPlan.fail(.fallocate, with: .noSpace)
            disk.check(disk.ends(1, "late/unix") != .moved)
            for number in 1...MetricsPage.totalCount {
                try disk.process("s\(number)/unix", 2, ["requests"])
                disk.check(disk.ends(2, nil) == .moved)
            }
            disk.check(disk.tidies() == .dropped(service: "late/unix"))
            disk.check(try disk.holders().isEmpty)
            disk.check(try MetricsReader.read(path).dropped == 1)
            exit(0)
        }
    }

    @Test(
        "a real disk that is full: no store faults in master or in a process, and nothing that was counted is lost",
        .enabled(if: SmallDisk.works, "SKIPPED: only root may mount a small disk")
    )
    func really() async throws {
        let home = try TemporaryDirectory("qm-full-disk")
        await #expect(processExitsWith: .success) { [home = home.path as String] in
            guard SmallDisk.mount(at: home, kilobytes: 256) else { exit(97) }
            var disk = try Disk(home + "/page")
            for pid in Int32(1)...3 { try disk.process("echo/unix", pid, ["requests", "own_\(pid)"]) }
            let filler = try SmallDisk.fill(home)
            for pid in Int32(1)...3 {
                if case .dropped = disk.ends(pid, "echo/unix") { exit(96) }
            }
            let counted = try disk.counters("echo/unix")
            disk.check(counted == ["requests": 3, "own_1": 1, "own_2": 1, "own_3": 1])
            disk.check(disk.isIntact)
            // Blocks that had room have it still; a fresh one has none, and the process is told.
            for pid in Int32(11)...12 { try disk.process("echo/unix", pid, ["requests"]) }
            do throws(WorkerPageProblem) {
                _ = try disk.block("echo/unix", 13)
                exit(95)
            } catch {
                disk.check(error == .cannot(SystemError(.fallocate, .noSpace)))
            }
            try disk.goOn()
            disk.check(disk.isIntact)
            for pid in Int32(11)...12 { _ = disk.ends(pid, "echo/unix") }
            disk.check(try disk.counters("echo/unix")["requests"] == 5)
            if case .waiting = disk.tidies() {} else { exit(94) }
            try removeFile(filler)
            disk.check(disk.tidies() == .moved)
            disk.check(try disk.holders().isEmpty)
            disk.check(try disk.counters("echo/unix")["requests"] == 5)
            disk.check(disk.isIntact && SharedMemory.losses == 0)
            exit(0)
        }
    }
}
