//===----------------------------------------------------------------------===//
// Quartermaster: watching real processes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import LoadReports
import ProcessWatching
import TestSupport
import Testing

@Suite("watching processes")
struct WatcherTests {
    private static let burn = "burn() { i=0; while [ $i -lt $1 ]; do i=$((i+1)); done; }; "

    /// Waits at its start until its input ends; a program of its own in the end, so that nothing is left behind.
    private func shell(_ script: String) throws -> RunningProcess {
        try RunningProcess(["/bin/sh", "-c", Self.burn + "read go; " + script], keepsInputOpen: true)
    }

    /// What a shell's `times` says of itself and of its children, in seconds.
    private func told(_ output: String) throws -> Double {
        let words = output.split { $0 == " " || $0 == "\n" }.filter { $0.contains("m") && $0.hasSuffix("s") }
        try #require(words.count == 4, "\(output)")
        return words.reduce(0) { sum, word in
            let parts = word.dropLast().split(separator: "m")
            return sum + (Double(parts[0]) ?? 0) * 60 + (Double(parts[1]) ?? 0)
        }
    }

    private func wait(for process: RunningProcess, _ words: String = "done") {
        #expect(eventually(within: patience) { process.output.contains(words) }, "\(process.output)")
    }

    @Test(
        "as much CPU as the processes say themselves, however often one looks",
        arguments: [
            "burn 300000", "burn 100000; (burn 300000)",
            "for n in 1 2 3 4 5 6 7 8; do (burn 30000; (burn 20000)); done",
            "(burn 150000) & (burn 150000) & wait",
        ],
        [true, false]
    )
    func cpu(work: String, often: Bool) throws {
        let process = try shell(work + "; times; echo done; exec sleep 60")
        defer { process.end() }
        var watcher = try ProcessWatcher([process.pid])
        process.closeInput()
        let isDone = eventually(within: patience, every: .milliseconds(5)) {
            if often { watcher.sample() }
            return process.output.contains("done")
        }
        #expect(isDone)
        let report = watcher.finish()
        let (found, told) = (report.userSeconds + report.systemSeconds, try told(process.output))
        #expect(told >= 0.05)
        // Four figures of the shell and two of the kernel are cut to 10 ms.
        #expect(abs(found - told) <= 0.06, "\(found) \(told)")
        #expect(abs(watcher.cpuSeconds - found) < 1e-9)
        #expect(watcher.missing == [])
        #expect(report.cpuClock?.contains("clock ticks of 10 ms") == true)
        #expect(report.unreadable == 0)
    }

    @Test("what was used before begin() does not count")
    func begin() throws {
        let process = try shell("burn 200000; echo done; exec sleep 60")
        defer { process.end() }
        var watcher = try ProcessWatcher([process.pid])
        process.closeInput()
        wait(for: process)
        watcher.sample()
        #expect(watcher.cpuSeconds > 0.02)
        watcher.begin()
        #expect(watcher.cpuSeconds == 0)
        watcher.sample()
        #expect(watcher.cpuSeconds < 0.02)
    }

