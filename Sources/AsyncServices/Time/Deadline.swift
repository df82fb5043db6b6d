//===----------------------------------------------------------------------===//
// Quartermaster: work that has to be done in time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Work was not done in time.
public struct DeadlineExceeded: Error, CustomStringConvertible {
    public init() {}

    public var description: String { "deadline exceeded" }
}

/// Runs `body` and returns what it returns. When `limit` is over before, `body` is cancelled; once it has ended, this
/// throws `DeadlineExceeded`. It does not return before `body` has: what does not heed cancellation is waited for.
///
/// A wait of a connection has a deadline of its own, `within:`, which costs no task.
@LoopActor public func withDeadline<Value: Sendable>(
    _ limit: Duration,
    _ body: @escaping @LoopActor () async throws -> Value
) async throws -> Value {
    let work = LoopExecutor.begin { () -> Result<Value, any Error> in
        do { return .success(try await body()) } catch { return .failure(error) }
    }
    let course = Course()
    let alarm = LoopExecutor.shared.waits.add(at: LoopClock.now.advanced(by: limit)) {
        course.isTooLate = true
        work.cancel()
    }
    let result = await withTaskCancellationHandler {
        await work.value
    } onCancel: {
        work.cancel()
    }
    LoopExecutor.shared.waits.remove(alarm)
    if course.isTooLate, case .failure = result { throw DeadlineExceeded() }
    return try result.get()
}

/// What became of a deadline.
private final class Course {
    var isTooLate = false
}
