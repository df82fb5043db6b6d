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
        lines.append(Self.row("median of the runs", ["baseline", "candidate", "change", "chance"], "verdict"))
        lines += self.lines.map(row)
        lines += [""] + warnings.map { "warning: \($0)" }
        lines.append("verdict: \(verdict.rawValue)\(advice)")
        return lines.map { $0 + "\n" }.joined()
    }

    package func json() throws(RecordProblem) -> String { try jsonText(self) }

    private func row(_ line: ComparedFigure) -> String {
        Self.row(
            "\(line.name.rawValue), \(line.name.unit)",
            [
                fixed(line.baseline, 2), fixed(line.candidate, 2), line.change.map { signedPercent($0) } ?? "-",
                line.probability.map { fixed($0, 3) } ?? "-",
            ],
            line.verdict.rawValue
        )
    }

    private static func row(_ title: String, _ cells: [String], _ verdict: String) -> String {
        TableRow.text(title, cells, titleWidth: 24) + "  " + verdict
    }

    private var advice: String {
        switch verdict {
        case .tooFewRuns where lines.isEmpty: ": no figure is in both; was anything answered?"
        case .tooFewRuns: ": measure both with --repeat \(ComparedFigure.fewestRuns) or more, by turns"
        case .better, .worse, .noDifferenceShown: ""
        }
    }
}
