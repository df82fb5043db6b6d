//===----------------------------------------------------------------------===//
// Quartermaster: the charts of a report
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TerminalText

extension LoadRecord {
    /// Answers a second over time, a line for each run.
    var rateChart: Chart? {
        let lines = runs.enumerated().map { index, run in
            Chart.Line(
                name: "run \(index + 1)",
                points: run.timeline.map { ($0.at, $0.rate) },
                labels: run.timeline.map { "\(fixed($0.at, 1)) s: \(fixed($0.rate, 0))/s, \($0.failed) failed" }.few
            )
        }.filter { !$0.points.isEmpty }
        if lines.isEmpty { return nil }
        let points = lines.flatMap(\.points)
        return Chart(
            title: "Answered exchanges a second over time",
            x: .time(to: points.map(\.x).max() ?? 0),
            y: .fromZero(to: points.map(\.y).max() ?? 0, name: "/s", label: short),
            lines: lines
        )
    }
}

extension RunReport {
    /// Median, 99 % and maximum of the whole exchange over time.
    var timeChart: Chart? {
        let lines = [
            line("50%", \.percentiles.p50), line("99%", \.percentiles.p99), line("max", \.percentiles.max),
        ].filter { !$0.points.isEmpty }
        if lines.isEmpty { return nil }
        let values = lines.flatMap { $0.points.map(\.y) }
        return Chart(
            title: "Latency of the whole exchange over time",
            x: .time(to: timeline.map(\.at).max() ?? 0),
            y: .nanoseconds(from: values.min() ?? 1, to: values.max() ?? 1),
            lines: lines
        )
    }

    private func line(_ name: String, _ value: (IntervalReport) -> Int64?) -> Chart.Line {
        let told = timeline.compactMap { interval in value(interval).map { (interval.at, $0) } }
        return Chart.Line(
            name: name,
            points: told.map { ($0.0, Double($0.1)) },
            labels: told.map { "\(fixed($0.0, 1)) s: \(name) \(duration($0.1))" }.few
        )
    }

    /// Each phase by percentile; every step to the right is ten times as rare.
    var percentileChart: Chart? {
        let occurred = phases.filter { $0.count > 0 }
        if occurred.isEmpty { return nil }
        let lines = occurred.map { Chart.Line(name: $0.title, points: $0.curve) }
        return Chart(
            title: "Latency by percentile",
            x: .nines(of: occurred.map(\.count).max() ?? 1),
            y: .nanoseconds(
                from: lines.flatMap { $0.points.map(\.y) }.min() ?? 1,
                to: Double(occurred.map(\.maximum).max() ?? 1)
            ),
            lines: lines
        )
    }
}

extension PhaseReport {
    /// How slow the slowest tenth, hundredth, … is; points that fall together on paper are left out.
    fileprivate var curve: [(x: Double, y: Double)] {
        let all = count
        let total = Double(all)
        var points: [(x: Double, y: Double)] = []
        var seen = 0
        for bucket in buckets where bucket.count > 0 {
            let start = nines(Double(seen) / total, total)
            seen += bucket.count
            let value = Double(min(bucket.nanoseconds, maximum))
            let end = nines(Double(seen) / total, total)
            if points.isEmpty || start - (points.last?.x ?? 0) > 0.004 { points.append((start, value)) }
            if end - (points.last?.x ?? 0) > 0.004 || seen == all { points.append((end, value)) }
        }
        return points
    }

    /// The last value has as many nines as there are values to tell them.
    private func nines(_ share: Double, _ total: Double) -> Double {
        min(-log10(max(1 - share, 1e-18)), log10(total))
    }
}

extension [String] {
    /// Marks on more points than this hide the line.
    fileprivate var few: [String] { count <= 150 ? self : [] }
}
