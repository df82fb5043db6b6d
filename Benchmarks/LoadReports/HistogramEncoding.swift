//===----------------------------------------------------------------------===//
// Quartermaster: histograms as HdrHistogram's tools exchange them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The V2 encoding: a header, then the counts of all buckets up to the largest value as ZigZag LEB128, runs of empty
/// buckets as one negative number; the whole in a zlib stream behind a header of its own. All numbers big-endian.
enum HistogramEncoding {
    /// Three digits from one nanosecond on, as the generator counts.
    private static let digits: UInt32 = 3
    private static let halfBucketMagnitude = 10
    private static let bucketMask: Int64 = 2047
    /// An hour, the generator's longest; more when there is more.
    private static let longest: Int64 = 3_600_000_000_000

    private static let cookie: UInt32 = 0x1c84_9313
    private static let compressedCookie: UInt32 = 0x1c84_9314

    static func compressed(_ phase: PhaseReport) -> [UInt8] {
        let stream = ZlibStream.stored(encoded(phase))
        return bigEndian(compressedCookie) + bigEndian(UInt32(stream.count)) + stream
    }

    static func encoded(_ phase: PhaseReport) -> [UInt8] {
        let counts = payload(phase.buckets)
        let highest = max(longest, phase.buckets.last?.nanoseconds ?? 0)
        return bigEndian(cookie) + bigEndian(UInt32(counts.count)) + bigEndian(UInt32(0)) + bigEndian(digits)
            + bigEndian(UInt64(1)) + bigEndian(UInt64(highest)) + bigEndian((1.0).bitPattern) + counts
    }

    private static func payload(_ buckets: [PhaseReport.Bucket]) -> [UInt8] {
        var bytes: [UInt8] = []
        var next = 0
        for (index, count) in merged(buckets) {
            if index > next { append(Int64(next - index), to: &bytes) }
            append(Int64(count), to: &bytes)
            next = index + 1
        }
        return bytes
    }

    /// Counts by place, in order; values that fall in the same place together.
    private static func merged(_ buckets: [PhaseReport.Bucket]) -> [(index: Int, count: Int)] {
        var places: [(index: Int, count: Int)] = []
        for bucket in buckets where bucket.count > 0 {
            let index = place(of: bucket.nanoseconds)
            if let last = places.last, last.index == index {
                places[places.count - 1].count += bucket.count
            } else {
                places.append((index, bucket.count))
            }
        }
        return places
    }

    /// Which count of the array is that of `value`.
    static func place(of value: Int64) -> Int {
        let bucket = 64 - halfBucketMagnitude - 1 - (value | bucketMask).leadingZeroBitCount
        let place = Int(value >> Int64(bucket))
        return ((bucket + 1) << halfBucketMagnitude) + place - (1 << halfBucketMagnitude)
    }

    /// ZigZag LEB128 of at most nine bytes; the ninth holds eight bits.
    private static func append(_ value: Int64, to bytes: inout [UInt8]) {
        var rest = UInt64(bitPattern: (value << 1) ^ (value >> 63))
        for _ in 0..<8 {
            if rest < 0x80 { break }
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}

func bigEndian(_ value: some FixedWidthInteger & UnsignedInteger) -> [UInt8] {
    stride(from: value.bitWidth - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> $0) }
}
