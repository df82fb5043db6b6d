//===----------------------------------------------------------------------===//
// Quartermaster: one figure of two records
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

package struct ComparedFigure: Codable, Equatable, Sendable {
    package enum Name: String, Codable, CaseIterable, Sendable {
        case rate, p50, p99
        case p999 = "p99.9"
        case serverCPU = "server CPU"
    }

    package var name: Name
    /// Medians of the runs, in `name.unit`.
    package var baseline: Double
    package var candidate: Double
    /// How many runs had this figure.
    package var baselineRuns: Int
    package var candidateRuns: Int
    /// By turns, the median of the changes within the rounds, else that between the medians; as a share of the
    /// baseline, nil when that is 0.
    package var change: Double?
    /// Half of the rounds changed by no less and no more than this.
    package var lowerQuartile: Double?
    package var upperQuartile: Double?
    /// How often chance alone would do this to any of the figures; nil with too few rounds.
    package var probability: Double?
    /// Whether the change was the same from the first rounds to the last; nil with too few rounds.
    package var isSteady: Bool?
    package var verdict: Comparison.Verdict

    /// Below this probability a difference counts as shown.
    package static let significance = 0.05
    /// With fewer rounds no order of them is unlikely enough for five figures: 2 × 0.5⁸ × 5 < 0.05.
    package static let fewestRounds = 8

    /// Nil when one side has no such figure. The probability is this figure's alone.
    init?(_ name: Name, _ baseline: [RunReport], _ candidate: [RunReport], _ order: Comparison.Order) {
        let (old, new) = (baseline.compactMap(name.value), candidate.compactMap(name.value))
        if old.isEmpty || new.isEmpty { return nil }
        self.name = name
        (self.baseline, self.candidate) = (median(old), median(new))
        (baselineRuns, candidateRuns) = (old.count, new.count)
        switch order {
        case .apart:
            change = self.baseline > 0 ? (self.candidate - self.baseline) / self.baseline : nil
            verdict = .notByTurns
        case .byTurns:
            verdict = .tooFewRounds
            compare(Self.pairs(name, baseline, candidate))
        }
    }

    /// Of the rounds in which both have the figure.
    private static func pairs(_ name: Name, _ old: [RunReport], _ new: [RunReport]) -> [(Double, Double)] {
        zip(old, new).compactMap { old, new in
            guard let before = name.value(old), let after = name.value(new) else { return nil }
            return (before, after)
        }
    }

    private mutating func compare(_ pairs: [(old: Double, new: Double)]) {
        let changes = pairs.filter { $0.old > 0 }.map { ($0.new - $0.old) / $0.old }.sorted()
        if !changes.isEmpty {
            change = median(changes)
            lowerQuartile = changes[changes.count / 4]
            upperQuartile = changes[changes.count - 1 - changes.count / 4]
        }
        if pairs.count < Self.fewestRounds { return }
        // In proportion to both, so that the side that is called baseline makes no difference.
        let differences = pairs.map { $0.old == $0.new ? 0 : ($0.new - $0.old) / ($0.new + $0.old) }
        probability = SignedRankTest.probability(differences)
        isSteady = Steadiness.holds(differences)
    }

    /// `probability`: corrected for all figures that are compared.
    mutating func decide(_ probability: Double, minimumEffect: Double) {
        self.probability = probability
        let effect = change ?? (candidate == baseline ? 0 : candidate > baseline ? .infinity : -.infinity)
        if probability >= Self.significance || abs(effect) < minimumEffect || effect == 0 {
            verdict = .noDifferenceShown
        } else if isSteady == false {
            verdict = .notSteady
        } else {
            verdict = (effect > 0) == name.isBetterWhenLarger ? .better : .worse
        }
    }
}

extension ComparedFigure.Name {
    package var unit: String {
        switch self {
        case .rate: "/s"
        case .p50, .p99, .p999: "ns"
        case .serverCPU: "µs/exchange"
        }
    }

    /// With its unit.
    func text(_ value: Double) -> String {
        switch self {
        case .rate: fixed(value, 1) + "/s"
        case .p50, .p99, .p999: duration(Int64(value))
        case .serverCPU: fixed(value, 2) + " µs"
        }
    }

    var isBetterWhenLarger: Bool { self == .rate }

    /// Smaller changes are of no interest even when they are real.
    package var minimumEffect: Double {
        switch self {
        case .rate, .serverCPU: 0.02
        case .p50: 0.03
        case .p99: 0.05
        case .p999: 0.1
        }
    }

    func value(_ run: RunReport) -> Double? {
        switch self {
        case .rate: run.rate
        case .p50: run.nanoseconds(atPercentile: 50)
        case .p99: run.nanoseconds(atPercentile: 99)
        case .p999: run.nanoseconds(atPercentile: 99.9)
        case .serverCPU: run.serverMicroseconds
        }
    }
}
