//===----------------------------------------------------------------------===//
// Quartermaster: records that are written all the time, word by word
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import SystemCalls

/// Stores words where they belong, for what is written all the time.
struct RecordWriter: WordCoder {
    private let record: OpenRecord
    private var place: Int

    /// - Parameter place: words from the beginning of the record.
    @inline(__always)
    init(_ record: OpenRecord, at place: Int) {
        self.record = record
        self.place = place
    }

    @inline(__always)
    mutating func code(_ word: inout UInt64) {
        record.store(word, at: place)
        place += 1
    }

    mutating func code(_ text: inout String, words: Int) { preconditionFailure("texts are written rarely") }

    /// What is there was never written to.
    @inline(__always)
    mutating func skip(_ words: Int) { place += words }
}

/// The records of processes, for what reports change: a storm of them writes many.
///
/// Public and inlinable, though no product shows it, as in `FixedMemory`.
public struct ProcessRows: ~Copyable {
    @usableFromInline var table: RecordTable

    init(_ table: consuming RecordTable) { self.table = table }

    @inlinable public var count: Int { table.count }

    /// Of a process whose record is there already. The places are those of `ProcessOverview.code`.
    @inlinable @inline(__always)
    public mutating func write(_ state: ProcessState, since: Int64, uses: UInt64, row: Int) {
        table.publish(row) { record in
            record.store(state.rawValue, at: 3)
            record.store(UInt64(bitPattern: since), at: 5)
            record.store(uses, at: 6)
        }
    }
}
