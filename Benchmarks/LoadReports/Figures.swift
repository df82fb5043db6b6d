//===----------------------------------------------------------------------===//
// Quartermaster: which percentiles reports show, and what runs say of each
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A point of a distribution.
package struct PercentileLevel: Equatable, Sendable {
    /// As a report names it: `99.9`, `max`.
    package let name: String
    /// 0 to 100.
    package let level: Double

    /// What every report shows.
    package static let shown = [
        PercentileLevel(name: "50", level: 50), PercentileLevel(name: "90", level: 90),
        PercentileLevel(name: "99", level: 99), PercentileLevel(name: "99.9", level: 99.9),
        PercentileLevel(name: "99.99", level: 99.99), PercentileLevel(name: "99.999", level: 99.999),
        PercentileLevel(name: "max", level: 100),
    ]
}

extension PhaseReport {
    /// As a report names it.
    package var title: String {
        switch name {
        case .total: "whole exchange"
        case .firstByte: "to the first byte"
        case .connect, .exchange, .close: name.rawValue
        }
    }

    func microseconds(atPercentile level: Double) -> Double { Double(value(atPercentile: level)) / 1000 }
}

extension RunReport {
    package func phase(_ name: PhaseReport.Name) -> PhaseReport? {
        phases.first { $0.name == name && $0.count > 0 }
    }

    /// Nil when no exchange was answered.
    func microseconds(atPercentile level: Double) -> Double? {
        phase(.total)?.microseconds(atPercentile: level)
    }

    /// CPU of the server for one exchange; nil when nobody watched it, or nothing was answered.
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
