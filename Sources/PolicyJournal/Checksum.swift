//===----------------------------------------------------------------------===//
// Quartermaster: checksums of saved records
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// CRC-32C (Castagnoli), of a few bytes at a time: finds every change of up to five bits in a record, and of bytes that
/// are all zero it is not zero.
enum Checksum {
    private static let table: InlineArray<256, UInt32> = {
        var table = InlineArray<256, UInt32>(repeating: 0)
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
            table[index] = value
        }
        return table
    }()

    static func of(_ block: borrowing Block, from start: Int, to end: Int) -> UInt32 {
        var sum: UInt32 = .max
        for index in start..<end { sum = table[Int((sum ^ UInt32(block[index])) & 0xff)] ^ sum >> 8 }
        return ~sum
    }
}

/// The unit of the file: a record, or one of the two copies of its head.
struct Block {
    static var size: Int { 32 }

    var bytes = InlineArray<32, UInt8>(repeating: 0)

    init() {}

    init(_ source: borrowing RawSpan, at offset: Int) {
        for index in 0..<Self.size {
            bytes[index] = unsafe source.unsafeLoad(fromByteOffset: offset + index, as: UInt8.self)
        }
    }

    subscript(index: Int) -> UInt8 { bytes[index] }

    /// Little-endian, whatever the machine is.
    mutating func set<Number: FixedWidthInteger & UnsignedInteger>(_ offset: Int, _ number: Number) {
        for place in 0..<Number.bitWidth / 8 {
            bytes[offset + place] = UInt8(truncatingIfNeeded: number >> Number(place * 8))
        }
    }

    func number<Number: FixedWidthInteger & UnsignedInteger>(_ offset: Int) -> Number {
        var number: Number = 0
        for place in 0..<Number.bitWidth / 8 { number |= Number(bytes[offset + place]) << Number(place * 8) }
        return number
    }
}
