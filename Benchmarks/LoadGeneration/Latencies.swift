//===----------------------------------------------------------------------===//
// Quartermaster: how long exchanges took
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

private import Histogram
package import LoadReports

/// A distribution of durations, in fixed memory, from a nanosecond to an hour.
package struct Latencies: Sendable {
    private static let longest: UInt64 = 3_600_000_000_000
    private var histogram: Histogram<UInt64>

    /// Exact to three digits, or to two, in a tenth of the memory, for what is emptied again and again.
    package init(isCoarse: Bool = false) {
        histogram = Histogram(
            highestTrackableValue: Self.longest,
            numberOfSignificantValueDigits: isCoarse ? .two : .three
        )
    }

    package var count: Int { Int(histogram.totalCount) }

    @inline(__always)
    package mutating func record(nanoseconds: Int64) {
        histogram.record(min(UInt64(max(nanoseconds, 0)), Self.longest))
    }

    package mutating func add(_ other: Latencies) {
        if other.count > 0 { histogram.add(other.histogram) }
    }

    package mutating func reset() {
        if count > 0 { histogram.reset() }
    }

    /// 0 when nothing was recorded.
    package func nanoseconds(atPercentile level: Double) -> Int64 {
        if count == 0 { return 0 }
        return Int64(level == 100 ? histogram.maxRecorded : histogram.valueAtPercentile(level))
    }

    package var percentiles: Percentiles { Percentiles(count: count, nanoseconds) }

    /// Nil when nothing was recorded.
    package func report(_ name: PhaseReport.Name) -> PhaseReport? {
        if count == 0 { return nil }
        return PhaseReport(
            name: name,
            buckets: histogram.recordedValues().map { .init(nanoseconds: Int64($0.value), count: Int($0.count)) },
            minimum: Int64(histogram.min),
            maximum: Int64(histogram.maxRecorded),
            mean: histogram.mean
        )
    }
}

/// The parts of an exchange, each with its own distribution.
struct Phases: Sendable {
    /// From connect(2) until the connection stands.
    var connect = Latencies()
    /// From there to the first byte received, on a new connection.
    var firstByte = Latencies()
    /// From the connection, or from the start on a kept one, to the end of the last reply.
    var exchange = Latencies()
    /// close(2) itself.
    var close = Latencies()
    /// From the intended start to the end of the last reply.
    var total = Latencies()

    mutating func add(_ other: Phases) {
        connect.add(other.connect)
        firstByte.add(other.firstByte)
        exchange.add(other.exchange)
        close.add(other.close)
        total.add(other.total)
    }

    var reports: [PhaseReport] {
        [
            connect.report(.connect), firstByte.report(.firstByte), exchange.report(.exchange), close.report(.close),
            total.report(.total),
        ].compactMap(\.self)
    }
}
