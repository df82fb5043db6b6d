//===----------------------------------------------------------------------===//
// Quartermaster: records in memory that other processes read, written word by word
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import CPosix

extension SharedMemory {
    /// Records of the same size, one behind the other, from `offset` on.
    ///
    /// Whoever keeps them keeps the memory as well.
    package func records(at offset: Int, size: Int, count: Int) -> RecordTable {
        precondition(offset >= 0 && size >= 8 && count >= 0 && offset % 8 == 0 && size % 8 == 0)
        precondition(count <= (byteCount - offset) / size)
        return unsafe RecordTable(start: base + offset / 8, wordCount: size / 8, count: count)
    }
}

/// Records for one who writes to them all the time; see `SharedMemory.records`.
@safe public struct RecordTable {
    @usableFromInline let start: UnsafeMutablePointer<UInt64>
    public let wordCount: Int
    public let count: Int

    init(start: UnsafeMutablePointer<UInt64>, wordCount: Int, count: Int) {
        unsafe self.start = start
        self.wordCount = wordCount
        self.count = count
    }

    /// - Parameter ticket: as in `SharedMemory.publish`.
    @inlinable @inline(__always)
    public func publish(_ row: Int, ticket: UInt64, _ body: (OpenRecord) -> Void) {
        precondition(row >= 0 && row < count)
        unsafe OpenRecord.publish(start + row &* wordCount, wordCount: wordCount, ticket: ticket, body)
    }

    /// Stores a word of the first record that stands for itself.
    @inlinable @inline(__always)
    public func store(_ word: UInt64, at place: Int) {
        precondition(place > 0 && place < wordCount)
        unsafe cposix_store_word(start + place, word)
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
