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

/// The records that reports change, for one who writes them at the end of each turn: a few stores each, at places that
/// are known beforehand.
///
/// Public and inlinable, though no product shows it, as in `FixedMemory`.
public struct PageRows {
    @usableFromInline let header: RecordTable
    @usableFromInline let master: RecordTable
    public let services: RecordTable
    public let processes: RecordTable
    /// The next number of a record: even, and used once.
    @usableFromInline var ticket: UInt64 = 2

    init(_ layout: PageLayout, in memory: borrowing SharedMemory) {
        header = memory.records(at: 0, size: PageLayout.headerSize, count: 1)
        master = memory.records(at: layout.master.offset, size: layout.master.size, count: 1)
        services = memory.records(at: layout.services.offset, size: layout.services.size, count: layout.services.count)
        processes = memory.records(
            at: layout.processes.offset,
            size: layout.processes.size,
            count: layout.processes.count
        )
    }

    /// A number for one record.
    @inlinable @inline(__always)
    mutating func takeTicket() -> UInt64 {
        defer { ticket &+= 2 }
        return ticket
    }

    @inlinable @inline(__always)
    public func beat(_ now: Int64) { header.store(UInt64(bitPattern: now), at: 5) }

    /// Those of the counters that change with reports which lead to no start and no note. The places are those of
    /// `MasterCounter`.
    @inlinable @inline(__always)
    public mutating func write(
        taken: UInt64,
        available: UInt64,
        repeated: UInt64,
        watchStarts: UInt64,
        watchStops: UInt64,
        looks: UInt64,
        limitsReached: UInt64
    ) {
        precondition(master.wordCount > 37)
        master.publish(0, ticket: takeTicket()) { record in
            record.store(taken, at: 16)
            record.store(available, at: 17)
            record.store(repeated, at: 18)
            record.store(watchStarts, at: 31)
            record.store(watchStops, at: 32)
            record.store(looks, at: 33)
            record.store(limitsReached, at: 37)
        }
    }

    /// Of a process whose record is there already. The places are those of `ProcessOverview.code`.
    @inlinable @inline(__always)
    public mutating func write(_ state: ProcessState, since: Int64, uses: UInt64, row: Int) {
        precondition(processes.wordCount > 6)
        processes.publish(row, ticket: takeTicket()) { record in
            record.store(state.rawValue, at: 3)
            record.store(UInt64(bitPattern: since), at: 5)
            record.store(uses, at: 6)
        }
    }

    /// What `ServiceLoad` has. The places are those of its `code`.
    @inlinable @inline(__always)
    public mutating func write(
        _ cover: ServiceCover,
        starting: Int32,
        idle: Int32,
        busy: Int32,
        retired: Int32,
        waiting: Int32,
        waitingSeen: Int64,
        uses: UInt64,
        counted: Int64,
        busyTime: Int64,
        saturatedTime: Int64,
        crowdedTime: Int64,
        row: Int
    ) {
        precondition(services.wordCount > 12)
        services.publish(row, ticket: takeTicket()) { record in
            record.store(cover.rawValue, at: 1)
            record.store(UInt64(bitPattern: Int64(starting)), at: 2)
            record.store(UInt64(bitPattern: Int64(idle)), at: 3)
            record.store(UInt64(bitPattern: Int64(busy)), at: 4)
            record.store(UInt64(bitPattern: Int64(retired)), at: 5)
            record.store(UInt64(bitPattern: Int64(waiting)), at: 6)
            record.store(UInt64(bitPattern: waitingSeen), at: 7)
            record.store(uses, at: 8)
            record.store(UInt64(bitPattern: counted), at: 9)
            record.store(UInt64(bitPattern: busyTime), at: 10)
            record.store(UInt64(bitPattern: saturatedTime), at: 11)
            record.store(UInt64(bitPattern: crowdedTime), at: 12)
        }
    }
}
