//===----------------------------------------------------------------------===//
// Quartermaster: the clock of the event loop, for tasks
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The clock that the timers of the event loop go by: it never jumps, and stands still while the machine is suspended.
/// Its `sleep` is a timer of the loop, to the millisecond; it starts no thread and no task.
public struct LoopClock: _Concurrency.Clock, Sendable {
    public struct Instant: InstantProtocol, Sendable {
        /// Since some moment.
        let nanoseconds: Int64

        public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

        /// Three hundred years are as good as more.
        public func advanced(by duration: Duration) -> Instant {
            let (seconds, attoseconds) = duration.components
            let (whole, isTooLong) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            if isTooLong { return Instant(nanoseconds: seconds < 0 ? 0 : .max) }
            let (second, isTooFar) = nanoseconds.addingReportingOverflow(whole)
            let (moment, isJustTooFar) = second.addingReportingOverflow(attoseconds / 1_000_000_000)
            return Instant(nanoseconds: isTooFar || isJustTooFar ? (seconds < 0 ? 0 : .max) : moment)
        }

        public func duration(to other: Instant) -> Duration { .nanoseconds(other.nanoseconds - nanoseconds) }
    }

    public init() {}

    public static var now: Instant { Instant(nanoseconds: LoopExecutor.shared.now) }

    public var now: Instant { Self.now }

    public var minimumResolution: Duration { .milliseconds(1) }

    /// Returns when `deadline` has come, or throws `CancellationError` as soon as the task is cancelled.
    public func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        try await Waits.sleep(until: deadline)
    }
}

extension _Concurrency.Clock where Self == LoopClock {
    /// `Task.sleep(until:clock: .loop)`.
    public static var loop: LoopClock { LoopClock() }
}

extension Duration {
    /// Whole milliseconds, as many as there is room for: what waits takes any number.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, isTooLong) = seconds.multipliedReportingOverflow(by: 1000)
        if isTooLong { return seconds < 0 ? .min : .max }
        let (sum, isStillTooLong) = whole.addingReportingOverflow(attoseconds / 1_000_000_000_000_000)
        return isStillTooLong ? whole : sum
    }
}

/// Suspends the task for `duration`, on the clock of the event loop.
public func sleep(for duration: Duration) async throws {
    try await Waits.sleep(until: LoopClock.now.advanced(by: duration))
}
