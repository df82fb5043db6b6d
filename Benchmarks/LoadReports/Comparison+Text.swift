//===----------------------------------------------------------------------===//
// Quartermaster: a comparison for people and for programs
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension Comparison {
    package var table: String {
        var lines = [
            "baseline:  \(baseline.line), \(baselineRuns) run\(baselineRuns == 1 ? "" : "s")",
            "candidate: \(candidate.line), \(candidateRuns) run\(candidateRuns == 1 ? "" : "s")", "",
        ]
        let titles = ["baseline", "candidate", "change", "middle half", "chance"]
        lines.append(Self.row("median of the runs", titles, "verdict"))
        lines += self.lines.map(row)
        lines += [""] + warnings.map { "warning: \($0)" }
        lines.append("verdict: \(verdict.rawValue)\(advice)")
        return lines.map { $0 + "\n" }.joined()
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

    private func quartiles(_ line: ComparedFigure) -> String {
        guard let low = line.lowerQuartile, let high = line.upperQuartile else { return "-" }
        return fixed(low * 100, 1) + "…" + signedPercent(high)
    }

    private static func row(_ title: String, _ cells: [String], _ verdict: String) -> String {
        TableRow.text(title, cells, titleWidth: 18, width: 15) + "  " + verdict
    }

    private var advice: String {
        if lines.isEmpty { return ": no figure is in both; was anything answered?" }
        switch verdict {
        case .tooFewRounds: return ": it takes --rounds \(ComparedFigure.fewestRounds) or more"
        case .notByTurns:
            return
                ": what the machine did between the two records is in the change; measure with compare --run … --run …"
        case .better, .worse, .noDifferenceShown: return ""
        }
    }
}
