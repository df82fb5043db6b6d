//===----------------------------------------------------------------------===//
// Quartermaster: checksums of saved records
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// CRC-32C (Castagnoli), of a few bytes at a time: finds every change of up to five bits in a record, and of bytes that
/// are all zero it is not zero.
enum Checksum {
    /// 256 entries for each of eight bytes: what the byte does when so many others follow it.
    ///
    /// Of an `InlineArray` in its place, every use would make a copy of 8 KB.
    private static let table: FixedArray<UInt32> = {
        var table = FixedArray<UInt32>(0, count: 2048)
        for index in 0..<256 {
            var value = UInt32(index)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
            table[index] = value
        }
        for index in 256..<2048 {
            let before = table[index - 256]
            table[index] = table[Int(before & 0xff)] ^ before >> 8
        }
        return table
    }()

    /// Of all bytes but the first four, or of all.
    static func of(_ block: Block, leavingOutFirst isPart: Bool) -> UInt32 {
        var sum: UInt32 = .max
        if isPart {
            let mixed = UInt32(truncatingIfNeeded: block.words[0] >> 32) ^ sum
            sum = table[Int(768 + (mixed & 0xff))] ^ table[Int(512 + (mixed >> 8 & 0xff))]
            sum ^= table[Int(256 + (mixed >> 16 & 0xff))] ^ table[Int(mixed >> 24)]
        }
        for index in (isPart ? 1 : 0)..<4 {
            let mixed = block.words[index] ^ UInt64(sum)
            sum = 0
            for byte in 0..<8 {
                let value = Int(truncatingIfNeeded: mixed >> UInt64(byte * 8) & 0xff)
                sum ^= table[(7 - byte) * 256 + value]
            }
        }
        return ~sum
    }
}

/// The unit of the file: a record, or one of the two copies of its head. Numbers are little-endian, whatever the
/// machine is, and stand where their size divides the place.
struct Block {
    static var size: Int { 32 }

    fileprivate(set) var words = InlineArray<4, UInt64>(repeating: 0)

    init() {}

    init(_ source: borrowing RawSpan, at offset: Int) {
        precondition(offset >= 0 && offset <= source.byteCount - Self.size)
        for index in 0..<4 {
            // Any bytes are a number.
            words[index] = UInt64(
                littleEndian: unsafe source.unsafeLoadUnaligned(fromByteOffset: offset + index * 8, as: UInt64.self)
            )
        }
    }

    subscript(index: Int) -> UInt8 { number(index) }

    mutating func set<Number: FixedWidthInteger & UnsignedInteger>(_ offset: Int, _ number: Number) {
        let shift = UInt64(offset % 8 * 8)
        words[offset / 8] &= ~(UInt64(Number.max) << shift)
        words[offset / 8] |= UInt64(number) << shift
    }

    func number<Number: FixedWidthInteger & UnsignedInteger>(_ offset: Int) -> Number {
        Number(truncatingIfNeeded: words[offset / 8] >> UInt64(offset % 8 * 8))
    }

    /// What stands in a hole; a record has a checksum.
    var isBlank: Bool { words[0] | words[1] | words[2] | words[3] == 0 }

    /// As it stands in the file.
    func append(to buffer: inout AppendBuffer) {
        let room = buffer.room
        precondition(room >= Self.size, "a block for which there was no room")
        _ = buffer.fill { (free: inout MutableRawSpan) -> Int in
            for index in 0..<4 {
                free.storeBytes(of: words[index].littleEndian, toByteOffset: index * 8, as: UInt64.self)
            }
            return Self.size
        }
    }
}
