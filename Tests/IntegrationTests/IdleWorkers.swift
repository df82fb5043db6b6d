//===----------------------------------------------------------------------===//
// Quartermaster: several workers of one service of ours, and who of them the kernel wakes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// A master with one service of the skeleton's whose workers are idle.
final class IdleWorkers {
    enum Service: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case echo = "echo"
        case blocking = "test-service serve=blocking"
        case blockingCrowd = "test-service serve=blocking-crowd"
        case datagrams = "test-service serve=datagrams"
        /// Requests are lines, and who has said half of one has `ipc_timeout` for the rest.
        case lines = "test-service serve=lines"
        case table = "test-service table=TABLE serve=table"

        var testDescription: String { rawValue }
        var program: String { String(rawValue.prefix { $0 != " " }) }
        /// What it says before it is asked.
        var greets: Bool { self == .blocking || self == .blockingCrowd }
    }

    /// Every client is to be served within a second. Tests measure how long one waits since a stranded client waits for
    /// `max_idle`, 1000 s; two more seconds are for a machine that is busy with something else.
    private static let bound: Duration = .seconds(3)

    /// Somebody was served, but not in time. That may be this machine's doing.
    private struct Late: Error {
        let wait: Duration
    }

    /// Throws when something has taken longer than the scene has for it.
    static func hasTaken(lessThan limit: Duration, since begun: ContinuousClock.Instant) throws {
        let wait = ContinuousClock.now - begun
        if wait >= limit { throw Late(wait: wait) }
    }

    /// Runs a scene with workers of its own. If somebody is served too late in it, it is run again: a machine that
    /// stands still now and then does not do so each time, and in each scene the test decides the order of events.
    static func inTime(_ scene: () throws -> Void) throws {
        for _ in 0..<5 {
            do { return try scene() } catch let late as Late { print("served after \(late.wait): once more") }
        }
        try scene()
    }

    let service: Service
    let system: MailSystem
    let place: Place
    private let table: TemporaryDirectory
    var datagramPath: String { system.queueDirectory + "/public/talk" }

    init(_ service: Service = .echo, limit: Int = 3, main: [String: String] = [:]) throws {
        self.service = service
        let port = try FreePort.next()
        place = .port(port)
        let endpoint = service == .datagrams ? "talk unix-dgram" : "127.0.0.1:\(port) inet"
        let directory = try TemporaryDirectory("qm-table")
        table = directory
        let command = service.rawValue.replacingOccurrences(of: "TABLE", with: directory.path + "/table")
        system = try MailSystem(
            ["\(endpoint) n - n - \(limit) \(command)", "postlog unix-dgram n - n - 1 postlogd"],
            main: ["max_idle": "1000s", "max_use": "100000"].merging(main) { $1 },
            programs: [service.program, "postlogd"]
        )
        try system.start()
    }

    deinit { system.end() }

    /// A new table in place of the old one.
    func changeTable() throws { try PlacedFile.configuration("new", at: table.path + "/table") }

    var pids: [Int32] { system.processes(service.program).map(\.pid).sorted() }

    // MARK: clients

    func client(_ line: String = "hello") throws -> Caller {
        let caller = try Caller(place)
        guard caller.send(line + "\n") else { throw TestSupportError("cannot send") }
        return caller
    }

    /// How long the client waits for its line to come back; nil when it does not come at all.
    func wait(of caller: Caller, for line: String = "hello") -> Duration? {
        let begun = ContinuousClock.now
        if service.greets, caller.readLine() != "hello\n" { return nil }
        return caller.readLine() == line + "\n" ? ContinuousClock.now - begun : nil
    }

    /// Whether the client is served; throws when it is not served in time.
    func serves(_ caller: Caller, _ line: String = "hello") throws -> Bool {
        guard let wait = wait(of: caller, for: line) else { return false }
        if wait >= Self.bound { throw Late(wait: wait) }
        return true
    }

    /// Clients that come one after the other, several at a time, of whom each must be served.
    func storm(exchanges: Int) throws -> RunningProcess {
        guard case .port(let port) = place else { throw TestSupportError("no port") }
        return try RunningProcess([
            BuiltProducts.path("bench-accept"), "storm", "--preset", "echo", "--tcp", "127.0.0.1:\(port)", "--clients",
            "16", "--count", "\(exchanges)", "--timeout", "300",
        ])
    }

    func send(_ text: String) throws { try DatagramFlood.send(text, to: datagramPath) }

    /// How many datagrams were received, as the workers told the log.
    var received: Int {
        system.logLines.reduce(0) { sum, line in
            guard let words = line.components(separatedBy: ": received ").dropFirst().first else { return sum }
            return sum + (Int(words.prefix { $0.isNumber }) ?? 0)
        }
    }

    /// Whether so many datagrams are received; throws when they are not received in time.
    func receives(_ wanted: Int) throws -> Bool {
        let begun = ContinuousClock.now
        guard eventually({ received >= wanted }) else { return false }
        try Self.hasTaken(lessThan: Self.bound, since: begun)
        return true
    }

    // MARK: workers

    /// Brings about two idle workers: the second is started while the first is held when it is busy.
    func haveTwo() throws {
        if pids.isEmpty { try startFirst() }
        if pids.count == 1 { try startBeside(pids[0]) }
        guard pids.count == 2, eventually({ allSleep }) else {
            throw TestSupportError("not two idle workers: \(pids)\n\(system.log)")
        }
        try system.settle()
    }

    private var allSleep: Bool { pids.allSatisfy { ProcessSnapshot($0)?.state == "S" } }

    private func startFirst() throws {
        let isServed: Bool
        if service == .datagrams {
            try send("first")
            isServed = eventually { received > 0 }
        } else {
            isServed = isDone(with: try client())
        }
        guard isServed, pids.count == 1, eventually({ allSleep }) else {
            throw TestSupportError("no worker: \(system.log)")
        }
    }

    private func startBeside(_ worker: Int32) throws {
        let held = try HeldProcess(worker, .afterReport)
        let before = received
        let first = try knock()
        guard held.isHeld() else { throw TestSupportError("not held: \(system.log)") }
        // The new one has reported before the first goes on: master judges a child that never did in another way.
        let second = try knock()
        guard isDone(with: second, orReceived: before + 1), pids.count == 2 else {
            throw TestSupportError("nobody starts: \(system.log)")
        }
        held.release()
        guard isDone(with: first, orReceived: before + 2) else {
            throw TestSupportError("not served: \(system.log)")
        }
    }

    private func isDone(with caller: Caller?, orReceived count: Int) -> Bool {
        service == .datagrams ? eventually { received >= count } : isDone(with: caller)
    }

    /// Whether the client is served, and its worker has seen it leave.
    private func isDone(with caller: Caller?) -> Bool {
        guard let caller else { return false }
        return wait(of: caller) != nil && caller.finish()
    }

    private func knock() throws -> Caller? {
        if service != .datagrams { return try client() }
        try send("knock")
        return nil
    }

    /// The one of the idle workers that the kernel wakes for the next client, and the other one.
    func order() throws -> (woken: Int32, other: Int32) {
        let before = pids.map { (pid: $0, descriptors: descriptors($0)) }
        let caller = try client()
        guard before.count == 2, wait(of: caller) != nil,
            let woken = before.first(where: { descriptors($0.pid) > $0.descriptors })?.pid,
            let other = before.first(where: { $0.pid != woken })?.pid,
            caller.finish(), eventually({ allSleep })
        else { throw TestSupportError("nobody has the client: \(before)\n\(system.log)") }
        return (woken, other)
    }

    /// Clients that say half a line, of whom the worker has one after the other.
    func halfClients(_ count: Int, of worker: Int32) throws -> [Caller] {
        try (0..<count).map { number in
            let before = descriptors(worker)
            let caller = try Caller(place)
            let isTaken = caller.send("half") && eventually { descriptors(worker) == before + 1 && allSleep }
            guard isTaken else { throw TestSupportError("another one has client \(number)\n\(system.log)") }
            return caller
        }
    }

    private func descriptors(_ pid: Int32) -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? 0
    }

    /// Stops a process, and waits until it stands still.
    func stop(_ pid: Int32) {
        kill(pid, SIGSTOP)
        #expect(eventually { ProcessSnapshot(pid)?.state == "T" })
    }

    /// Leaves a process no further descriptor: every number below the limit is in use.
    func exhaust(_ pid: Int32) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd")
        let used = Set(names.compactMap { Int($0) })
        let limit = (0...).first { !used.contains($0) } ?? 0
        try asOwner("prlimit --pid \(pid) --nofile=\(limit):\(limit)")
    }

    /// Root in a container may not be allowed to do what the worker's own user may.
    private func asOwner(_ command: String) throws {
        let owner = MailSystem.owner
        let user = geteuid() == 0 ? ["/usr/bin/setpriv", "--reuid", owner, "--regid", owner, "--clear-groups"] : []
        let result = try run(user + ["/bin/sh", "-c", command])
        guard result.succeeded else { throw TestSupportError("\(command): \(result)") }
    }
}
