//===----------------------------------------------------------------------===//
// Quartermaster: tests of master and its daemons while the disk of its pages is full
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import TestSupport
import Testing
import WorkerPage

/// A master that has a small disk below pid/, which it and its children alone see.
private struct SmallSystem {
    let system: MailSystem
    let master: RunningProcess
    /// Where the disk is for the test.
    let pid: String

    /// - Parameter kilobytes: of the disk, at first.
    init(_ services: [String], kilobytes: Int) throws {
        system = try MailSystem(services, programs: ["test-service"])
        let path = system.queueDirectory + "/pid"
        master = try system.start(prefix: SmallDisk.prefix(at: path, kilobytes: kilobytes))
        pid = "/proc/\(master.pid)/root" + path
    }

    func resize(kilobytes: Int) throws {
        let inside = ["/usr/bin/nsenter", "-t", String(master.pid), "-m"]
        let options = "remount,size=\(kilobytes)k"
        let result = try run(inside + ["mount", "-o", options, system.queueDirectory + "/pid"])
        #expect(result.succeeded, "\(result)")
    }

    func reload() {
        let before = system.count(" reload accepted: ")
        master.send(SIGHUP)
        #expect(system.wait(for: " reload accepted: ", count: before + 1), "\(system.log)")
    }

    func page(where condition: (Overview) -> Bool) -> Bool {
        eventually { (try? PageFile.read(pid + "/master.status")).map(condition) ?? false }
    }

    /// By a client of its own.
    func say(_ line: String, to name: String) throws {
        let caller = try Caller(.path(system.queueDirectory + "/public/" + name))
        #expect(caller.send(line + "\n") && caller.readLine() == line + "\n", "\(system.log)")
    }

    /// Ends all processes of the services, and waits until master has buried them.
    func killAll() throws {
        let before = system.count(" killed by signal 9")
        let processes = system.processes("test-service")
        for process in processes { kill(process.pid, SIGKILL) }
        #expect(!processes.isEmpty && system.wait(for: " killed by signal 9", count: before + processes.count))
        // master says so at the end of a turn before the counts are its own.
        try system.settle()
    }

    /// Waits until those have ended that a reload has told to.
    func awaitEnds() { #expect(eventually { system.processes("test-service").isEmpty }) }

    /// What processes of a service have counted themselves, and their gauge.
    func figures(_ service: String) throws -> (lines: UInt64, length: Double?) {
        let own = try MetricsReader.read(pid + "/master.metrics").service(service + "/unix")
        return (own?["lines"]?.integer ?? 0, own?.series.first { $0.name.family == "line_length" }?.real)
    }

    func requests(_ service: String) throws -> UInt64 {
        try WorkerReader.read(pid + "/master.workers").service(service + "/unix")?[.requests] ?? 0
    }
}

@Suite("A full disk", .timeLimit(.minutes(60))) struct FullDiskTests {
    @Test(
        "at a start, a reload, an upgrade and a growth: clients are served, no total is lost, and it is over with the cause",
        .enabled(if: SmallDisk.works, "SKIPPED: only root may mount a small disk")
    )
    func pages() throws {
        let services = ["stream unix n - n - 1 test-service measures", "other unix n - n - 1 test-service measures"]
        let scene = try SmallSystem(services, kilobytes: 100)
        let system = scene.system
        defer { system.end() }
        let full = "No space left on device"
        #expect(system.wait(for: "cannot make pid/master.workers: posix_fallocate: \(full) -- "), "\(system.log)")
        #expect(system.wait(for: "cannot make the status page pid/master.status: posix_fallocate: \(full) -- "))
        try scene.say("one", to: "stream")

        // There is room: no process has to end for that.
        try scene.resize(kilobytes: 4000)
        scene.reload()
        #expect(system.wait(for: "pid/master.workers is made -- "), "\(system.log)")
        #expect(scene.page { $0.master.pid == scene.master.pid })
        scene.awaitEnds()
        #expect(try scene.figures("stream").lines == 1)

        // There is none: what has room already goes on, and what has none waits.
        try scene.say("two", to: "other")
        try scene.say("three", to: "stream")
        let filler = try SmallDisk.fill(scene.pid)
        try scene.killAll()
        let waiting = "no room on the disk for pid/master.metrics: posix_fallocate: \(full) -- "
        #expect(system.wait(for: waiting), "\(system.log)")
        func expectFigures(_ stream: UInt64, _ other: UInt64) throws {
            #expect(try scene.figures("stream").lines == stream && scene.figures("other").lines == other)
            #expect(try scene.requests("stream") == stream - 1 && scene.requests("other") == other)
        }
        try expectFigures(2, 1)
        #expect(try scene.figures("other").length == nil)
        try scene.say("four", to: "other")
        try expectFigures(2, 2)
        // No block had room for this one.
        try scene.say("five", to: "stream")
        #expect(try scene.figures("stream").lines == 2 && scene.requests("stream") == 2)

        scene.master.send(SIGUSR2)
        #expect(system.wait(for: " goes on where "), "\(system.log)")
        #expect(scene.page { $0.events.contains { $0.kind == .upgrade } })
        #expect(try scene.figures("other").lines == 2 && scene.requests("other") == 2)

        let more = (0..<90).map { Line.unix("s\($0)", "serve") }
        try system.setServices(services + more)
        scene.reload()
        #expect(system.wait(for: "cannot make a larger status page pid/master.status: posix_fallocate: \(full) -- "))
        #expect(scene.page { $0.services.count >= 60 && $0.services.contains { $0.texts.name == "stream" } })
        scene.awaitEnds()
        #expect(try scene.figures("other").lines == 2 && scene.requests("other") == 2)

        #expect(unlink(filler) == 0)
        scene.reload()
        #expect(system.wait(for: "there is room on the disk for pid/master.metrics again -- "), "\(system.log)")
        #expect(scene.page { $0.services.count == 93 })
        #expect(try scene.figures("stream").lines == 2 && scene.figures("other").lines == 2)
        try scene.say("six", to: "other")
        #expect(try scene.figures("other") == (3, 3))
        #expect(system.count(waiting) <= 2, "each program says it once: \(system.log)")
        #expect(system.count("cut off") == 0 && system.count("could not be written to") == 0, "\(system.log)")
        #expect(scene.master.isRunning)
    }
}
