//===----------------------------------------------------------------------===//
// Quartermaster: greylisting
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// How greylisting is done. Times are seconds.
package struct GreylistRules: Equatable, Sendable {
    /// How long a triplet has to wait that is seen for the first time.
    package var delay: Int
    /// How long after its first attempt it may come back; later, it begins anew.
    package var retryWindow: Int
    /// How long a triplet that has passed, or a network that is known, is remembered without being seen.
    package var lifetime: Int
    /// Triplets of a network that have to pass before all of its mail does; 0: never.
    package var autoAllowAfter: Int

    package init(delay: Int, retryWindow: Int, lifetime: Int, autoAllowAfter: Int) {
        self.delay = delay
        self.retryWindow = retryWindow
        self.lifetime = lifetime
        self.autoAllowAfter = autoAllowAfter
    }

    /// A window that is over before the delay is would let nobody in, ever.
    ///
    /// - Returns: what was done about it, for the log; nil when it was long enough.
    package mutating func widenWindow() -> String? {
        if retryWindow >= delay + Self.leastWindow { return nil }
        let asked = retryWindow
        retryWindow = delay + max(delay, Self.leastWindow)
        return "policyd_greylist_retry_window (\(asked)s) leaves no time after policyd_greylist_delay (\(delay)s)"
            + " -- using \(retryWindow)s"
    }

    /// Seconds to come back in.
    private static let leastWindow = 60

    static let none = GreylistRules(delay: 0, retryWindow: 0, lifetime: 0, autoAllowAfter: 0)
}

/// Remembers triplets of client network, sender and recipient, and networks whose triplets have passed.
///
///     entry     because                        time           leads to
///     --------  -----------------------------  -------------  -----------------------------------------
///     pending   a triplet was seen             first attempt  passed, when it comes back in time;
///                                                             pending anew, when it is too late
///     passed    it came back in time           last seen      forgotten after `lifetime`
///     network   triplets of it have passed     last seen      lets all of its triplets pass, once `count` is
///                                                             `autoAllowAfter`
///
/// A full table forgets the oldest pending triplet first: senders that never come back cost those that do nothing. A
/// quarter of the table is kept for each kind, though, so that a table full of old friends lets strangers in.
struct Greylist: ~Copyable {
    enum Kind: Int { case pending, passed, network }

    /// Entries that one decision forgets because their time is over, at most.
    private static let expiriesAtOnce = 4
    /// A time of last seen that is no older than this part of `lifetime` is good enough: most mail changes nothing.
    private static let precision = 64

    let rules: GreylistRules
    var table: AgedTable
    /// Entries that were forgotten before their time.
    private(set) var evictions = 0

    init(_ rules: GreylistRules, capacity: Int) {
        self.rules = rules
        table = AgedTable(capacity: capacity)
    }

    /// How many seconds the triplet has to wait; 0: it passes.
    mutating func check(_ triplet: UInt64, of network: UInt64, now: UInt32, _ changes: inout StateChanges) -> Int {
        expire(now: now)
        if rules.autoAllowAfter > 0 {
            let slot = table.find(network)
            if slot != 0, Int(table[slot].count) >= rules.autoAllowAfter, !isOver(slot, now) {
                touch(slot, now, &changes)
                return 0
            }
        }
        let slot = table.find(triplet)
        if slot == 0 {
            makeRoom()
            record(table.insert(triplet, queue: Kind.pending.rawValue, time: now), &changes)
            return rules.delay
        }
        let isPassed = table[slot].queue == UInt8(Kind.passed.rawValue)
        if isOver(slot, now) || !isPassed && table[slot].time > now { return begin(slot, now, &changes) }
        if isPassed {
            touch(slot, now, &changes)
            return 0
        }
        let waited = elapsed(table[slot].time, now)
        if waited < rules.delay { return rules.delay - waited }
        renew(slot, .passed, now, count: 1, &changes)
        if rules.autoAllowAfter > 0 { countPass(of: network, now, &changes) }
        return 0
    }

