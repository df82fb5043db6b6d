//===----------------------------------------------------------------------===//
// Quartermaster: one release-built worker under a release-built master, with a load and somebody who counts
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// The release build whose costs are measured.
enum Release {
    static let daemons = ["master", "echo", "anvil", "postlogd"]

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
        var testDescription: String { rawValue }
    }

    /// Pid of the one worker.
    private(set) var worker: Int32 = 0
    private let system: MailSystem
    private let port: UInt16
    private let countFile: String
    private var path: String

    init(_ daemon: Daemon, countsAllocations: Bool = false) throws {
        port = try FreePort.next()
        // A twin on another name, so that what processes of a program share is shared.
        let (name, lines): (String, [String]) =
            switch daemon {
            case .echo: ("echo", ["echo unix n - n - 1 echo", "127.0.0.1:\(port) inet n - n - 1 echo"])
            case .anvil: ("anvil", ["anvil unix n - n - 1 anvil", "twin unix n - n - 1 anvil"])
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
        try start(daemon)
    }

    func end() { system.end() }

    private func start(_ daemon: Daemon) throws {
        _ = try system.launch()
        let directory = system.daemonDirectory
        guard eventually(within: .seconds(10), { access(path, F_OK) == 0 }) else {
            throw TestSupportError("master did not start:\n\(system.log)")
        }
        // One exchange, so that the worker is there.
        let preset = daemon == .postlogd ? "postlog" : daemon.rawValue
        let mode = daemon == .postlogd ? "datagrams" : "storm"
        try load(mode, "--preset", preset, on: .unix, clients: nil, count: 1)
        if daemon == .echo {
            try load("storm", "--preset", "echo", on: .tcp, clients: nil, count: 1)
        } else {
            let twin = path
            path = system.queueDirectory + "/public/twin"
            try load(mode, "--preset", preset, on: .unix, clients: nil, count: 1)
            path = twin
        }
        var workers: [ProcessSnapshot] = []
        let isReady = eventually(within: .seconds(10)) {
            workers = ProcessTable.running(programsIn: directory).filter { $0.name == daemon.rawValue }
            return workers.count == 2
        }
        guard isReady else { throw TestSupportError("no worker:\n\(system.log)") }
        // Of echo's two the one that listens on TCP, of the others' the one that gets the load.
        worker =
            (workers.first { $0.arguments.contains("inet") } ?? workers.first { !$0.arguments.contains("twin") }
            ?? workers[0]).pid
        rest(.milliseconds(300))
    }

    /// Runs the load generator, which accounts for every exchange and fails when one is lost.
    func load(_ mode: String, _ options: String..., on kind: Place.Kind, clients: Int?, count: Int) throws {
        let target = kind == .tcp ? ["--tcp", "127.0.0.1:\(port)"] : ["--unix", path]
        let howMany = clients.map { ["--clients", String($0)] } ?? []
        let argv = [try Release.path("bench-accept"), mode] + options + target + howMany + ["--count", String(count)]
        let result = try run(argv, timeout: .seconds(60))
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
        rest(.milliseconds(200))
        let before = try allocationCount()
        try exchange(10_000)
        rest(.milliseconds(200))
        return try allocationCount() - before
    }

    // MARK: system calls

    /// System calls of the worker while `exchanges` are made, for each of them.
    func systemCalls(per exchanges: Int, _ body: () throws -> Void) throws -> Double {
        let report = system.directory + "/strace"
        let tracer = try RunningProcess(["/usr/bin/strace", "-c", "-f", "-o", report, "-p", String(worker)])
        guard eventually(within: .seconds(10), { tracer.output.contains("attached") }) else {
            throw TestSupportError("strace: \(tracer.output)")
        }
        try body()
        rest(.milliseconds(200))
        tracer.send(SIGINT)
        _ = tracer.finish(timeout: .seconds(10))
        let lines = (try String(contentsOfFile: report, encoding: .utf8)).split(separator: "\n")
        // "100.00    0.123456           3     36000       12 total"
        guard let total = lines.last(where: { $0.hasSuffix(" total") })?.split(separator: " "), total.count >= 4,
            let calls = Double(total[3])
        else { throw TestSupportError("strace counted nothing: \(lines)") }
        print("system calls for each of \(exchanges): \(calls / Double(exchanges))")
        return calls / Double(exchanges)
    }
}
