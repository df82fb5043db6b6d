//===----------------------------------------------------------------------===//
// Quartermaster: what the tests of loads share
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadGeneration
import LoadReports
import TestSupport

/// A run of `exchanges` against what the test set up.
func load(
    _ shape: LoadShape,
    _ target: Target,
    _ script: Script,
    clients: Int = 4,
    exchanges: Int = 40,
    seconds: Double = 600,
    timeout: Double = 60,
    _ change: (inout LoadPlan) -> Void = { _ in }
) throws -> RunReport {
    let limit = LoadLimit(exchanges: exchanges, nanoseconds: Int64(seconds * 1e9))
    var plan = LoadPlan(shape: shape, target: target, script: script, clients: clients, limit: limit)
    plan.timeoutNanoseconds = Int64(timeout * 1e9)
    change(&plan)
    return try LoadRun(plan).run()
}

/// The report of the first of some scales of time at which it is right, or that of the last: what is about a short time
/// needs a longer one where this machine stands still for a while.
func atSomeScale(_ run: (Double) throws -> RunReport, where isRight: (RunReport) -> Bool) rethrows -> RunReport {
    for scale in [1.0, 5, 25] {
        let report = try run(scale)
        if isRight(report) { return report }
    }
    return try run(100)
}

let ping = Script(request: Array("ping\n".utf8), reply: Pattern(exactly: Array("ping\n".utf8)))

extension RunReport {
    subscript(outcome: Outcome) -> Int {
        switch outcome {
        case .answered: ledger.answered
        case .refused: ledger.refused
        default: ledger.failed[outcome.name] ?? 0
        }
    }
}

/// Words that several threads write down.
final class Notes: @unchecked Sendable {
    private let lock = NSLock()
    private var notes: [String] = []

    /// Returns how many there are with this one.
    @discardableResult
    func add(_ note: String) -> Int {
        lock.withLock {
            notes.append(note)
            return notes.count
        }
    }
    var all: [String] { lock.withLock { notes } }
    func clear() { lock.withLock { notes = [] } }
}

/// The IPv4 address of the connected client, as hexadecimal digits.
func peerHost(_ client: Int32) -> String {
    var address = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(client, $0, &size) }
    }
    return String(UInt32(bigEndian: address.sin_addr.s_addr), radix: 16)
}

/// `bench-accept serve` in a process of its own, ended with this value.
final class Served {
    private let process: RunningProcess
    var pid: Int32 { process.pid }

    init(_ options: String...) throws {
        process = try RunningProcess([BuiltProducts.path("bench-accept"), "serve"] + options)
        // It says so when a load can begin.
        let process = process
        guard eventually(within: patience, { process.output.hasPrefix("serving ") }) else {
            throw TestSupportError("serve does not serve: \(process.output)")
        }
    }

    /// Ends it with SIGTERM.
    func finish() -> ProcessResult {
        process.send(SIGTERM)
        return process.finish(timeout: patience)
    }

    deinit { process.end() }
}
