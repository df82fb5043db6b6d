//===----------------------------------------------------------------------===//
// Quartermaster: which of many async services under test has the loop
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServiceTesting
import Synchronization

/// Who holds it has the `LoopActor` of this process, until it is let go. Waits without a thread, so that tests that
/// hold one may wait for whatever they like.
final class LoopTurn: Sendable {
    private struct Queue {
        var isTaken = false
        var waiting: [(number: Int, continuation: CheckedContinuation<Bool, Never>)] = []
        var lastNumber = 0
    }

    private static let queue = Mutex(Queue())
    private static let patience = Duration.seconds(900)

    private init() {}

    /// Waits for it.
    static func next() async throws -> LoopTurn {
        let number = Self.queue.withLock { queue in
            queue.lastNumber += 1
            return queue.lastNumber
        }
        let alarm = Task {
            try await Task.sleep(for: Self.patience)
            Self.giveUp(number)
        }
        defer { alarm.cancel() }
        let isOurs = await withTaskCancellationHandler {
            await withCheckedContinuation { Self.enter(number, $0) }
        } onCancel: {
            Self.giveUp(number)
        }
        if isOurs { return LoopTurn() }
        try Task.checkCancellation()
        throw ServiceTestError("another async service is under test, and there is one at a time: let go of that first")
    }

    deinit { Self.goOn() }

    private static func enter(_ number: Int, _ continuation: CheckedContinuation<Bool, Never>) {
        let answer: Bool? = queue.withLock { queue in
            if !queue.isTaken {
                queue.isTaken = true
                return true
            }
            // It is cancelled before it is given up.
            if Task.isCancelled { return false }
            queue.waiting.append((number, continuation))
            return nil
        }
        if let answer { continuation.resume(returning: answer) }
    }

    private static func giveUp(_ number: Int) {
        let waiting = queue.withLock { queue in
            queue.waiting.firstIndex { $0.number == number }.map { queue.waiting.remove(at: $0) }
        }
        waiting?.continuation.resume(returning: false)
    }

    /// The next one has it.
    private static func goOn() {
        let next = queue.withLock { queue in
            queue.isTaken = !queue.waiting.isEmpty
            return queue.waiting.isEmpty ? nil : queue.waiting.removeFirst()
        }
        next?.continuation.resume(returning: true)
    }
}
