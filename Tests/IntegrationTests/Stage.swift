//===----------------------------------------------------------------------===//
// Quartermaster: one release-built worker under a release-built master, with a load and a program that counts
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// The release build whose costs are measured.
enum Release {
    static let daemons = ["master", "echo", "anvil", "postlogd", "policyd", "relay"]

    static let directory = ProcessInfo.processInfo.environment["QM_RELEASE_PRODUCTS"]

    /// A product that is missing is a failure, not a reason to skip.
    static func path(_ product: String) throws -> String {
        let path = (directory ?? "") + "/" + product
        guard access(path, X_OK) == 0 else { throw TestSupportError("no release product \(path)") }
        return path
    }
}

extension Place {
    enum Kind: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case tcp, unix
        var testDescription: String { rawValue }
    }
}

/// A master with one service of one process that is running already.
final class Stage {
    enum Daemon: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case echo, anvil, postlogd
        /// In front of an echo, which is measured with it where both are.
        case relay
        var testDescription: String { rawValue }
    }

    /// Pid of the one worker.
    private(set) var worker: Int32 = 0
    private let daemon: Daemon
    private let system: MailSystem
    private let port: UInt16
    private let countFile: String
    private var path: String

    init(_ daemon: Daemon, countsAllocations: Bool = false) throws {
        self.daemon = daemon
        port = try FreePort.next()
        // A twin on another name, so that what processes of a program share is shared.
        let (name, lines): (String, [String]) =
            switch daemon {
            case .echo: ("echo", ["echo unix n - n - 1 echo", "127.0.0.1:\(port) inet n - n - 1 echo"])
            case .anvil: ("anvil", ["anvil unix n - n - 1 anvil", "twin unix n - n - 1 anvil"])
            case .relay:
                (
                    "front",
                    [
                        "echo unix n - n - 1 echo",
                        "front unix n - n - 1 relay -o relay_upstreams=unix:public/echo",
                        "127.0.0.1:\(port) inet n - n - 1 relay -o relay_upstreams=unix:public/echo",
                    ]
                )
            case .postlogd:
                ("postlog", ["postlog unix-dgram n - n - 1 postlogd", "twin unix-dgram n - n - 1 postlogd"])
            }
        system = try MailSystem(lines, main: ["max_use": "100000000", "max_idle": "1000s"])
        path = system.queueDirectory + "/public/" + name
        countFile = system.directory + "/allocations"
        for program in Release.daemons { try system.install(Release.path(program), as: program) }
        // Pages of a file that was written just now count as dirty, and as ours, until they are on the disk.
        for program in Release.daemons {
            let file = open(system.daemonDirectory + "/" + program, O_RDONLY | O_CLOEXEC)
            fsync(file)
            close(file)
        }
        if countsAllocations { try countAllocations() }
        try start()
    }

    func end() { system.end() }

    private func start() throws {
        try system.start()
        // One exchange, so that the worker is there.
        try loadOnce(on: .unix)
        if daemon == .echo || daemon == .relay {
            try loadOnce(on: .tcp)
        } else {
            let twin = path
            path = system.queueDirectory + "/public/twin"
            try loadOnce(on: .unix)
            path = twin
        }
        var workers: [ProcessSnapshot] = []
        let isReady = eventually {
            workers = system.processes(daemon.rawValue)
            return workers.count == 2 && workers.allSatisfy { $0.state == "S" }
        }
        guard isReady else { throw TestSupportError("no worker:\n\(system.log)") }
        // Of two of echo or relay the one that listens on TCP, of the others' the one that gets the load.
        worker =
            (workers.first { $0.arguments.contains("inet") } ?? workers.first { !$0.arguments.contains("twin") }
            ?? workers[0]).pid
    }

    /// A single client, however many the load generator would like: what a worker once had room for, it keeps.
    private func loadOnce(on kind: Place.Kind) throws {
        switch daemon {
        case .echo, .relay: try load("storm", "--preset", "echo", on: kind, clients: 1, count: 1)
        case .anvil: try load("storm", "--preset", "anvil", on: kind, clients: 1, count: 1)
        case .postlogd: try load("datagrams", "--preset", "postlog", on: kind, clients: nil, count: 1)
        }
    }

    /// Lines for the log writer, of two senders.
    func loadWithDatagrams(_ count: Int) throws {
        try load("datagrams", "--preset", "postlog", "--senders", "2", on: .unix, clients: nil, count: count)
    }

    /// Runs the load generator, which accounts for every exchange and fails when one is lost.
    func load(_ mode: String, _ options: String..., on kind: Place.Kind, clients: Int?, count: Int) throws {
        let target = kind == .tcp ? ["--tcp", "127.0.0.1:\(port)"] : ["--unix", path]
        let howMany = clients.map { ["--clients", String($0)] } ?? []
        let limits = ["--count", String(count), "--timeout", "60"]
        let argv = [try Release.path("bench-accept"), mode] + options + target + howMany + limits
        let result = try run(argv, timeout: patience * 5)
        guard result.succeeded else { throw TestSupportError("\(argv): \(result)\n\(system.log)") }
    }

    // MARK: allocations

    private func countAllocations() throws {
        let source = (#filePath as NSString).deletingLastPathComponent + "/../Support/malloc-count/malloc_count.c"
        let library = system.directory + "/malloc_count.so"
        let built = try run(["/usr/bin/env", "clang", "-shared", "-fPIC", "-O2", "-o", library, source])
        guard built.succeeded else { throw TestSupportError("cannot build the counter: \(built)") }
        try Data(count: 8).write(to: URL(fileURLWithPath: countFile))
        chmod(countFile, 0o666)
        // Children get what import_environment sets; master itself runs without.
        try system.setMain([
            "import_environment": "MAIL_CONFIG MAIL_LOGTAG LANG=C POSTLOG_SERVICE POSTLOG_HOSTNAME"
                + " LD_PRELOAD=\(library) MALLOC_COUNT_FILE=\(countFile)"
        ])
    }

    private func allocationCount() throws -> UInt64 {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: countFile)))
        let number = bytes.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        // The worker has allocated to start, so a counter that stays at zero counts nothing.
        guard number > 10 else { throw TestSupportError("the counter does not count: \(number)") }
        return number
    }

    /// Allocations in the workers between the 1,000th and the 11,000th exchange.
    func allocations(_ exchange: (Int) throws -> Void) throws -> UInt64 {
        try exchange(1000)
        try waitUntilIdle()
        let before = try allocationCount()
        try exchange(10_000)
        try waitUntilIdle()
        return try allocationCount() - before
    }

    /// Every worker sleeps, and a worker sleeps only when there is nothing left for it.
    private func waitUntilIdle() throws {
        let isIdle = eventually { system.processes(daemon.rawValue).allSatisfy { $0.state == "S" } }
        guard isIdle else { throw TestSupportError("the workers do not come to rest") }
    }

    /// Lets the workers see a crowd: many clients at the same time, and something from all of them in one turn of the
    /// loop. How many that are under a load is up to the scheduler, and libevent makes room for each descriptor number,
    /// and for each number of events in a turn, when it first sees it.
    func crowd(on kind: Place.Kind, clients: Int = 100) throws {
        let place = kind == .tcp ? Place.port(port) : .path(path)
        let request = daemon == .anvil ? "request=lookup\nident=crowd\n\n" : "hello\n"
        let callers = try (0..<clients).map { _ in try Caller(place) }
        // anvil speaks first; of echo's clients an exchange shows that they were taken.
        for caller in callers where daemon != .anvil { _ = caller.send(request) }
        guard callers.allSatisfy({ $0.readSome() != nil }) else { throw TestSupportError("a client was not taken") }
        let workers = system.processes(daemon.rawValue)
        for process in workers { kill(process.pid, SIGSTOP) }
        defer { for process in workers { kill(process.pid, SIGCONT) } }
        let isStopped = eventually { system.processes(daemon.rawValue).allSatisfy { $0.state == "T" } }
        guard isStopped, callers.allSatisfy({ $0.send(request) }) else { throw TestSupportError("no crowd") }
        for process in workers { kill(process.pid, SIGCONT) }
        guard callers.allSatisfy({ $0.readSome() != nil }) else { throw TestSupportError("no answer") }
    }

    // MARK: system calls

    /// System calls of the worker while `exchanges` are made, for each of them.
    func systemCalls(per exchanges: Int, _ body: () throws -> Void) throws -> Double {
        let report = system.directory + "/strace"
        let tracer = try RunningProcess(["/usr/bin/strace", "-c", "-f", "-o", report, "-p", String(worker)])
        guard eventually({ tracer.output.contains("attached") }) else {
            throw TestSupportError("strace: \(tracer.output)")
        }
        try body()
        tracer.send(SIGINT)
        _ = tracer.finish()
        let lines = (try String(contentsOfFile: report, encoding: .utf8)).split(separator: "\n")
        // "100.00    0.123456           3     36000       12 total"
        guard let total = lines.last(where: { $0.hasSuffix(" total") })?.split(separator: " "), total.count >= 4,
            let calls = Double(total[3])
        else { throw TestSupportError("strace counted nothing: \(lines)") }
        print("system calls for each of \(exchanges): \(calls / Double(exchanges))")
        return calls / Double(exchanges)
    }
}
