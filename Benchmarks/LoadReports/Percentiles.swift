//===----------------------------------------------------------------------===//
// Quartermaster: points of a distribution, as far as its values carry them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A point of a distribution.
package struct PercentileLevel: Equatable, Sendable {
    /// As a report names it: `99.9`, `max`.
    package let name: String
    /// 0 to 100.
    package let level: Double

    /// What every report shows.
    package static let shown = [
        PercentileLevel(name: "50", level: 50), PercentileLevel(name: "90", level: 90),
        PercentileLevel(name: "99", level: 99), PercentileLevel(name: "99.9", level: 99.9),
        PercentileLevel(name: "99.99", level: 99.99), PercentileLevel(name: "99.999", level: 99.999),
        PercentileLevel(name: "max", level: 100),
    ]

    /// The fewest values of which one lies beyond the level: 2 for the median, 100 for 99 %, 1000 for 99.9 %. Of fewer
    /// values the percentile would be the maximum under another name.
    package static func fewestValues(for level: Double) -> Int {
        level >= 100 ? 1 : Int((100 / (100 - level) - 1e-6).rounded(.up))
    }
}

/// The usual percentiles in nanoseconds. One that the number of values does not carry is absent.
package struct Percentiles: Codable, Equatable, Sendable {
    package var p50: Int64?
    package var p75: Int64?
    package var p90: Int64?
    package var p95: Int64?
    package var p99: Int64?
    package var p999: Int64?
    package var max: Int64?

    private enum CodingKeys: String, CodingKey {
        case p50, p75, p90, p95, p99, max
        case p999 = "p99.9"
    }

    /// As CSV and schema name them.
    static let names = ["p50", "p75", "p90", "p95", "p99", "p99.9", "max"]

    /// `value` tells the percentile at a level of 0 to 100.
    package init(count: Int, _ value: (Double) -> Int64) {
        func carried(_ level: Double) -> Int64? {
            count >= PercentileLevel.fewestValues(for: level) ? value(level) : nil
        }
        p50 = carried(50)
        p75 = carried(75)
        p90 = carried(90)
        p95 = carried(95)
        p99 = carried(99)
        p999 = carried(99.9)
        max = carried(100)
    }

    /// In the order of `names`.
    var values: [Int64?] { [p50, p75, p90, p95, p99, p999, max] }
}