    @Test("children are found, and counted at once; their end does not hide them")
    func children() throws {
        let process = try shell(
            "for n in 1 2 3; do (burn 1000; echo up; read x </dev/null; exec sleep 60) & echo pid $!; done; wait"
        )
        var pids: [Int32] = []
        defer {
            pids.forEach { kill($0, SIGKILL) }
            process.end()
        }
        var watcher = try ProcessWatcher([process.pid])
        process.closeInput()
        #expect(
            eventually(within: patience) { process.output.split(separator: "\n").filter { $0 == "up" }.count == 3 }
        )
        pids = process.output.split(separator: "\n").compactMap { $0.hasPrefix("pid ") ? Int32($0.dropFirst(4)) : nil }
        #expect(pids.count == 3)
        watcher.sample()
        pids.forEach { kill($0, SIGKILL) }
        _ = process.finish()
        let report = watcher.finish()
        #expect(report.processes == 4)
        #expect(watcher.missing == [process.pid])
    }

    @Test("a child that outlives its parent is followed")
    func orphan() throws {
        let directory = try TemporaryDirectory()
        let fifo = directory.file("go")
        #expect(mkfifo(fifo, 0o600) == 0)
        let process = try shell(
            "(read x <\(fifo); burn 300000; times; echo done; exec sleep 60) </dev/null & echo pid $!; read x <\(fifo)"
        )
        process.closeInput()
        wait(for: process, "pid ")
        let child = try #require(process.output.split(separator: "\n").compactMap { Int32($0.dropFirst(4)) }.first)
        defer { kill(child, SIGKILL) }
        var watcher = try ProcessWatcher([process.pid])
        kill(process.pid, SIGKILL)
        #expect(process.finish().status == 137)
        watcher.sample()
        #expect(watcher.missing == [process.pid])
        let writer = open(fifo, O_WRONLY | O_CLOEXEC)
        close(writer)
        wait(for: process)
        let report = watcher.finish()
        let told = try told(process.output)
        #expect(abs(report.userSeconds + report.systemSeconds - told) <= 0.06, "\(told)")
    }

    @Test("memory of all, and switches")
    func memory() throws {
        let process = try shell(
            "x=$(head -c 20000000 /dev/zero | tr '\\0' a); echo ${#x} done; exec 0</dev/null; kill -STOP $$"
        )
        defer {
            process.send(SIGCONT)
            process.end()
        }
        var watcher = try ProcessWatcher([process.pid])
        process.closeInput()
        wait(for: process, "20000000 done")
        let report = watcher.finish()
        #expect(report.residentBytes > 20_000_000)
        #expect(report.proportionalBytes > 20_000_000)
        #expect(report.privateBytes > 20_000_000)
        #expect(report.residentBytes >= report.proportionalBytes)
        #expect(report.proportionalBytes >= report.privateBytes)
        #expect(report.voluntarySwitches > 0)
    }

    @Test("several processes, one of them named twice, are one sum")
    func several() throws {
        let (first, second) = (try shell("exec sleep 60"), try shell("exec sleep 60"))
        defer {
            first.end()
            second.end()
        }
        var watcher = try ProcessWatcher([first.pid, second.pid, first.pid])
        #expect(watcher.finish().processes == 2)
    }

    @Test("no such process", arguments: [0, -1, Int32.max])
    func absent(pid: Int32) {
        let problem = #expect(throws: WatchProblem.noSuchProcess(pid)) { try ProcessWatcher([pid]) }
        #expect(problem?.description.contains("process \(pid): there is no such process") == true)
    }

    @Test("a process that ended, reaped or not")
    func ended() throws {
        // Its parent becomes a program that reaps no child, and it ends after that.
        let script = "(until grep -q sleep /proc/$$/comm; do sleep 0.01; done) & echo $!; exec sleep 600"
        let parent = try RunningProcess(["/bin/sh", "-c", script])
        defer { parent.end() }
        #expect(eventually(within: patience) { parent.output.hasSuffix("\n") })
        let pid = try #require(Int32(parent.output.trimmingCharacters(in: .whitespacesAndNewlines)))
        #expect(eventually(within: patience) { ProcessSnapshot(pid)?.state == "Z" })
        #expect(throws: WatchProblem.noSuchProcess(pid)) { try ProcessWatcher([pid]) }
        let reaped = try RunningProcess(["/bin/true"])
        #expect(reaped.finish().succeeded)
        #expect(throws: WatchProblem.noSuchProcess(reaped.pid)) { try ProcessWatcher([reaped.pid]) }
    }

    @Test("a process of another user", .enabled(if: geteuid() != 0, "root may look at every process"))
    func otherUser() {
        #expect(throws: WatchProblem.notPermitted(1)) { try ProcessWatcher([1]) }
    }

    @Test("no process to watch")
    func noProcess() throws {
        var watcher = try ProcessWatcher([])
        watcher.sample()
        let report = watcher.finish()
        #expect(report.processes == 0)
        #expect(report.userSeconds == 0)
    }
}
