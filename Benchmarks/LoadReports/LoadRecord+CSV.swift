//===----------------------------------------------------------------------===//
// Quartermaster: the report for spreadsheets
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

/// A row for each interval of each run, as RFC 4180 has it: a header, lines that end with CR LF, quotes where needed.
extension LoadRecord {
    package var csv: String {
        let header = [
            "run", "started_at", "shape", "target", "clients", "at_s", "length_s", "answered", "refused", "failed",
            "rate_per_s",
        ]
        let times = Percentiles.names.map { $0 + "_us" }
        let rows = runs.enumerated().flatMap { index, run in
            run.timeline.map { row(run: index + 1, startedAt: run.startedAt, $0) }
        }
        return ([header + times + ["open"]] + rows).map { $0.map(csvField).joined(separator: ",") + "\r\n" }.joined()
    }

    private func row(run: Int, startedAt: Double, _ interval: IntervalReport) -> [String] {
        [
            String(run), fixed(startedAt, 3), setup.shape, setup.target, String(setup.clients),
            fixed(interval.at, 3), fixed(interval.seconds, 3),
            String(interval.answered), String(interval.refused), String(interval.failed), fixed(interval.rate, 3),
        ] + interval.percentiles.values.map(microseconds) + [String(interval.open)]
    }

    /// Empty where too few exchanges were answered.
    private func microseconds(_ nanoseconds: Int64?) -> String {
        nanoseconds.map { fixed(Double($0) / 1000, 3) } ?? ""
    }
}

/// In quotes, its own doubled, when it holds a comma, a quote or an end of line.
func csvField(_ text: String) -> String {
    let special = text.unicodeScalars.contains { $0 == "," || $0 == "\"" || $0 == "\r" || $0 == "\n" }
    return special ? "\"" + text.replacing("\"", with: "\"\"") + "\"" : text
}
