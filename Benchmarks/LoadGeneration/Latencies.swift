//===----------------------------------------------------------------------===//
// Quartermaster: how long exchanges took
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

private import Histogram

/// A distribution of durations, in fixed memory, exact to three digits from a nanosecond to an hour.
package struct Latencies: Sendable {
    /// The percentiles that a report shows.
    package static let levels: [(name: String, level: Double)] = [
        ("50", 50), ("90", 90), ("99", 99), ("99.9", 99.9), ("99.99", 99.99), ("max", 100),
    ]

    private static let longest: UInt64 = 3_600_000_000_000
    private var histogram = Histogram<UInt64>(highestTrackableValue: longest, numberOfSignificantValueDigits: .three)

    package init() {}

    package var count: Int { Int(histogram.totalCount) }

    package mutating func record(nanoseconds: Int64) {
        histogram.record(min(UInt64(max(nanoseconds, 0)), Self.longest))
    }

    /// In microseconds; 0 when nothing was recorded.
    package func microseconds(atPercentile level: Double) -> Double {
        if histogram.totalCount == 0 { return 0 }
        return Double(level == 100 ? histogram.max : histogram.valueAtPercentile(level)) / 1000
    }
}
