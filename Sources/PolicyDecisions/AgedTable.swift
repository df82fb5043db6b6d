//===----------------------------------------------------------------------===//
// Quartermaster: AgedTable, entries under hashes, each class of them in order of age
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// A table of fixed size whose entries stand in queues, the oldest first. Finding, adding and removing cost no
/// allocation and no more for a full table than for an empty one. It never decides which entry has to go.
///
/// An entry is known by its hash alone: its owner sees to it that different things have different ones.
package struct AgedTable: ~Copyable {
    package struct Entry: BitwiseCopyable {
        package var key: UInt64 = 0
        /// What its owner keeps here.
        package var value: UInt64 = 0
        /// Seconds since 1970 of the moment that its place in the queue is about.
        package var time: UInt32 = 0
        package var count: UInt16 = 0
        package fileprivate(set) var queue: UInt8 = 0
        fileprivate var isTaken: UInt8 = 0
        // Neighbours in the queue, or the next free place, as slots; zero is none.
        fileprivate var earlier: UInt32 = 0
        fileprivate var later: UInt32 = 0
    }

    /// The place of an entry, until it is removed: 1 and up.
    package typealias Slot = UInt32

    package static var queues: Int { 3 }

    package let capacity: Int
    package private(set) var count = 0
    private var entries: FixedArray<Entry>
    /// From hashes to slots, at most half full; probed one place after the other.
    private var index: FixedArray<Slot>
    private let mask: Int
    /// Slots that were ever used are below this one: the memory of others is not touched.
    private var unused: Slot = 1
    private var firstFree: Slot = 0
    private var heads = InlineArray<3, Slot>(repeating: 0)
    private var tails = InlineArray<3, Slot>(repeating: 0)
    private var counts = InlineArray<3, Int>(repeating: 0)
    /// The next entry of the walk, and the queue that it goes through.
    private var walker: Slot = 0
    private var walkedQueue = AgedTable.queues

    /// - Parameter capacity: entries that there may be at a time, at least 1.
    package init(capacity: Int) {
        self.capacity = capacity
        entries = FixedArray(Entry(), count: capacity + 1)
        var size = 16
        while size < 2 * capacity { size *= 2 }
        index = FixedArray(0, count: size)
        mask = size - 1
    }

    package var isFull: Bool { count == capacity }

    package func count(ofQueue queue: Int) -> Int { counts[queue] }

    /// The oldest entry of a queue; 0 when there is none.
    package func oldest(ofQueue queue: Int) -> Slot { heads[queue] }

    /// The next younger one of its queue.
    package func next(after slot: Slot) -> Slot { entries[Int(slot)].later }

    package subscript(slot: Slot) -> Entry { entries[Int(slot)] }

    // MARK: a walk over everything

    /// Begins at the oldest entry of the first queue. The table may change while the walk goes on: an entry that is
    /// not met was added or renewed after its queue was done, and one that is renewed meanwhile may be met twice.
    package mutating func beginWalk() {
        walkedQueue = 0
        walker = heads[0]
    }

    /// 0 at the end.
    package mutating func nextInWalk() -> Slot {
        while walker == 0 {
            if walkedQueue + 1 >= Self.queues { return 0 }
            walkedQueue += 1
            walker = heads[walkedQueue]
        }
        defer { walker = entries[Int(walker)].later }
        return walker
    }

    // MARK: finding

    /// 0 when there is none.
    @inline(__always)
    package func find(_ key: UInt64) -> Slot {
        var place = Int(truncatingIfNeeded: key) & mask
        while true {
            let slot = index[place]
            if slot == 0 || entries[Int(slot)].key == key { return slot }
            place = (place + 1) & mask
        }
    }

    /// The first place that `find` looks at for this key; 0 when there is no such entry.
    @inline(__always)
    func guess(_ key: UInt64) -> Slot { index[Int(truncatingIfNeeded: key) & mask] }

    /// Whether this place is, or was, that of the key.
    @inline(__always)
    func holds(_ key: UInt64, at guess: Slot) -> Bool { entries[Int(guess)].key == key }

    /// The same as `find`, faster when the guess is right.
    @inline(__always)
    func find(_ key: UInt64, guess: Slot) -> Slot {
        guess != 0 && holds(key, at: guess) && entries[Int(guess)].isTaken == 1 ? guess : find(key)
    }

    // MARK: changing

    /// Adds an entry as the youngest of its queue. There has to be room, and none of that key.
    @discardableResult
    package mutating func insert(
        _ key: UInt64,
        queue: Int,
        value: UInt64 = 0,
        time: UInt32,
        count passes: UInt16 = 0
    ) -> Slot {
        precondition(!isFull, "a full table got another entry")
        var slot = firstFree
        if slot == 0 {
            slot = unused
            unused += 1
        } else {
            firstFree = entries[Int(slot)].later
        }
        entries[Int(slot)] = Entry(key: key, value: value, time: time, count: passes, queue: UInt8(queue), isTaken: 1)
        append(slot, queue)
        count += 1
        var place = Int(truncatingIfNeeded: key) & mask
        while index[place] != 0 { place = (place + 1) & mask }
        index[place] = slot
        return slot
    }

    /// Changes an entry, and makes it the youngest of a queue.
    package mutating func renew(_ slot: Slot, queue: Int, value: UInt64, time: UInt32, count passes: UInt16) {
        let isNextInWalk = slot == walker
        unlink(slot)
        entries[Int(slot)].value = value
        entries[Int(slot)].time = time
        entries[Int(slot)].count = passes
        entries[Int(slot)].queue = UInt8(queue)
        append(slot, queue)
        // It was the last of its queue, and is so again: the walk has not been there.
        if isNextInWalk, walker == 0 { walker = slot }
    }

    package mutating func remove(_ slot: Slot) {
        precondition(entries[Int(slot)].isTaken == 1, "an entry that is gone was removed")
        unlink(slot)
        removeFromIndex(slot)
        entries[Int(slot)].isTaken = 0
        entries[Int(slot)].later = firstFree
        firstFree = slot
        count -= 1
    }

    /// Takes it out and moves up those that were pushed past it, so that no probe finds a gap too early.
    private mutating func removeFromIndex(_ slot: Slot) {
        var gap = Int(truncatingIfNeeded: entries[Int(slot)].key) & mask
        while index[gap] != slot { gap = (gap + 1) & mask }
        var probe = (gap + 1) & mask
        while index[probe] != 0 {
            let home = Int(truncatingIfNeeded: entries[Int(index[probe])].key) & mask
            // Does the way from its home to here lead over the gap?
            if (probe - home) & mask >= (probe - gap) & mask {
                index[gap] = index[probe]
                gap = probe
            }
            probe = (probe + 1) & mask
        }
        index[gap] = 0
    }

    // MARK: queues

    private mutating func append(_ slot: Slot, _ queue: Int) {
        let last = tails[queue]
        entries[Int(slot)].earlier = last
        entries[Int(slot)].later = 0
        if last == 0 { heads[queue] = slot } else { entries[Int(last)].later = slot }
        tails[queue] = slot
        counts[queue] += 1
    }

    private mutating func unlink(_ slot: Slot) {
        let queue = Int(entries[Int(slot)].queue)
        let (earlier, later) = (entries[Int(slot)].earlier, entries[Int(slot)].later)
        if slot == walker { walker = later }
        if earlier == 0 { heads[queue] = later } else { entries[Int(earlier)].later = later }
        if later == 0 { tails[queue] = earlier } else { entries[Int(later)].earlier = earlier }
        counts[queue] -= 1
    }
}
