//===----------------------------------------------------------------------===//
// Quartermaster: a comparison for people and for programs
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

extension Comparison {
    package var table: String {
        var lines = [
            "baseline:  \(baseline.line), \(baselineRuns) run\(baselineRuns == 1 ? "" : "s")",
            "candidate: \(candidate.line), \(candidateRuns) run\(candidateRuns == 1 ? "" : "s")", "",
        ]
        lines += titles + self.lines.map(row)
        lines += [""] + contradictions.map { "note: \($0)" } + warnings.map { "warning: \($0)" }
        lines.append("verdict: \(verdict.rawValue)\(advice)")
        return lines.map { $0 + "\n" }.joined()
    }

    /// What is judged stands apart from what is told beside it.
    private var titles: [String] {
        switch order {
        case .byTurns:
            [
                Self.row("", ["median of", "all runs", "judged:", "changes within", "the rounds"], ""),
                Self.row("", ["baseline", "candidate", "median", "middle half", "chance"], "verdict"),
            ]
        case .apart:
            [Self.row("median of the runs", ["baseline", "candidate", "change", "middle half", "chance"], "verdict")]
        }
    }

    package func json() throws(RecordProblem) -> String { try jsonText(self) }

    private func row(_ line: ComparedFigure) -> String {
        Self.row(
            line.name.rawValue,
            [
                line.name.text(line.baseline), line.name.text(line.candidate),
                line.change.map { signedPercent($0) } ?? "-", quartiles(line),
                line.probability.map { fixed($0, 3) } ?? "-",
            ],
            line.verdict.rawValue
        )
    }

    /// What is judged is within the rounds. Where the machine changed between them, the medians beside it may say the
    /// opposite.
    private var contradictions: [String] {
        lines.compactMap { line in
            guard order == .byTurns, line.verdict != .noDifferenceShown, line.baseline > 0, let change = line.change
            else { return nil }
            let between = (line.candidate - line.baseline) / line.baseline
            if between * change >= 0 { return nil }
            return "\(line.name.rawValue): \(signedPercent(change)) within the rounds counts, not"
                + " \(signedPercent(between)) between the medians: the machine changed from round to round"
        }
    }

    private func quartiles(_ line: ComparedFigure) -> String {
        guard let low = line.lowerQuartile, let high = line.upperQuartile else { return "-" }
        return fixed(low * 100, 1) + "…" + signedPercent(high)
    }

    private static func row(_ title: String, _ cells: [String], _ verdict: String) -> String {
        TableRow.text(title, cells, titleWidth: 18, width: 15) + (verdict.isEmpty ? "" : "  " + verdict)
    }

    private var advice: String {
        if lines.isEmpty { return ": no figure is in both; was anything answered?" }
        switch verdict {
        case .tooFewRounds: return ": it takes --rounds \(ComparedFigure.fewestRounds) or more"
        case .notByTurns:
            return
                ": what the machine did between the two records is in the change; measure with compare --run … --run …"
        case .notSteady:
            return
                ": the change is not the same from the first rounds to the last; more --rounds or a quieter machine tell"
        case .better, .worse, .noDifferenceShown: return ""
        }
    }
}
