//===----------------------------------------------------------------------===//
// Quartermaster: what one hears of a run while it is under way
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import LoadReports

/// What the starter of a run hears of it, in this order, on the thread that started it.
package enum LoadNews: Sendable {
    /// The warm-up is over, or there was none.
    case measuring
    /// About once a second while measuring.
    case interval(LoadSoFar)
    /// Every exchange has ended.
    case ended(isInterrupted: Bool)
}

/// Where a run stands.
package struct LoadSoFar: Sendable {
    /// In order; the last one is new.
    package var intervals: [IntervalReport] = []
    /// From the start of the measured part on.
    package var ledger = LedgerReport(opened: 0, connections: 0, answered: 0, refused: 0)
    /// Of whole exchanges, to two digits.
    package var total = Latencies(isCoarse: true)
    /// The busiest thread's share of a processor in the last interval.
    package var busiestThread = 0.0
    /// No exchange begins any more.
    package var isDraining = false

    package init() {}
}
