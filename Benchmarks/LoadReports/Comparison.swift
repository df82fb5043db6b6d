//===----------------------------------------------------------------------===//
// Quartermaster: two records side by side
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What became of the figures between two records of the same load: for each the medians, the change, and whether it is
/// more than the noise of repeated runs.
package struct Comparison: Codable, Equatable, Sendable {
    package static let currentSchema = 1

    package enum Verdict: String, Codable, Sendable {
        case better, worse
        case noDifferenceShown = "no difference shown"
        case tooFewRuns = "too few runs to tell"
    }

    package var schema = Self.currentSchema
    package var baseline: LoadSetup
    package var candidate: LoadSetup
    package var baselineRuns: Int
    package var candidateRuns: Int
    package var lines: [ComparedFigure]
    /// Why the two may not be comparable.
    package var warnings: [String]

    /// `minimumEffect`: the smallest change worth a verdict, as a share; nil: each figure's own, since tails are
    /// noisier.
    package init(baseline: LoadRecord, candidate: LoadRecord, minimumEffect: Double? = nil) {
        self.baseline = baseline.setup
        self.candidate = candidate.setup
        baselineRuns = baseline.runs.count
        candidateRuns = candidate.runs.count
        warnings = Self.differences(baseline, candidate)
        lines = ComparedFigure.Name.allCases.compactMap { name in
            ComparedFigure(name, baseline.runs, candidate.runs, minimumEffect: minimumEffect ?? name.minimumEffect)
        }
    }

    /// Worse when anything is; better when something is and nothing is worse.
    package var verdict: Verdict {
        let verdicts = Set(lines.map(\.verdict))
        for verdict in [Verdict.worse, .better, .noDifferenceShown] where verdicts.contains(verdict) { return verdict }
        return .tooFewRuns
    }

    /// 2: something is worse.
    package var exitStatus: Int32 { verdict == .worse ? 2 : 0 }
}

/// One figure of both.
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
    /// (candidate - baseline) / baseline; nil when the baseline is 0.
    package var change: Double?
    /// How often chance alone would do this; nil with too few runs.
    package var probability: Double?
    package var verdict: Comparison.Verdict

    /// Below this probability a difference counts as shown.
    package static let significance = 0.05
    /// With fewer runs on a side, no order of them is unlikely enough.
    package static let fewestRuns = 4

    /// Nil when one side has no such figure.
    init?(_ name: Name, _ baseline: [RunReport], _ candidate: [RunReport], minimumEffect: Double) {
        let (old, new) = (baseline.compactMap(name.value), candidate.compactMap(name.value))
        if old.isEmpty || new.isEmpty { return nil }
        self.name = name
        self.baseline = median(old)
        self.candidate = median(new)
        baselineRuns = old.count
        candidateRuns = new.count
        change = self.baseline > 0 ? (self.candidate - self.baseline) / self.baseline : nil
        let suffice = min(old.count, new.count) >= Self.fewestRuns
        probability = suffice ? RankTest.probability(old, new) : nil
        verdict = .tooFewRuns
        if let probability { verdict = judge(probability, minimumEffect) }
    }

    private func judge(_ probability: Double, _ minimumEffect: Double) -> Comparison.Verdict {
        let effect = abs(change ?? (candidate == baseline ? 0 : .infinity))
        if probability >= Self.significance || effect < minimumEffect || candidate == baseline {
            return .noDifferenceShown
        }
        return (candidate > baseline) == name.isBetterWhenLarger ? .better : .worse
    }
}

extension ComparedFigure.Name {
    package var unit: String {
        switch self {
        case .rate: "/s"
        case .p50, .p99, .p999: "µs"
        case .serverCPU: "µs/exchange"
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
        case .p50: run.microseconds(atPercentile: 50)
        case .p99: run.microseconds(atPercentile: 99)
        case .p999: run.microseconds(atPercentile: 99.9)
        case .serverCPU: run.serverMicroseconds
        }
    }
}
