//===----------------------------------------------------------------------===//
// Quartermaster: records in memory that other processes read, written word by word
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import CPosix

extension SharedMemory {
    /// Records of the same size, one behind the other, from `offset` on.
    ///
    /// They are to be forgotten before the memory ends.
    package func records(at offset: Int, size: Int, count: Int, ticket: UInt64) -> RecordTable {
        precondition(offset >= 0 && size >= 8 && count >= 0 && offset % 8 == 0 && size % 8 == 0)
        precondition(count <= (byteCount - offset) / size)
        return unsafe RecordTable(start: base + offset / 8, wordCount: size / 8, count: count, ticket: ticket)
    }

    /// Stores words here and there in a record of `size` bytes, as `publish` does: `body` stores them.
    @inlinable @inline(__always)
    public func publish(record: Int, size: Int, ticket: UInt64, _ body: (OpenRecord) -> Void) {
        precondition(record >= 0 && size >= 8 && record <= byteCount - size)
        unsafe OpenRecord.publish(base + record / 8, wordCount: size / 8, ticket: ticket, body)
    }
}

/// Records for one who writes to many of them; only for a while, see `SharedMemory.records`.
@safe public struct RecordTable: ~Copyable {
    @usableFromInline let start: UnsafeMutablePointer<UInt64>
    @usableFromInline let wordCount: Int
    public let count: Int
    /// The next number of a record: even, and used once.
    @usableFromInline var nextTicket: UInt64
    package var ticket: UInt64 { nextTicket }

    init(start: UnsafeMutablePointer<UInt64>, wordCount: Int, count: Int, ticket: UInt64) {
        unsafe self.start = start
        self.wordCount = wordCount
        self.count = count
        nextTicket = ticket
    }

    @inlinable @inline(__always)
    public mutating func publish(_ row: Int, _ body: (OpenRecord) -> Void) {
        precondition(row >= 0 && row < count)
        unsafe OpenRecord.publish(start + row &* wordCount, wordCount: wordCount, ticket: nextTicket, body)
        nextTicket &+= 2
    }
}

/// A record that is being written to; only for the time of a `publish`.
@safe public struct OpenRecord {
    @usableFromInline let start: UnsafeMutablePointer<UInt64>
    @usableFromInline let wordCount: Int

    @inlinable init(start: UnsafeMutablePointer<UInt64>, wordCount: Int) {
        unsafe self.start = start
        self.wordCount = wordCount
    }

    /// - Parameter place: words from the beginning of the record, whose number is its first.
    @inlinable @inline(__always)
    public func store(_ word: UInt64, at place: Int) {
        precondition(place > 0 && place < wordCount)
        unsafe cposix_store_word(start + place, word)
    }

    @inlinable @inline(__always)
    static func publish(
        _ start: UnsafeMutablePointer<UInt64>,
        wordCount: Int,
        ticket: UInt64,
        _ body: (OpenRecord) -> Void
    ) {
        unsafe cposix_begin_record(start, ticket)
        body(unsafe OpenRecord(start: start, wordCount: wordCount))
        unsafe cposix_end_record(start, ticket)
    }
}
