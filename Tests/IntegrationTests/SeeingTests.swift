//===----------------------------------------------------------------------===//
// Quartermaster: tests of the status page of a real master: its figures are what happened
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import TestSupport
import Testing

extension MailSystem {
    var pagePath: String { queueDirectory + "/pid/master.status" }

    func page() throws -> Overview { try PageFile.read(pagePath) }

    /// The page that fulfils a condition, in the end.
    func page(where condition: (Overview) -> Bool) throws -> Overview {
        var last: Overview?
        let isThere = eventually {
            last = try? page()
            return last.map(condition) ?? false
        }
        guard isThere, let last else {
            throw TestSupportError("the page is not so: \(String(describing: last))\n\(log)")
        }
        return last
    }

    /// Processes of this system that master has started, whatever their program.
    func workers() -> Set<Int32> {
        let master = recordedPID
        return Set(ProcessTable.running(programsIn: daemonDirectory).filter { $0.parent == master }.map(\.pid))
    }
}

extension Overview {
    fileprivate func service(_ name: String) -> ServiceOverview? { services.first { $0.texts.name == name } }
}

@Suite("What the status page of a master says", .timeLimit(.minutes(60))) struct SeeingTests {
    @Test("uses, processes and starts are those that clients and /proc tell of, without trouble and with")
    func figures() throws {
        let port = try FreePort.next()
        let system = try MailSystem(
            [
                "postlog unix-dgram n - n - 1 postlogd", Line.inet(port, "serve", maxproc: 4),
                Line.unix("talk", "serve", maxproc: 4), "stream unix n - n - 3 echo",
                "block unix n - n - 3 test-service serve=blocking",
            ],
            programs: ["postlogd", "echo", "test-service"]
        )
        defer { system.end() }
        let master = try system.start()
        let places: [Place] = [.port(port), .path(system.queueDirectory + "/public/talk")]

        // Nothing goes wrong: every use is that of a client.
        let clients = SteadyClients(places, each: 3)
        #expect(clients.served(400))
        let ledger = clients.finish()
        #expect(ledger.losses == [:] && ledger.opened == ledger.answered)
        let calm = try system.page { Self.uses($0) == ledger.answered && Self.busy($0) == 0 }
        check(calm, system)
        #expect(calm.master.pid == master.pid && calm.master.state == .running)
        #expect(calm.master[.repeatedReports] == 0 && calm.master[.unknownReporters] == 0)

        // Processes are killed, and the configuration is read again, in the middle of everything.
        let crowd = SteadyClients(places, each: 3)
        defer { crowd.finish() }
        var killed = 0
        for round in 0..<6 {
            try load(system, "stream", "echo")
            let blocking = try Caller(.path(system.queueDirectory + "/public/block"))
            #expect(blocking.send("hello\n") && blocking.readSome() != nil)
            #expect(crowd.served(40))
            if round % 2 == 0 {
                #expect(try system.reload())
            } else {
                // Not the one that takes our log lines.
                for process in system.processes().prefix(2) where kill(process.pid, SIGKILL) == 0 { killed += 1 }
            }
        }
        let account = crowd.finish()
        #expect(account.answered >= 240)
        try system.settle()
        let rough = try system.page { page in
            Self.busy(page) == 0 && page.services.allSatisfy { $0.load.starting == 0 || $0.counts.starts > 0 }
                && Set(page.processes.map { Int32($0.pid) }) == system.workers() && Self.isWhole(page)
        }
        check(rough, system)
        #expect(rough.master[.reloads] == 3 && rough.master[.reloadsRefused] == 0)
        #expect(rough.master.lastReload.result == .accepted && rough.master.lastReload.cause == .signal)
        let kills = rough.services.reduce(0) { $0 + $1.counts.killedEnds }
        #expect(kills <= UInt64(killed) && kills > 0)
        #expect(rough.master[.killedExits] == kills)
        #expect(rough.events.contains { $0.kind == .fail && $0.value == -9 && !$0.serviceName.isEmpty })
        #expect(rough.events.count { $0.kind == .reload } == 3)
        #expect(Self.uses(rough) <= ledger.answered + account.opened)
        #expect(rough.service("stream").map { $0.load.uses > 0 } == true)
        #expect(rough.service("block").map { $0.load.uses > 0 } == true)
        #expect(rough.service("postlog").map { $0.counts.starts > 0 } == true)
    }

    /// Rows are written one after the other, and master may have been made to wait between two of them.
    private static func isWhole(_ page: Overview) -> Bool {
        page.services.allSatisfy { service in
            page.processes.count { $0.service == UInt32(service.row) } == Int(service.total)
        }
    }

    private static func uses(_ page: Overview) -> Int {
        page.services.filter { $0.texts.program == "test-child" }.reduce(0) { $0 + Int($1.load.uses) }
    }

    private static func busy(_ page: Overview) -> Int32 { page.services.reduce(0) { $0 + $1.load.busy } }

    /// What is to agree whatever happened.
    private func check(_ page: Overview, _ system: MailSystem) {
        #expect(page.unreadable == [])
        for service in page.services {
            let processes = page.processes.filter { $0.service == UInt32(service.row) }
            #expect(processes.allSatisfy { $0.life == UInt32(service.texts.life) })
            #expect(processes.count == Int(service.total), "\(service)")
            #expect(processes.count { $0.state == .busy || $0.state == .retiredBusy } == Int(service.load.busy))
            #expect(processes.count { $0.state == .idle } == Int(service.load.idle))
            let counts = service.counts
            let ends = counts.cleanEnds + counts.failedEnds + counts.killedEnds
            #expect(counts.starts == ends + UInt64(service.total), "\(service)")
            #expect(counts.readyTimes.count + counts.neverReady <= counts.starts)
            if service.load.uses > 0 { #expect(counts.readyTimes.count > 0) }
        }
        let starts = page.services.reduce(0) { $0 + $1.counts.starts }
        #expect(page.master[.spawns] == starts)
        #expect(Set(page.processes.map(\.generation)).count == page.processes.count)
        #expect(Set(page.processes.map { Int32($0.pid) }) == system.workers())
        let numbers = page.events.map(\.number)
        #expect(numbers == Array((numbers.first ?? 1)..<(numbers.first ?? 1) + UInt64(numbers.count)))
        if numbers.first == 1 {
            // An event is written at once, and the counts at the end of the turn: one may be there before them.
            let told = page.events.count { $0.kind == .start }
            #expect(told == Int(starts) || told == Int(starts) + 1, "\(told) of \(starts)")
        }
    }

    private func load(_ system: MailSystem, _ service: String, _ preset: String) throws {
        let path = system.queueDirectory + "/public/" + service
        let argv = [
            BuiltProducts.path("bench-accept"), "storm", "--preset", preset, "--unix", path, "--clients", "4",
            "--count", "200", "--timeout", "60",
        ]
        let result = try run(argv, timeout: patience * 4)
        #expect(result.succeeded, "\(result)")
    }

    @Test("busy time is the time that clients took, and a full service says so")
    func saturation() throws {
        let system = try MailSystem([Line.unix("talk", "serve", maxproc: 2)])
        defer { system.end() }
        try system.start()
        let place = Place.path(system.queueDirectory + "/public/talk")
        let held = try (0..<5).map { _ in try Caller(place) }
        let full = try system.page { $0.service("talk")?.load.cover == .saturated }
        #expect(full.service("talk")?.load.busy == 2)
        // One who was counted may have been accepted since; what is counted next is right.
        let waiting = try system.page { (1...3).contains($0.service("talk")?.load.waiting ?? 0) }
        #expect(waiting.service("talk").map { $0.load.waitingSeen > 0 } == true)
        for (number, caller) in held.enumerated() {
            #expect(caller.send("number \(number)\n") && caller.readAll()?.hasSuffix(" number \(number)\n") == true)
        }
        let settled = try system.page { $0.service("talk").map { $0.load.uses == 5 && $0.load.busy == 0 } ?? false }
        let after = try #require(settled.service("talk"))
        #expect(after.load.busyTime >= after.load.saturatedTime && after.load.saturatedTime > 0)
        #expect(after.load.crowdedTime <= after.load.saturatedTime)
    }

    @Test("a page that becomes too small is replaced, and no reader loses sight")
    func growth() throws {
        let system = try MailSystem([Line.unix("many", "serve", maxproc: 0)])
        defer { system.end() }
        try system.start()
        let reader = SteadyReader(system.pagePath)
        defer { reader.finish() }
        let place = Place.path(system.queueDirectory + "/public/many")
        // More than there was room for at first, of both kinds.
        var held: [Caller] = []
        for _ in 0..<560 {
            held.append(try Caller(place))
            if held.count % 20 == 0 {
                _ = try system.page { $0.service("many").map { Int($0.total) >= held.count } ?? false }
            }
        }
        let crowded = try system.page { $0.processes.count { $0.state == .busy } == 560 }
        #expect(crowded.service("many")?.load.busy == 560)
        let lines = (0..<90).map { Line.unix("s\($0)", "serve") }
        try system.setServices([Line.unix("many", "serve", maxproc: 0)] + lines)
        #expect(try system.reload())
        let wide = try system.page { $0.services.count == 92 && $0.processes.count >= 560 }
        #expect(wide.events.first?.number == 1 || wide.events.count == 1024, "events came along")
        #expect(wide.processes.count { $0.state == .retiredBusy } == 560)
        try system.setServices([Line.unix("many", "serve", maxproc: 0)])
        #expect(try system.reload())
        held = []
        _ = try system.page { $0.services.count == 2 && $0.processes.isEmpty }
        let account = reader.finish()
        #expect(account.failures == [] && account.rounds > 0)
        #expect(system.count("status page") == 0, "\(system.log)")
        #expect(!FileManager.default.fileExists(atPath: system.pagePath + ".new"))
    }

    @Test("a page that is cut off, emptied or removed under master is made again, and master serves all the time")
    func damage() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        let master = try system.start()
        #expect(Caller.pid(.port(port)) != nil)
        truncate(system.pagePath, 0)
        #expect(Caller.pid(.port(port)) != nil)
        #expect(system.wait(for: "pid/master.status was cut off, or its disk is full -- making another one soon"))
        // A second one is made when the loop wakes, ten seconds later at the earliest.
        let again = try system.page { $0.service("127.0.0.1:\(port)")?.load.uses ?? 0 >= 2 }
        #expect(again.master.pid == master.pid)
        #expect(master.isRunning)

        // It is gone: the next one has the events of the one before.
        unlink(system.pagePath)
        #expect(try system.reload())
        #expect(system.wait(for: "pid/master.status was removed or replaced -- making another one"), "\(system.log)")
        let next = try system.page { $0.events.contains { $0.kind == .reload } }
        #expect(next.events.contains { $0.kind == .start }, "\(next.events)")
        #expect(next.service("127.0.0.1:\(port)")?.counts.starts == again.service("127.0.0.1:\(port)")?.counts.starts)

        // Something else takes its place: master writes on into its own file, and makes a new one at the next reload.
        unlink(system.pagePath)
        mkdir(system.pagePath, 0o755)
        #expect(try system.reload())
        #expect(system.wait(for: "cannot make the status page pid/master.status"), "\(system.log)")
        #expect(Caller.pid(.port(port)) != nil)
        rmdir(system.pagePath)
        mkfifo(system.pagePath, 0o644)
        #expect(try system.reload())
        #expect(try system.page { _ in true }.master.pid == master.pid)
        #expect(Caller.pid(.port(port)) != nil)
        #expect(system.count("another one soon") == 1, "\(system.log)")
        #expect(system.count("cannot make the status page") == 1, "said once: \(system.log)")
    }
}

/// Reads a page without pause.
private final class SteadyReader: @unchecked Sendable {
    private let lock = NSLock()
    private var isOver = false
    private var hasEnded = false
    private var rounds = 0
    private var failures: [String] = []

    init(_ path: String) {
        Thread.detachNewThread { [self] in
            while !lock.withLock({ isOver }) {
                do {
                    let overview = try PageFile.read(path)
                    lock.withLock {
                        rounds += 1
                        if !overview.unreadable.isEmpty { failures += overview.unreadable }
                    }
                } catch {
                    lock.withLock { failures.append("\(error)") }
                }
            }
            lock.withLock { hasEnded = true }
        }
    }

    @discardableResult
    func finish() -> (rounds: Int, failures: [String]) {
        lock.withLock { isOver = true }
        _ = eventually { lock.withLock { hasEnded } }
        return lock.withLock { (rounds, failures) }
    }
}
