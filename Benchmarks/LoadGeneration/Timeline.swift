//===----------------------------------------------------------------------===//
// Quartermaster: the timeline of a run, made of what its workers deliver
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import LoadReports
import SystemCalls

/// Adds up the workers' deliveries, interval after interval.
struct Timeline {
    private let start: Int64
    private var last: Int64
    private var ledger = Ledger()
    private var spent: [Int64]
    private(set) var soFar = LoadSoFar()

    /// - Parameter spent: each worker's CPU until `start`.
    init(from start: Int64, spent: [Int64]) {
        self.start = start
        last = start
        self.spent = spent
    }

    /// Closes an interval. One that is short is counted to the one before it, since it would say nothing.
    mutating func close(_ deliveries: [Delivery], at now: Int64, isShort: Bool) {
        var (sum, total, open) = (Ledger(), Latencies(isCoarse: true), 0)
        for delivery in deliveries {
            sum.add(delivery.ledger)
            total.add(delivery.total)
            open += delivery.open
        }
        var report = IntervalReport(
            at: Double(now - start) / 1e9,
            seconds: Double(now - last) / 1e9,
            answered: sum[.answered] - ledger[.answered],
            refused: sum[.refused] - ledger[.refused],
            failed: sum.failures - ledger.failures,
            percentiles: total.percentiles,
            open: open
        )
        if isShort, let before = soFar.intervals.popLast() { report.takeOver(before) }
        soFar.intervals.append(report)
        soFar.ledger = sum.report
        soFar.total.add(total)
        soFar.busiestThread = busiest(deliveries, nanoseconds: now - last)
        ledger = sum
        last = now
    }

    private mutating func busiest(_ deliveries: [Delivery], nanoseconds: Int64) -> Double {
        var most = 0.0
        for (index, delivery) in deliveries.enumerated() {
            most = max(most, Double(delivery.spentNanoseconds - spent[index]) / Double(max(nanoseconds, 1)))
            spent[index] = delivery.spentNanoseconds
        }
        return min(most, 1)
    }

    mutating func noteDraining() { soFar.isDraining = true }
}

extension IntervalReport {
    /// Adds a longer interval before this one; its percentiles stand for both.
    fileprivate mutating func takeOver(_ before: IntervalReport) {
        seconds += before.seconds
        answered += before.answered
        refused += before.refused
        failed += before.failed
        let largest = [percentiles.max, before.percentiles.max].compactMap(\.self).max()
        percentiles = before.percentiles
        percentiles.max = largest
    }
}
