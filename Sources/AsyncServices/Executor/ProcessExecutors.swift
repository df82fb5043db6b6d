//===----------------------------------------------------------------------===//
// Quartermaster: the loop as the executor of the whole process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// Without this, `Task.sleep`, `Task.detached`, `@concurrent`, actors and the main actor would run on threads that
// Dispatch starts. A process may say what runs them instead; Swift 6.3 has that as an experiment ("custom main and
// global executors"), under names that a later version may change. So it stands in this file alone, and for the
// versions that it was tested with (`AsyncThreadTests`). With others, what `LoopActor` isolates is on the loop as well,
// with the actors that it calls; the rest hops to other threads and back, which is as safe, and slower; and nobody runs
// the main actor.

#if compiler(<6.4)
@_spi(ExperimentalCustomExecutors) @_spi(ExperimentalScheduling) import _Concurrency

extension LoopExecutor: SchedulingExecutor, MainExecutor {
    /// `Task.sleep` of a task on the loop, and `sleep` of the clocks that it uses.
    func enqueue<C: Clock>(
        _ job: consuming ExecutorJob,
        after delay: C.Duration,
        tolerance: C.Duration?,
        clock: C
    ) {
        guard let delay = delay as? Duration else { preconditionFailure("a clock of \(C.Duration.self)") }
        let moment = LoopClock.now.advanced(by: delay).nanoseconds
        // What has passed on the real clock since the caller asked, a test does not want to know.
        enqueue(job, at: standsStill ? now + (moment - now + 999_999) / 1_000_000 * 1_000_000 : moment)
    }

    /// For a program that hands over its main thread to the main actor. Ours is the loop's.
    func run() { preconditionFailure("the event loop runs the main actor") }

    func stop() {}
}

/// The loop runs everything.
private struct LoopExecutors: ExecutorFactory {
    static var mainExecutor: any MainExecutor { LoopExecutor.shared }
    static var defaultExecutor: any TaskExecutor { LoopExecutor.shared }
}

extension LoopExecutor {
    /// Called once, before anything of the process is a task.
    static func takeOver() { _createExecutors(factory: LoopExecutors.self) }

    /// A task on the loop; all of them are.
    static func begin<Value: Sendable>(_ body: @escaping @LoopActor () async -> Value) -> Task<Value, Never> {
        Task { await body() }
    }
}
#else
extension LoopExecutor {
    static func takeOver() {}

    /// A task on the loop. What it begins, and the actors that it calls, stay there with it.
    static func begin<Value: Sendable>(_ body: @escaping @LoopActor () async -> Value) -> Task<Value, Never> {
        Task(executorPreference: shared) { await body() }
    }
}
#endif
