//===----------------------------------------------------------------------===//
// Quartermaster: an async service whose requests are lines that say what to do
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import AsyncServices
import Glibc
import ServerSkeleton

/// Echoes lines, except for those that ask for something special. Says in the log what becomes of a client.
final class CommandService: AsyncService {
    static let path = Parameter.string("test_upstream", default: "upstream", minLength: 1)
    static let finishSeconds = Parameter.integer("test_finish_seconds", default: 60, min: 0)
    static var parameters: [any ServiceParameter] { [path, finishSeconds] }
    static let usesPassAttributes = true
    static let maximumRequestSize = 4096
    static let maximumPendingOutput = 16 * 1024
    static var timeToFinish = Duration.seconds(60)

    struct Early: Preparation { let uid: UInt32 }

    private let log: ServiceLog
    private let upstream: NetworkAddress?
    /// Of the handlers, which share it without a lock.
    private var served = 0

    static func prepare(_ context: inout ServiceContext) -> Early { Early(uid: getuid()) }

    init(_ context: inout ServiceContext, prepared: consuming Early) {
        log = context.log
        upstream = NetworkAddress(unixPath: context.value(of: Self.path))
        Self.timeToFinish = .seconds(context.value(of: Self.finishSeconds))
        log.info("prepared by uid \(prepared.uid), made by uid \(getuid())")
    }

    func willExit() { log.info("hook exit after \(served)") }

    func serve(_ connection: AsyncConnection) async throws {
        defer { log.info("handler ended\(Task.isCancelled ? ", cancelled" : "")") }
        for try await line in connection.lines {
            served += 1
            let words = line.split(separator: " ").map(String.init)
            if words.first == "quit" { return try await connection.write("bye\n") }
            try await connection.write(try await answer(line, words, connection) + "\n")
        }
        log.info("lines ended")
    }

    private func answer(_ line: String, _ words: [String], _ connection: AsyncConnection) async throws -> String {
        let number = words.count > 1 ? Int(words[1]) ?? 0 : 0
        switch words.first {
        case "attributes":
            let attributes = connection.passAttributes
            return attributes?.names.map { "\($0)=\(attributes?[$0] ?? "")" }.joined(separator: " ") ?? "none"
        case "ids": return "\(getuid()) \(geteuid()) \(getgid())"
        case "threads": return "\(threadCount())"
        case "sleep":
            try await sleep(for: .milliseconds(number))
            return "slept"
        case "deadline":
            let work = words.count > 2 ? Int(words[2]) ?? 0 : 0
            do {
                return try await withDeadline(.milliseconds(number)) {
                    try await sleep(for: .milliseconds(work))
                    return "in time"
                }
            } catch is DeadlineExceeded {
                return "too late"
            }
        case "within":
            do {
                return try await connection.line(within: .milliseconds(number)) ?? "end"
            } catch ConnectionError.timedOut {
                return "silence"
            }
        case "spread": return try await Spread.run(number)
        case "outside": return await resumedOutside(after: UInt32(words.count > 1 ? number : 20))
        case "big": return try await big(number, connection)
        case "both": return try await both(number, connection)
        case "count": return try await count(number, connection)
        case "nap":
            // The client's bytes wait meanwhile: in the connection, then in the kernel, then at the client.
            try await sleep(for: .milliseconds(number))
            return "awake"
        case "spin": return await spin(number)
        case "wait": return await wait()
        case "stubborn":
            // What does not look at its cancellation.
            let end = LoopClock.now.advanced(by: .milliseconds(number))
            while LoopClock.now < end { await Task.yield() }
            return "done"
        case "ask": return try await ask(line)
        case "finish":
            try await connection.write("last words\n")
            connection.finishOutput()
            let rest = try await connection.line() ?? "nothing"
            log.info("after the last words: \(rest)")
            return ""
        case "fail": throw Failure()
        case "flush":
            try await connection.flush()
            return "flushed"
        default: return line
        }
    }

    private struct Failure: Error {}

    /// In pieces, as somebody sends who makes them one after the other.
    private func big(_ size: Int, _ connection: AsyncConnection) async throws -> String {
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 10_000)
        var left = size
        while left > 0 {
            try await connection.write(Array(piece.prefix(left)))
            left -= min(left, piece.count)
        }
        log.info("big is written")
        return ""
    }

    /// Two tasks write long runs of a letter each at the same time.
    private func both(_ size: Int, _ connection: AsyncConnection) async throws -> String {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for letter in [UInt8(ascii: "a"), UInt8(ascii: "b")] {
                group.addTask {
                    for _ in 0..<4 { try await connection.write([UInt8](repeating: letter, count: size) + [10]) }
                }
            }
            try await group.waitForAll()
        }
        return "done"
    }

    private func count(_ size: Int, _ connection: AsyncConnection) async throws -> String {
        var left = size
        var sum = 0
        while left > 0, let bytes = try await connection.read(upTo: left) {
            left -= bytes.count
            for byte in bytes { sum &+= Int(byte) }
        }
        return "\(size - left) bytes, sum \(sum)"
    }

    /// Is always ready to run.
    private func spin(_ milliseconds: Int) async -> String {
        let end = LoopClock.now.advanced(by: .milliseconds(milliseconds))
        var turns = 0
        while LoopClock.now < end, !Task.isCancelled {
            turns += 1
            await Task.yield()
        }
        return "\(turns > 0)"
    }

    /// For ever, unless somebody cancels it.
    private func wait() async -> String {
        log.info("begins to wait")
        do {
            try await sleep(for: .seconds(100_000))
            return "slept"
        } catch {
            log.info("waiting was cancelled")
            return "cancelled"
        }
    }

    private func ask(_ line: String) async throws -> String {
        guard let upstream else { return "no address" }
        do {
            return try await withConnection(to: upstream, within: .seconds(60)) { other in
                try await other.write(line.dropFirst(4) + "\n")
                return try await other.line() ?? "end"
            }
        } catch let error as ConnectionError {
            return error.description
        }
    }
}

/// Serves as many requests as come, and lets the process go when none does.
struct PoliteService: AsyncService {
    private let log: ServiceLog

    init(_ context: inout ServiceContext) { log = context.log }

    func serve(_ connection: AsyncConnection) async throws {
        while try await connection.hasRequest() {
            guard let first = try await connection.line(), let second = try await connection.line() else { return }
            try await connection.write("\(first)+\(second)\n")
        }
        log.info("dismissed, leaving \(LoopActor.isLeaving)")
    }
}
