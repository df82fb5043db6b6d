//===----------------------------------------------------------------------===//
// Quartermaster: what a decision has changed, as it is saved
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The whole of one entry after a change. Whoever puts the records of a state in again, in their order, has the state:
/// a later one of a key takes the place of an earlier one.
package struct StateRecord: Equatable, Sendable {
    package enum Table: UInt8, Sendable { case greylist = 1, rates = 2 }

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
