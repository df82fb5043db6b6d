//===----------------------------------------------------------------------===//
// Quartermaster: what a decision has changed, as it is saved
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// The whole of one entry after a change. Whoever puts the records of a state in again, in their order, has the state:
/// a later one of a key takes the place of an earlier one.
///
/// What nobody would miss is changed without a record: an entry that is over is removed, a time to come becomes that
/// of now. A walk meets such an entry all the same (`AgedTable.renew`), so that a new file, which is a walk and the
/// records of what was decided meanwhile, has everything.
package struct StateRecord: BitwiseCopyable, Equatable, Sendable {
    package enum Table: UInt8, BitwiseCopyable, Sendable { case greylist = 1, rates = 2 }

    package var table: Table
    /// Within the table.
    package var queue: UInt8
    package var count: UInt16
    package var key: UInt64
    package var value: UInt64
    package var time: UInt32

    package init(table: Table, queue: UInt8, count: UInt16, key: UInt64, value: UInt64, time: UInt32) {
        self.table = table
        self.queue = queue
        self.count = count
        self.key = key
        self.value = value
        self.time = time
    }

    init(_ table: Table, _ entry: AgedTable.Entry) {
        self.init(
            table: table,
            queue: entry.queue,
            count: entry.count,
            key: entry.key,
            value: entry.value,
            time: entry.time
        )
    }
}

/// The records of one decision: a triplet, its network, and one for each limit.
package struct StateChanges: Sendable {
    package static var capacity: Int { 2 + RateLimit.allCases.count }

    private static let blank = StateRecord(table: .greylist, queue: 0, count: 0, key: 0, value: 0, time: 0)
    private var records = InlineArray<9, StateRecord>(repeating: blank)
    package private(set) var count = 0

    package init() {}

    package subscript(index: Int) -> StateRecord { records[index] }

    package mutating func removeAll() { count = 0 }

    mutating func append(_ record: StateRecord) {
        records[count] = record
        count += 1
    }
}

/// Some saved records, in their order, that are put in again together.
package struct StateRecords: ~Copyable {
    package static var capacity: Int { 64 }

    private static let blank = StateRecord(table: .greylist, queue: 0, count: 0, key: 0, value: 0, time: 0)
    // Read one by one in another room, an `InlineArray` would be copied for each.
    private var records = FixedArray(blank, count: capacity)
    package private(set) var count = 0

    package init() {}

    package subscript(index: Int) -> StateRecord { records[index] }

    package var isFull: Bool { count == Self.capacity }

    package mutating func removeAll() { count = 0 }

    package mutating func append(_ record: StateRecord) {
        records[count] = record
        count += 1
    }
}
