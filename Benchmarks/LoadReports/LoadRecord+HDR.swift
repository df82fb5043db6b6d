//===----------------------------------------------------------------------===//
// Quartermaster: the report for HdrHistogram's tools
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TerminalText

/// A line for each phase of each run, in version 1.3 of HdrHistogram's log format. The tag is the phase. Values are
/// nanoseconds; the column of the maximum is milliseconds, as the format's other writers have it.
extension LoadRecord {
    package var hdrLog: String {
        let began = runs.first?.startedAt ?? 0
        let header = [
            "#[\(printable(tool)): \(printable(setup.line))]",
            "#[Histogram log format version 1.3]",
            "#[BaseTime: \(fixed(began, 3)) (seconds since epoch)]",
            "#[StartTime: \(fixed(began, 3)) (seconds since epoch), \(utc(began))]",
            #""StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram""#,
        ]
        let lines = runs.flatMap { run in run.phases.map { line(for: $0, of: run, since: began) } }
        return (header + lines).map { $0 + "\n" }.joined()
    }

    private func line(for phase: PhaseReport, of run: RunReport, since began: Double) -> String {
        let tag = phase.name.rawValue.replacing(" ", with: "-")
        let histogram = Data(HistogramEncoding.compressed(phase)).base64EncodedString()
        let columns = [
            "Tag=\(tag)", fixed(run.startedAt - began, 3), fixed(run.seconds, 3), fixed(Double(phase.maximum) / 1e6, 3),
            histogram,
        ]
        return columns.joined(separator: ",")
    }
}

/// `2026-01-31T12:34:56Z`
func utc(_ secondsSince1970: Double) -> String {
    Date(timeIntervalSince1970: secondsSince1970).ISO8601Format()
}
