//===----------------------------------------------------------------------===//
// Quartermaster: what could make a process have a second thread
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import AsyncServices
import Glibc

/// Threads that this process has at the moment.
func threadCount() -> Int {
    guard let directory = opendir("/proc/self/task") else { return -1 }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    // Without "." and "..".
    return count - 2
}

/// An actor without an executor of its own.
private actor Counter {
    private var count = 0
    private(set) var threads = 1

    func step() -> Int {
        count += 1
        threads = max(threads, threadCount())
        return count
    }
}

@MainActor private var mainCount = 0

@MainActor private func stepOnMain() -> Int {
    mainCount += 1
    return threadCount()
}

@concurrent private func elsewhere() async -> Int { threadCount() }

/// Everything of Swift's concurrency that hops to another thread in an ordinary program.
enum Spread {
    /// With so many child tasks; the most threads that were seen.
    static func run(_ count: Int) async throws -> String {
        let counter = Counter()
        var most = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<count {
                group.addTask {
                    _ = await counter.step()
                    switch number % 5 {
                    case 0: try await Task.sleep(for: .milliseconds(2))
                    case 1: try await ContinuousClock().sleep(for: .milliseconds(2))
                    case 2: try await AsyncServices.sleep(for: .milliseconds(2))
                    case 3: try await SuspendingClock().sleep(for: .milliseconds(2))
                    default: await Task.yield()
                    }
                    return threadCount()
                }
            }
            var most = 0
            for try await threads in group { most = max(most, threads) }
            return most
        }
        most = max(most, await counter.threads, await stepOnMain(), await elsewhere())
        most = max(most, await Task.detached { threadCount() }.value)
        async let first = elsewhere()
        async let second = counter.step()
        most = max(most, await first)
        return "\(await second) steps, \(most) threads"
    }
}

/// A continuation that a thread of somebody else's resumes.
func resumedOutside(after milliseconds: UInt32) async -> String {
    let isOutside: Bool = await withUnsafeContinuation { continuation in
        let caller = pthread_self()
        let box = Unmanaged.passRetained(Box(continuation, caller, milliseconds))
        var thread = pthread_t()
        let result = pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                let box = Unmanaged<Box>.fromOpaque(argument).takeRetainedValue()
                usleep(box.milliseconds * 1000)
                box.continuation.resume(returning: pthread_equal(pthread_self(), box.caller) == 0)
                return nil
            },
            box.toOpaque()
        )
        precondition(result == 0)
        pthread_detach(thread)
    }
    return isOutside ? "back" : "never away"
}

private final class Box: @unchecked Sendable {
    let continuation: UnsafeContinuation<Bool, Never>
    let caller: pthread_t
    let milliseconds: UInt32

    init(_ continuation: UnsafeContinuation<Bool, Never>, _ caller: pthread_t, _ milliseconds: UInt32) {
        self.continuation = continuation
        self.caller = caller
        self.milliseconds = milliseconds
    }
}
