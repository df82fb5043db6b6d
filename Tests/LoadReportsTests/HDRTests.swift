//===----------------------------------------------------------------------===//
// Quartermaster: histograms for other programs
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Testing

@testable import LoadReports

@Suite("HdrHistogram logs")
struct HDRTests {
    /// Read once by another reader of the format (the one of PyPI), with equal percentiles; kept since.
    @Test("a log as other programs read it")
    func log() throws {
        let runs = [Sample.run(), Sample.run(rate: 700, scale: 3)]
        try Golden.expect(Sample.record(runs).hdrLog, equals: "two-runs.hdr")
    }

    @Test("no run, an empty run")
    func empty() {
        #expect(Sample.record([]).hdrLog.split(separator: "\n").count == 5)
        #expect(Sample.record([Sample.emptyRun]).hdrLog.split(separator: "\n").count == 5)
    }

    @Test("a hostile name stays in its comment")
    func hostileNames() {
        let lines = Sample.hostile.hdrLog.split(separator: "\n")
        #expect(lines.count == 7)
        #expect(lines[..<4].allSatisfy { $0.hasPrefix("#[") && $0.hasSuffix("]") || $0.hasSuffix("Z") })
    }

    @Test(
        "the place of a value among the counts",
        arguments: [
            (0, 0), (1, 1), (2047, 2047), (2048, 2048), (2049, 2048), (2050, 2049), (4095, 3071), (4096, 3072),
            (4099, 3072), (4100, 3073), (1_000_000, 11_169), (3_600_000_000_000, 33_420),
        ] as [(Int64, Int)]
    )
    func places(value: Int64, place: Int) { #expect(HistogramEncoding.place(of: value) == place) }

    @Test(
        "what is encoded is what was counted",
        arguments: [
            [:], [0: 1], [1: 1, 2: 300, 5: 70_000], [2047: 1, 2048: 2, 2049: 3], [123_456_789: 1 << 50],
            [1: 1, 3_600_000_000_000: 9], [5: 1, Int64.max: 1 << 53],
        ] as [[Int64: Int]]
    )
    func encoding(counts: [Int64: Int]) throws {
        var expected: [Int: Int] = [:]
        for (value, count) in counts { expected[HistogramEncoding.place(of: value), default: 0] += count }
        let bytes = HistogramEncoding.compressed(Sample.phase(.total, counts))
        #expect(try Decoder.counts(bytes) == expected)
    }

    @Test("stored blocks, their checksum, and more than one of them", arguments: [0, 1, 65535, 65536, 200_000])
    func zlib(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        #expect(try Decoder.inflate(ZlibStream.stored(bytes)) == bytes)
    }

    @Test("Adler-32 of a known text")
    func checksum() { #expect(ZlibStream.checksum(Array("Wikipedia".utf8)) == 0x11e6_0398) }
}

/// The way back, written from the format's description.
private enum Decoder {
    struct Damaged: Error {}

    static func counts(_ bytes: [UInt8]) throws -> [Int: Int] {
        guard number(bytes, 0, 4) == 0x1c84_9314, number(bytes, 4, 4) == bytes.count - 8 else { throw Damaged() }
        let plain = try inflate(Array(bytes[8...]))
        guard number(plain, 0, 4) == 0x1c84_9313, number(plain, 4, 4) == plain.count - 40, number(plain, 12, 4) == 3,
            number(plain, 16, 8) == 1, number(plain, 24, 8) >= 3_600_000_000_000,
            number(plain, 32, 8) == Int((1.0).bitPattern)
        else { throw Damaged() }
        return places(Array(plain[40...]))
    }

    private static func places(_ bytes: [UInt8]) -> [Int: Int] {
        var (counts, place, next): ([Int: Int], Int, Int) = ([:], 0, 0)
        while next < bytes.count {
            var raw: UInt64 = 0
            for index in 0..<9 {
                let byte = bytes[next]
                next += 1
                raw |= UInt64(index == 8 ? byte : byte & 0x7f) << UInt64(7 * index)
                if byte < 0x80 { break }
            }
            let value = Int(Int64(bitPattern: raw >> 1) ^ -Int64(bitPattern: raw & 1))
            if value > 0 { counts[place] = value }
            place += value < 0 ? -value : 1
        }
        return counts
    }

    static func inflate(_ bytes: [UInt8]) throws -> [UInt8] {
        guard number(bytes, 0, 2) % 31 == 0, bytes[0] & 0x0f == 8 else { throw Damaged() }
        var (result, next): ([UInt8], Int) = ([], 2)
        while true {
            let isLast = bytes[next] == 1
            let length = Int(bytes[next + 1]) | Int(bytes[next + 2]) << 8
            let complement = Int(bytes[next + 3]) | Int(bytes[next + 4]) << 8
            guard bytes[next] <= 1, length ^ complement == 0xffff else { throw Damaged() }
            result += bytes[(next + 5)..<(next + 5 + length)]
            next += 5 + length
            if isLast { break }
        }
        var (low, high) = (1, 0)
        for byte in result { (low, high) = ((low + Int(byte)) % 65521, (high + (low + Int(byte)) % 65521) % 65521) }
        guard next + 4 == bytes.count, number(bytes, next, 4) == high << 16 | low else { throw Damaged() }
        return result
    }

    private static func number(_ bytes: [UInt8], _ start: Int, _ size: Int) -> Int {
        bytes[start..<(start + size)].reduce(0) { $0 << 8 | Int($1) }
    }
}
