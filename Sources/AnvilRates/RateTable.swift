//===----------------------------------------------------------------------===//
// Quartermaster: AnvilRates, connection counts and rates per client, without input or output
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// What is counted per unit of time.
package enum Rate: Int, CaseIterable, Sendable {
    case connection, message, recipient, newTLS, auth
}

/// What is known of one client.
package struct ClientFigures: Equatable, Sendable {
    /// Connections that are open now.
    package var count: Int32 = 0
    private var rates = InlineArray<5, Int32>(repeating: 0)
    /// When the present unit of time began, in seconds.
    var start: Int64 = 0

    package init() {}

    package subscript(rate: Rate) -> Int32 {
        get { rates[rate.rawValue] }
        set { rates[rate.rawValue] = newValue }
    }

    /// The unit of time is over: counting begins anew.
    mutating func refresh(now: Int64, timeUnit: Int64) {
        if start + timeUnit < now { restart(now) }
    }

    mutating func restart(_ now: Int64) {
        rates = InlineArray(repeating: 0)
        start = now
    }

    mutating func increment(_ rate: Rate) {
        if self[rate] < Int32.max { self[rate] += 1 }
    }

    mutating func incrementCount() {
        if count < Int32.max { count += 1 }
    }

    package static func == (left: ClientFigures, right: ClientFigures) -> Bool {
        left.count == right.count && left.start == right.start
            && Rate.allCases.allSatisfy { left[$0] == right[$0] }
    }
}

/// The name of one record. It outlives the record harmlessly.
package struct RecordID: Equatable, Sendable {
    let slot: SlotID
}

/// Counts connections and rates per ident, an opaque name of a client. A record whose last connection is gone stays
/// for one more unit of time.
///
/// Looking up, counting and expiring cost no allocation: records stand in slots, the index is open-addressed, and as
/// all records expire after the same time, those that are due stand at the head of a queue. Room is made in
/// `makeRoom`, which the owner calls when it is not busy. Idents longer than 64 bytes are the exception.
package struct RateTable: ~Copyable {
    struct Record {
        let ident: Ident
        let hash: UInt32
        var figures = ClientFigures()
        var expiresAt: Int64 = 0
        /// Neighbours in the queue of records without a connection.
        var earlier: UInt32 = RateTable.none
        var later: UInt32 = RateTable.none
    }

    static let none = UInt32.max
    /// Records that always fit without an allocation.
    static let spare = 128

    package let timeUnit: Int64
    var records: Slab<Record>
    var index: IdentIndex
    private var queueHead = RateTable.none
    private var queueTail = RateTable.none

    /// - Parameters:
    ///   - timeUnit: seconds over which rates are counted, and after which unused records are forgotten.
    ///   - capacity: records that fit before room has to be made.
    package init(timeUnit: Int, capacity: Int = 256) {
        self.timeUnit = Int64(timeUnit)
        records = Slab(capacity: max(capacity, Self.spare))
        index = IdentIndex(capacity: max(capacity, Self.spare))
    }

    /// Records at present.
    package var count: Int { records.count }

    /// Sees to it that the next 128 new clients cost no allocation.
    package mutating func makeRoom() {
        if records.capacity - records.count < Self.spare { records.reserve(records.capacity + 4 * Self.spare) }
        index.reserve(records.count + Self.spare)
    }

    // MARK: counting

    /// Counts a new connection; makes the record if need be.
    package mutating func connect(_ ident: borrowing RawSpan, now: Int64) -> (RecordID, ClientFigures) {
        let slot = slot(of: ident) ?? insert(ident, now: now)
        if records[slot].figures.count == 0 { dequeue(slot) }
        records[slot].figures.refresh(now: now, timeUnit: timeUnit)
        records[slot].figures.increment(.connection)
        records[slot].figures.incrementCount()
        return (RecordID(slot: slot), records[slot].figures)
    }

    /// A connection under this record is over.
    package mutating func disconnect(_ id: RecordID, now: Int64) {
        guard records.contains(id.slot), records[id.slot].figures.count > 0 else { return }
        records[id.slot].figures.count -= 1
        if records[id.slot].figures.count == 0 { enqueue(id.slot, now: now) }
    }

    /// Counts one event of a client that has a record.
    package mutating func count(_ rate: Rate, of id: RecordID, now: Int64) -> ClientFigures {
        guard records.contains(id.slot) else { return ClientFigures() }
        records[id.slot].figures.refresh(now: now, timeUnit: timeUnit)
        records[id.slot].figures.increment(rate)
        return records[id.slot].figures
    }

    /// The present figures; zeros for an unknown client.
    package mutating func figures(of ident: borrowing RawSpan, now: Int64) -> ClientFigures {
        guard let slot = slot(of: ident) else { return ClientFigures() }
        records[slot].figures.refresh(now: now, timeUnit: timeUnit)
        return records[slot].figures
    }

    // MARK: finding

    /// - Parameter guess: a record that may well be the one; looked at first, since the index costs more.
    package func find(_ ident: borrowing RawSpan, guess: RecordID? = nil) -> RecordID? {
        if let guess, isRecord(guess, of: ident) { return guess }
        return slot(of: ident).map { RecordID(slot: $0) }
    }

    /// Whether this is the record of that client, and still there.
    package func isRecord(_ id: RecordID, of ident: borrowing RawSpan) -> Bool {
        records.contains(id.slot) && records[id.slot].ident.equals(ident)
    }

    private func slot(of ident: borrowing RawSpan) -> SlotID? {
        let hash = IdentIndex.hash(ident)
        var place = index.start(hash)
        while let entry = index.entry(place) {
            if entry.hash == hash, let slot = records.id(at: Int(entry.slot)), records[slot].ident.equals(ident) {
                return slot
            }
            place = index.next(place)
        }
        return nil
    }

    private mutating func insert(_ ident: borrowing RawSpan, now: Int64) -> SlotID {
        if records.count == records.capacity { makeRoom() }
        let hash = IdentIndex.hash(ident)
        var record = Record(ident: Ident(ident), hash: hash)
        record.figures.start = now
        guard let id = records.insert(record) else { preconditionFailure("a slab with room refused a record") }
        index.insert(hash: hash, slot: id.index)
        // A new record counts as idle for the moment, so that its first connection is counted as that of an old one is.
        enqueue(id, now: now)
        return id
    }

    // MARK: expiring

    /// Seconds until the next record is due; nil when none is.
    package func secondsToExpiry(now: Int64) -> Int64? {
        records.id(at: Int(queueHead)).map { max(records[$0].expiresAt - now, 0) }
    }

    /// Forgets records that have had no connection for a unit of time.
    package mutating func expire(now: Int64) {
        while let slot = records.id(at: Int(queueHead)), records[slot].expiresAt <= now {
            dequeue(slot)
            index.remove(hash: records[slot].hash, slot: slot.index)
            _ = records.remove(slot)
        }
    }

    private mutating func enqueue(_ slot: SlotID, now: Int64) {
        records[slot].expiresAt = now + timeUnit
        records[slot].earlier = queueTail
        records[slot].later = Self.none
        if let last = records.id(at: Int(queueTail)) {
            records[last].later = slot.index
        } else {
            queueHead = slot.index
        }
        queueTail = slot.index
    }

    private mutating func dequeue(_ slot: SlotID) {
        let (earlier, later) = (records[slot].earlier, records[slot].later)
        if let before = records.id(at: Int(earlier)) { records[before].later = later } else { queueHead = later }
        if let behind = records.id(at: Int(later)) { records[behind].earlier = earlier } else { queueTail = earlier }
    }
}
