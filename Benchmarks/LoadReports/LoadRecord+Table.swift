//===----------------------------------------------------------------------===//
// Quartermaster: the report for people
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

/// What was asked for and what came of it, as lines for a terminal or a log. Several runs: a line each with median and
/// spread, then the run with the median rate in full.
extension LoadRecord {
    package var table: String {
        var lines = [setup.line, "on " + machine.line, ""]
        if runs.count > 1 { lines += overview + [""] }
        if let (index, run) = medianRun {
            if runs.count > 1 { lines += ["run \(index + 1), the one with the median rate:", ""] }
            lines += run.details(sending: setup.isDatagrams && run.ledger.strays == nil)
        } else {
            lines.append("no run")
        }
        return (lines + accounts + notes).map { $0 + "\n" }.joined()
    }

    /// Of an even number of runs, the slower of the two in the middle.
    private var medianRun: (Int, RunReport)? {
        let sorted = runs.indices.sorted { (runs[$0].rate, $0) < (runs[$1].rate, $1) }
        return sorted.isEmpty ? nil : { ($0, runs[$0]) }(sorted[(sorted.count - 1) / 2])
    }

    private var accounts: [String] {
        [""]
            + runs.indices.map { index in
                (runs.count > 1 ? "run \(index + 1): " : "") + runs[index].ledger.account
            }
    }

    private var notes: [String] {
        runs.indices.flatMap { index in
            runs[index].notes.map { (runs.count > 1 ? "run \(index + 1): " : "") + $0 }
        }
    }

    private var overview: [String] {
        let figures = RunFigure.all.filter { figure in runs.contains { figure.value($0) != nil } }
        var lines = [TableRow.text("run", figures.map(\.title))]
        for (index, run) in runs.enumerated() {
            lines.append(TableRow.text(String(index + 1), figures.map { $0.text($0.value(run)) }))
        }
        let values = figures.map { figure in runs.compactMap { figure.value($0) } }
        lines.append(TableRow.text("median", zip(figures, values).map { $0.text(median($1)) }))
        return lines + [TableRow.text("spread", values.map(spread))]
    }

    /// Largest less smallest, as a share of the median.
    private func spread(_ values: [Double]) -> String {
        let middle = median(values)
        guard middle > 0, let least = values.min(), let most = values.max() else { return "-" }
        return fixed((most - least) / middle * 100, 1) + " %"
    }
}

/// What one column of the overview shows of a run.
private struct RunFigure {
    let title: String
    let text: (Double) -> String
    let value: (RunReport) -> Double?

    func text(_ value: Double?) -> String { value.map(text) ?? "-" }

    static var all: [RunFigure] {
        let percentiles = [("50%", 50), ("99%", 99), ("99.9%", 99.9), ("max", 100)].map { title, level in
            RunFigure(title: title, text: { duration(Int64($0)) }, value: { $0.nanoseconds(atPercentile: level) })
        }
        return [RunFigure(title: "per second", text: { fixed($0, 1) }, value: { $0.rate })] + percentiles + [
            RunFigure(title: "failed", text: { fixed($0, 0) }, value: { Double($0.ledger.errors) }),
            RunFigure(title: "server CPU", text: { fixed($0, 2) + " µs" }, value: { $0.serverMicroseconds }),
        ]
    }
}

/// A title on the left, cells flush right.
enum TableRow {
    static func text(_ title: String, _ cells: [String], titleWidth: Int = 20, width: Int = 12) -> String {
        cells.reduce(title + padding(titleWidth - title.count)) { $0 + padding(width - $1.count) + $1 }
    }

    private static func padding(_ width: Int) -> String { String(repeating: " ", count: max(width, 0)) }
}