    /// Its time is over, or has not come: as if it had never been seen.
    private mutating func begin(_ slot: AgedTable.Slot, _ now: UInt32, _ changes: inout StateChanges) -> Int {
        table.renew(slot, queue: Kind.pending.rawValue, value: 0, time: now, count: 0)
        record(slot, &changes)
        return rules.delay
    }

    private mutating func countPass(of network: UInt64, _ now: UInt32, _ changes: inout StateChanges) {
        var slot = table.find(network)
        if slot == 0 {
            makeRoom()
            slot = table.insert(network, queue: Kind.network.rawValue, time: now, count: 1)
            return record(slot, &changes)
        }
        let count = isOver(slot, now) ? 0 : table[slot].count
        renew(slot, .network, now, count: count == .max ? .max : count + 1, &changes)
    }

    // MARK: time

    /// A clock that was set back is taken for one that stood still: what has a time to come was seen now. A triplet
    /// that waits gets the time of now, else it would wait for as long as the clock was ahead; another one gets it when
    /// it is the oldest of its kind.
    private func elapsed(_ time: UInt32, _ now: UInt32) -> Int { now > time ? Int(now - time) : 0 }

    private func isOver(_ slot: AgedTable.Slot, _ now: UInt32) -> Bool {
        let isPending = table[slot].queue == UInt8(Kind.pending.rawValue)
        return elapsed(table[slot].time, now) > (isPending ? rules.retryWindow : rules.lifetime)
    }

    private mutating func touch(_ slot: AgedTable.Slot, _ now: UInt32, _ changes: inout StateChanges) {
        // A time to come is left alone: it may be now that the clock is wrong, and nobody shall be forgotten for it.
        guard elapsed(table[slot].time, now) > rules.lifetime / Self.precision else { return }
        let kind = Kind(rawValue: Int(table[slot].queue)) ?? .passed
        renew(slot, kind, now, count: table[slot].count, &changes)
    }

    private mutating func renew(
        _ slot: AgedTable.Slot,
        _ kind: Kind,
        _ now: UInt32,
        count: UInt16,
        _ changes: inout StateChanges
    ) {
        table.renew(slot, queue: kind.rawValue, value: 0, time: now, count: count)
        record(slot, &changes)
    }

    private func record(_ slot: AgedTable.Slot, _ changes: inout StateChanges) {
        changes.append(StateRecord(.greylist, table[slot]))
    }

    // MARK: room

    /// Forgets some of what is over, the oldest of each kind.
    private mutating func expire(now: UInt32) {
        for kind in 0..<AgedTable.queues {
            for _ in 0..<Self.expiriesAtOnce {
                let slot = table.oldest(ofQueue: kind)
                if slot == 0 { break }
                if isOver(slot, now) {
                    table.remove(slot)
                } else if table[slot].time > now {
                    // It would keep those behind it from being forgotten.
                    table.renew(slot, queue: kind, value: 0, time: now, count: table[slot].count)
                } else {
                    break
                }
            }
        }
    }

    private mutating func makeRoom() {
        guard table.isFull else { return }
        let share = table.capacity / 4
        // Three kinds in four quarters: one of them has more than its own, and is not empty.
        var kind = Kind.pending.rawValue
        while table.count(ofQueue: kind) <= share { kind += 1 }
        table.remove(table.oldest(ofQueue: kind))
        evictions += 1
    }

    // MARK: saved state

    /// Puts a saved entry in as the youngest of its kind.
    ///
    /// - Parameter guess: where an entry of its key was, before others were put in; 0 when that is not known.
    mutating func restore(_ saved: StateRecord, guess: AgedTable.Slot, now: UInt32) {
        guard Int(saved.queue) < AgedTable.queues else { return }
        var slot = table.find(saved.key, guess: guess)
        if slot == 0 {
            makeRoom()
            slot = table.insert(saved.key, queue: Int(saved.queue), time: saved.time, count: saved.count)
        } else {
            table.renew(slot, queue: Int(saved.queue), value: 0, time: saved.time, count: saved.count)
        }
        if isOver(slot, now) { table.remove(slot) }
    }
}
