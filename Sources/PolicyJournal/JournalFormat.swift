//===----------------------------------------------------------------------===//
// Quartermaster: what stands in the state file
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import PolicyDecisions

/// The file: two equal heads, then records, each by itself:
///
///     head      0  "QMPOLICY"  8  version (4)  12  checksum of the rest (4)  16  key of hashes (16)
///     record    0  checksum of the rest (4)  4  table (1)  5  queue (1)  6  count (2)
///               8  key (8)  16  value (8)  24  time (4)  28  attempt (4)
///
/// All have 32 bytes, and numbers are little-endian. A byte that is wrong costs the record that it is in, and no other.
///
/// An attempt is one write, whether it comes to its end or not; its records have its number, from 1 on. What one that
/// was cut off has left behind the next one's end is older than that, and so are pages that the disk had before those
/// in front of them: a record whose number is smaller than one before it does not count. Records of programs that did
/// not number them have 0, and count where they stand.
enum JournalFormat {
    static let version: UInt32 = 1
    static let headSize = 2 * Block.size

    enum Head: Equatable {
        case ours(HashKey)
        case otherVersion(UInt32)
        case unreadable
    }

    private static let magic: StaticString = "QMPOLICY"

    static func head(_ key: HashKey, version: UInt32 = version) -> Block {
        var block = Block()
        // It has eight bytes.
        for index in 0..<8 { block.set(index, unsafe magic.utf8Start[index]) }
        block.set(8, version)
        block.set(16, key.first)
        block.set(24, key.second)
        block.set(12, headSum(block))
        return block
    }

    /// The first copy that is whole decides.
    static func head(_ bytes: borrowing RawSpan) -> Head {
        for copy in 0..<2 where bytes.byteCount >= (copy + 1) * Block.size {
            let block = Block(bytes, at: copy * Block.size)
            guard bytes.holds(magic, at: copy * Block.size), headSum(block) == block.number(12) else { continue }
            let found: UInt32 = block.number(8)
            if found != version { return .otherVersion(found) }
            return .ours(HashKey(first: block.number(16), second: block.number(24)))
        }
        return .unreadable
    }

    private static func headSum(_ block: Block) -> UInt32 {
        var rest = block
        rest.set(12, UInt32(0))
        return Checksum.of(rest, leavingOutFirst: false)
    }

    static func block(_ record: StateRecord, attempt: UInt32) -> Block {
        var block = Block()
        block.set(4, record.table.rawValue)
        block.set(5, record.queue)
        block.set(6, record.count)
        block.set(8, record.key)
        block.set(16, record.value)
        block.set(24, record.time)
        block.set(28, attempt)
        block.set(0, Checksum.of(block, leavingOutFirst: true))
        return block
    }

    /// Nil for bytes that are no whole record.
    static func record(_ block: Block) -> (StateRecord, attempt: UInt32)? {
        guard Checksum.of(block, leavingOutFirst: true) == block.number(0),
            let table = StateRecord.Table(rawValue: block[4])
        else { return nil }
        let record = StateRecord(
            table: table,
            queue: block[5],
            count: block.number(6),
            key: block.number(8),
            value: block.number(16),
            time: block.number(24)
        )
        return (record, block.number(28))
    }
}
