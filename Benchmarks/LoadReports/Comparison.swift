//===----------------------------------------------------------------------===//
// Quartermaster: two records side by side
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What became of the figures between two records: for each the medians, the change, and, if both were measured by
/// turns, whether it is more than the noise.
package struct Comparison: Codable, Equatable, Sendable {
    package static let currentSchema = 3

    package enum Verdict: String, Codable, Sendable {
        case better, worse
        case noDifferenceShown = "no difference shown"
        /// The rounds differ, but not alike from the first to the last: it may be the machine that changed.
        case notSteady = "not steady"
        case tooFewRounds = "too few rounds to tell"
        /// Between two records taken one after the other the machine may have changed more than the server.
        case notByTurns = "not measured by turns"
    }

    /// How the runs of both lie in time.
    package enum Order: String, Codable, Sendable {
        /// One run of each in every round; who came first was drawn by lot.
        case byTurns = "by turns"
        case apart
    }

    package var schema = Self.currentSchema
    package var baseline: LoadSetup
    package var candidate: LoadSetup
    package var baselineRuns: Int
    package var candidateRuns: Int
    package var order: Order
    package var lines: [ComparedFigure]
    /// Why the two may not be comparable.
    package var warnings: [String]

    /// `minimumEffect`: the smallest change worth a verdict, as a share; nil: each figure's own, since tails are
    /// noisier.
    package init(baseline: LoadRecord, candidate: LoadRecord, order: Order, minimumEffect: Double? = nil) {
        self.baseline = baseline.setup
        self.candidate = candidate.setup
        baselineRuns = baseline.runs.count
        candidateRuns = candidate.runs.count
        self.order = order
        warnings = Self.differences(baseline, candidate, order)
        lines = ComparedFigure.Name.allCases.compactMap { name in
            ComparedFigure(name, baseline.runs, candidate.runs, order)
        }
        let probabilities = SignedRankTest.corrected(lines.map { $0.probability ?? 1 })
        for index in lines.indices where lines[index].probability != nil {
            let name = lines[index].name
            lines[index].decide(probabilities[index], minimumEffect: minimumEffect ?? name.minimumEffect)
        }
    }

    /// Worse when anything is; better when something is and nothing is worse.
    package var verdict: Verdict {
        let verdicts = Set(lines.map(\.verdict))
        for verdict in [Verdict.worse, .better, .notSteady, .noDifferenceShown] where verdicts.contains(verdict) {
            return verdict
        }
        return order == .byTurns ? .tooFewRounds : .notByTurns
    }

    /// In most runs of one side nothing was answered, or there is no run.
    private var isOfNothing: Bool {
        guard let rate = lines.first(where: { $0.name == .rate }) else { return true }
        return min(rate.baseline, rate.candidate) <= 0
    }

    /// 2: something is worse; 1: there was nothing to compare.
    package var exitStatus: Int32 { verdict == .worse ? 2 : isOfNothing ? 1 : 0 }
}
