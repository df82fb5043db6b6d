//===----------------------------------------------------------------------===//
// Quartermaster: async services that are driven in this process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import AsyncServices
import Glibc
import ServerSkeleton
import Synchronization

/// Of all clients and tasks of one loop.
@LoopActor var promises = 0

/// Keeps a promise for each line: `MILLISECONDS TEXT`. Says in the log what becomes of a client.
final class Keeper: AsyncService {
    static let longest = Parameter.integer("keeper_limit", default: 100_000, min: 1)
    static var parameters: [any ServiceParameter] { [longest] }
    static let maximumRequestSize = 100

    private let log: ServiceLog
    private let limit: Int
    private var kept = 0

    init(_ context: inout ServiceContext) {
        log = context.log
        limit = context.value(of: Self.longest)
        promises = 0
        log.info("arguments: \(context.arguments.joined(separator: " "))")
    }

    func serve(_ connection: AsyncConnection) async throws {
        defer { log.info("served\(Task.isCancelled ? ", cancelled" : "")") }
        try await withThrowingTaskGroup(of: Void.self) { group in
            while try await connection.hasRequest(within: .seconds(600)) {
                guard let line = try await connection.line() else { break }
                let words = line.split(separator: " ", maxSplits: 1).map(String.init)
                guard words.count == 2, let time = Int(words[0]), time <= limit else {
                    try await connection.write("what?\n")
                    continue
                }
                promises += 1
                group.addTask { try await self.keep(words[1], .milliseconds(time), connection) }
            }
            try await group.waitForAll()
        }
    }

    private func keep(_ text: String, _ time: Duration, _ connection: AsyncConnection) async throws {
        defer { promises -= 1 }
        try await sleep(for: time)
        kept += 1
        try await connection.write("\(text) \(promises)\n")
    }

    func willExit() { log.info("exit, \(kept) kept") }
}

/// Everything that may suspend, by the word that a client sends.
struct Waiter: AsyncService {
    static let maximumPendingOutput = 16 * 1024
    static var timeToFinish: Duration { .seconds(20) }

    private let log: ServiceLog

    init(_ context: inout ServiceContext) { log = context.log }

    func serve(_ connection: AsyncConnection) async throws {
        do {
            for try await line in connection.lines { try await answer(line, connection) }
        } catch {
            log.info("\(error)\(Task.isCancelled ? ", cancelled" : "")")
            throw error
        }
        log.info("end of lines")
    }

    private func answer(_ line: String, _ connection: AsyncConnection) async throws {
        let words = line.split(separator: " ").map(String.init)
        let number = words.count > 1 ? Int(words[1]) ?? 0 : 0
        switch words.first {
        case "sleep": try await Task.sleep(for: .milliseconds(number))
        case "clock": try await ContinuousClock().sleep(for: .milliseconds(number))
        case "deadline":
            do {
                try await withDeadline(.milliseconds(number)) { try await sleep(for: .seconds(60)) }
            } catch is DeadlineExceeded {
                return try await connection.write("too late\n")
            }
        case "within": _ = try await connection.line(within: .milliseconds(number))
        case "detached":
            let value = await Task.detached {
                await Task.yield()
                return await Elsewhere().count(number)
            }.value
            return try await connection.write("\(value)\n")
        case "thread": await resumedByThread()
        case "finish":
            connection.finishOutput()
            try await sleep(for: .seconds(1))
            return log.info("finished \(number)")
        case "close":
            _ = try await connection.next { input in
                connection.close()
                return (value: (), size: input.byteCount)
            }
            return log.info("closed")
        case "big":
            try await connection.write([UInt8](repeating: 0x78, count: number))
            log.info("written")
            return
        case "stubborn": while true { await Task.yield() }
        case "forever":
            do {
                try await sleep(for: .seconds(1_000_000))
            } catch {
                log.info("cancelled")
                throw error
            }
        case "upstream":
            guard let address = NetworkAddress(unixPath: words[1]) else { break }
            return try await withConnection(to: address, within: .seconds(5)) { other in
                try await other.write("from \(line)\n")
                try await connection.write(try await other.line() ?? "nothing")
            }
        default: break
        }
        try await connection.write("\(line)\n")
    }
}

/// Each client waits for the test's own thread, and gets an answer, or an error, then.
struct Held: AsyncService {
    private struct Failure: Error {}

    nonisolated static let waiting = Mutex<[UnsafeContinuation<Void, Never>]>([])
    /// How many of them have gone on.
    nonisolated static let resumed = Mutex(0)

    init(_ context: inout ServiceContext) {}

    func serve(_ connection: AsyncConnection) async throws {
        let line = try await connection.line()
        try await withDeadline(.seconds(100)) {
            await withUnsafeContinuation { continuation in Self.waiting.withLock { $0.append(continuation) } }
        }
        Self.resumed.withLock { $0 += 1 }
        if line == "fail" { throw Failure() }
        try await connection.write("late\n")
    }
}

/// An actor of its own, and what hops to others.
actor Elsewhere {
    private var total = 0

    func count(_ number: Int) async -> Int {
        for _ in 0..<number { total += await half() + half() }
        return total / 2
    }

    @concurrent private func half() async -> Int { 1 }
}

/// As a library does that has threads of its own.
private func resumedByThread() async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        let box = Unmanaged.passRetained(Resumption(continuation))
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                usleep(20_000)
                Unmanaged<Resumption>.fromOpaque(argument).takeRetainedValue().continuation.resume()
                return nil
            },
            box.toOpaque()
        )
        precondition(result == 0)
        pthread_detach(thread)
    }
}

private final class Resumption: @unchecked Sendable {
    let continuation: UnsafeContinuation<Void, Never>

    init(_ continuation: UnsafeContinuation<Void, Never>) { self.continuation = continuation }
}

/// Takes clients in its own time: nobody for a minute, two then, and none from then on.
final class Latecomer: AsyncService {
    private let log: ServiceLog

    init(_ context: inout ServiceContext) { log = context.log }

    func run(_ connections: AsyncConnections) async throws {
        try await sleep(for: .seconds(60))
        for _ in 0..<2 {
            guard let connection = await connections.next() else { return }
            connection.start { try await self.serve($0) }
        }
    }

    func serve(_ connection: AsyncConnection) async throws {
        do {
            // Longer than anybody waits for who is gone.
            try await sleep(for: .seconds(1000))
        } catch {
            log.info("cancelled")
            throw error
        }
        try await connection.write("at last\n")
    }
}
