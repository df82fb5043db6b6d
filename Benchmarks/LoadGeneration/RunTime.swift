//===----------------------------------------------------------------------===//
// Quartermaster: the moments of a run on one thread
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// The moments of a run on one thread, on the monotonic clock in nanoseconds.
struct RunTime: Sendable {
    /// How long a client waits that was turned away.
    static let rest: Int64 = 10_000_000
    /// How long an order may stay unseen.
    static let longestNap: Int64 = 10_000_000

    private let warmUp: Int64
    private let duration: Int64
    /// How often timeouts are looked after.
    private let sweepEvery: Int64

    private(set) var measureFrom: Int64 = 0
    /// No exchange begins from here on.
    private(set) var endAt: Int64 = .max
    var stoppedAt: Int64 = 0
    var nextSweep: Int64 = 0
    private(set) var spentBefore = ProcessorTime(userNanoseconds: 0, systemNanoseconds: 0)
    private(set) var spentFrom: Int64 = 0
    private(set) var isMeasuring = false

    init(plan: LoadPlan) {
        warmUp = plan.warmUpNanoseconds
        duration = plan.limit.nanoseconds
        sweepEvery = max(min(plan.timeoutNanoseconds / 10, 250_000_000), 1_000_000)
    }

    mutating func begin(at start: Int64) {
        measureFrom = start + warmUp
        endAt = duration == .max ? .max : measureFrom + duration
        noteWarmUp(at: start)
    }

    mutating func noteWarmUp(at now: Int64) {
        if isMeasuring || now < measureFrom { return }
        isMeasuring = true
        spentBefore = ProcessorTime.ofThisThread()
        spentFrom = now
    }

    /// Whether it is time to look after timeouts.
    mutating func takeSweep(at now: Int64) -> Bool {
        if now < nextSweep { return false }
        nextSweep = now + sweepEvery
        return true
    }
}
