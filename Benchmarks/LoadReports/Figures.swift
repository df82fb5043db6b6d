//===----------------------------------------------------------------------===//
// Quartermaster: figures that are computed from what was measured
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

extension PhaseReport {
    /// As a report names it.
    package var title: String {
        switch name {
        case .total: "whole exchange"
        case .firstByte: "to the first byte"
        case .connect, .exchange, .close: name.rawValue
        }
    }

    /// Nil when there are too few values to carry this percentile.
    package func carried(atPercentile level: Double) -> Int64? {
        count >= PercentileLevel.fewestValues(for: level) ? value(atPercentile: level) : nil
    }

    var percentiles: Percentiles { Percentiles(count: count, value) }

    /// For a table; `-` for what the number of values does not carry.
    func text(atPercentile level: Double) -> String { carried(atPercentile: level).map { duration($0) } ?? "-" }
}

extension RunReport {
    package func phase(_ name: PhaseReport.Name) -> PhaseReport? {
        phases.first { $0.name == name && $0.count > 0 }
    }

    /// Of the whole exchange, in nanoseconds; nil when too few were answered.
    func nanoseconds(atPercentile level: Double) -> Double? {
        phase(.total)?.carried(atPercentile: level).map(Double.init)
    }

    /// CPU of the server for one exchange; nil when it was not watched, or nothing was answered.
    package var serverMicroseconds: Double? {
        ledger.answered > 0 ? server?.microseconds(perExchangeOf: ledger) : nil
    }

    /// The generator's own CPU for one exchange; nil when nothing was answered.
    package var generatorMicroseconds: Double? {
        ledger.answered > 0
            ? (generator.userSeconds + generator.systemSeconds) * 1e6 / Double(ledger.answered) : nil
    }
}

extension LedgerReport {
    /// Failures that occurred, most frequent first.
    package var failures: [(name: String, count: Int)] {
        failed.filter { $0.value != 0 }.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { ($0.key, $0.value) }
    }

    /// The sum that proves that nothing was lost.
    package var account: String {
        var sum = "ledger: opened \(opened) = answered \(answered) + refused \(refused)"
        for failure in failures { sum += " + \(printable(failure.name)) \(failure.count)" }
        return addsUp ? sum : sum + " + UNACCOUNTED \(unaccounted)"
    }
}
