//===----------------------------------------------------------------------===//
// Quartermaster: a run in progress
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What the live view shows.
package struct LiveState: Sendable {
    package enum Stage: String, Sendable {
        case warmUp = "warm-up", measuring, draining
    }

    /// `LoadSetup.line`, for example.
    package var title: String
    package var stage: Stage = .measuring
    /// From 1 on, of how many.
    package var run = 1
    package var runs = 1
    /// Seconds of this stage.
    package var elapsed: Double = 0
    package var planned: Double?
    /// Exchanges that end this stage.
    package var plannedExchanges: Int?
    /// So far.
    package var ledger = LedgerReport(opened: 0, connections: 0, answered: 0, refused: 0)
    /// Connections open now.
    package var open = 0
    /// In order; only as many as fit are shown.
    package var intervals: [IntervalReport] = []
    /// Of the whole exchange; empty: nothing yet.
    package var percentiles: [LivePercentile] = []
    /// The busiest thread of the generator, 0 to 1, since the last redraw.
    package var busiestThread: Double?
    /// CPU of the server for an exchange, so far.
    package var serverMicroseconds: Double?

    package init(title: String) { self.title = title }

    /// How far the stage is, 0 to 1; nil: not known.
    package var progress: Double? {
        var shares: [Double] = []
        if let planned, planned > 0 { shares.append(elapsed / planned) }
        if let plannedExchanges, plannedExchanges > 0 {
            shares.append(Double(ledger.opened) / Double(plannedExchanges))
        }
        return shares.max().map { min(max($0, 0), 1) }
    }
}

package struct LivePercentile: Equatable, Sendable {
    /// `99.9`, `max`.
    package var name: String
    package var nanoseconds: Int64

    package init(name: String, nanoseconds: Int64) {
        self.name = name
        self.nanoseconds = nanoseconds
    }
}
