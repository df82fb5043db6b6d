//===----------------------------------------------------------------------===//
// Quartermaster: when a measurement counts as failed
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

/// A condition of the command line, such as `p99>10ms`: if it is true of any run, the measurement has failed.
package struct FailureCondition: Equatable, Sendable {
    /// What is looked at.
    enum Figure: Equatable, Sendable {
        /// 0 to 100.
        case percentile(PhaseReport.Name, Double)
        case minimum(PhaseReport.Name)
        case maximum(PhaseReport.Name)
        case mean(PhaseReport.Name)
        case count(Count)
        case rate
        /// Of the server, for each exchange.
        case cpu
    }

    enum Count: String, CaseIterable, Sendable {
        case answered, connections, errors, late, opened, refused, retries, unaccounted
    }

    enum Relation: String, CaseIterable, Sendable {
        // The longer ones first: that is how they are looked for.
        case atLeast = ">=", atMost = "<=", above = ">", below = "<"

        func holds(_ value: Double, _ bound: Double) -> Bool {
            switch self {
            case .atLeast: value >= bound
            case .atMost: value <= bound
            case .above: value > bound
            case .below: value < bound
            }
        }
    }

    let text: String
    let figure: Figure
    let relation: Relation
    /// Nanoseconds, a count, a rate, or a share of the exchanges opened.
    let bound: Double
    let isShare: Bool

    /// One message for each run of which it is true, or of which it cannot be told: a check must not pass unseen.
    package func violations(in record: LoadRecord) -> [String] {
        if record.runs.isEmpty { return ["fail-if \(text): there was no run"] }
        return record.runs.enumerated().compactMap { index, run in
            let place = record.runs.count > 1 ? "run \(index + 1): " : ""
            return violation(in: run).map { "\(place)fail-if \(text): \($0)" }
        }
    }

    /// What is wrong with this run, with the value found; nil: nothing.
    package func violation(in run: RunReport) -> String? {
        guard let value = value(in: run) else { return "cannot be told: \(absence(in: run))" }
        return relation.holds(value, bound) ? "it is \(told(value))" : nil
    }

    private func value(in run: RunReport) -> Double? {
        switch figure {
        case .percentile(let phase, let level): run.phase(phase)?.carried(atPercentile: level).map(Double.init)
        case .minimum(let phase): run.phase(phase).map { Double($0.minimum) }
        case .maximum(let phase): run.phase(phase).map { Double($0.maximum) }
        case .mean(let phase): run.phase(phase)?.mean
        case .count(let count): isShare ? run.share(count) : Double(run.count(count))
        case .rate: run.rate
        case .cpu: run.serverMicroseconds.map { $0 * 1000 }
        }
    }

    private func absence(in run: RunReport) -> String {
        switch figure {
        case .percentile(let phase, let level) where run.phase(phase) != nil:
            "\(run.phase(phase)?.count ?? 0) exchanges are too few, it takes \(PercentileLevel.fewestValues(for: level))"
        case .cpu: "no server was watched (--pid), or nothing was answered"
        case .percentile(let phase, _), .minimum(let phase), .maximum(let phase), .mean(let phase):
            phase == .total ? "nothing was answered" : "there was no phase \"\(phase.rawValue)\""
        case .count, .rate: "nothing was opened"
        }
    }

    private func told(_ value: Double) -> String {
        switch figure {
        case .count: isShare ? fixed(value * 100, 4) + " %" : fixed(value, 0)
        case .rate: fixed(value, 1) + "/s"
        case .cpu: fixed(value / 1000, 2) + " µs per exchange"
        case .percentile, .minimum, .maximum, .mean: fixed(value / 1000, 1) + " µs"
        }
    }
}

extension RunReport {
    fileprivate func count(_ count: FailureCondition.Count) -> Int {
        switch count {
        case .answered: ledger.answered
        case .connections: ledger.connections
        case .errors: ledger.errors
        case .late: generator.lateStarts
        case .opened: ledger.opened
        case .refused: ledger.refused
        case .retries: ledger.retries
        case .unaccounted: abs(ledger.unaccounted)
        }
    }

    fileprivate func share(_ name: FailureCondition.Count) -> Double? {
        ledger.opened > 0 ? Double(count(name)) / Double(ledger.opened) : nil
    }
}
