//===----------------------------------------------------------------------===//
// Quartermaster: what services have counted themselves, as a sample
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import WorkerPage

extension Sample {
    static var own: MetricsOverview {
        func series(_ text: String, _ kind: MetricKind, _ value: Double, count: UInt64 = 0) -> OwnSeries {
            var series = OwnSeries(SeriesName(reading: Array(text.utf8))!, kind)
            if kind == .counter { series.integer = UInt64(value) } else { series.real = value }
            series.count = count
            return series
        }
        var smtp = OwnFigures(name: "smtp/inet")
        smtp.series = [
            series("clashes", .gauge, 1), series("cost", .sum, 0.1), series("depth", .gauge, -2.5),
            series("depth{queue=\"hot\"}", .gauge, .infinity), series("lost", .summary, -3, count: 4),
            series("requests", .counter, 12),
            series(#"requests{from="\"a\\b\n\"",to="ö"}"#, .counter, 9_007_199_254_740_992),
            series("time_seconds", .summary, 1.5, count: 3), series("unreal", .gauge, .nan),
        ]
        var other = OwnFigures(name: "cleanup/unix")
        // The same names for other things, and one that another's samples have.
        other.series = [
            series("clashes", .counter, 5), series("requests", .sum, 0.5), series("requests", .gauge, 3),
            series("requests", .counter, 7), series("time_seconds_sum", .gauge, 3), series("depth", .gauge, 1e300),
        ]
        var own = MetricsOverview()
        (own.master, own.refused, own.dropped, own.services) = (4711, 2, 1, [other, smtp])
        return own
    }
}
