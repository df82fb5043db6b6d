//===----------------------------------------------------------------------===//
// Quartermaster: rate limits
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// What may be limited for each unit of time. The raw value is part of the hash that stands for a client or address.
package enum RateLimit: UInt8, CaseIterable, Sendable {
    case clientMessages = 1
    case clientRecipients
    case senderMessages
    case senderRecipients
    case userMessages
    case userRecipients
    case recipientMessages

    /// Whether recipients are counted, and not messages.
    var countsRecipients: Bool {
        switch self {
        case .clientRecipients, .senderRecipients, .userRecipients: true
        case .clientMessages, .senderMessages, .userMessages, .recipientMessages: false
        }
    }
}

/// How much is allowed of each; 0 is no limit.
package struct RateRules: Equatable, Sendable {
    /// Seconds.
    package var timeUnit: Int
    private var limits = InlineArray<8, Int>(repeating: 0)

    package init(timeUnit: Int) { self.timeUnit = timeUnit }

    package subscript(limit: RateLimit) -> Int {
        get { limits[Int(limit.rawValue)] }
        set { limits[Int(limit.rawValue)] = newValue }
    }

    package var hasLimits: Bool { RateLimit.allCases.contains { self[$0] > 0 } }

    package static func == (left: RateRules, right: RateRules) -> Bool {
        left.timeUnit == right.timeUnit && RateLimit.allCases.allSatisfy { left[$0] == right[$0] }
    }
}

/// Token buckets: each holds as many tokens as its limit, and gets as many back in a unit of time, one after the other.
///
/// Of a bucket one number is kept: the moment at which it is full again, in microseconds since 1970 (the "generic cell
/// rate algorithm"). One that is full need not be kept at all, so nothing is lost when its entry is forgotten after a
/// unit of time; when the table is full before that, the bucket that was used least recently counts as full.
struct RateBuckets: ~Copyable {
    private static let expiriesAtOnce = 8

    let rules: RateRules
    private let unit: Int64
    var table: AgedTable
    /// Buckets that were forgotten before they were full.
    private(set) var evictions = 0

    init(_ rules: RateRules, capacity: Int) {
        self.rules = rules
        unit = Int64(rules.timeUnit) * 1_000_000
        table = AgedTable(capacity: capacity)
    }

    /// Microseconds that one token takes to come back.
    private func interval(_ limit: RateLimit) -> Int64 { max(unit / Int64(rules[limit]), 1) }

    /// How many seconds it takes until there are `tokens` in the bucket; 0: they are there. More than the limit never
    /// are: then it is a unit of time.
    mutating func secondsToWait(for tokens: Int, _ limit: RateLimit, _ key: UInt64, now: Int64) -> Int {
        if tokens > rules[limit] { return rules.timeUnit }
        let interval = interval(limit)
        let whole = interval * Int64(rules[limit])
        let slot = table.find(key)
        if slot != 0 { bringBack(slot, now: now) }
        // What an earlier and larger limit has left is a bucket that is empty now.
        let full = slot == 0 ? now : min(Int64(bitPattern: table[slot].value), now + whole)
        let excess = max(full, now) + interval * Int64(tokens) - whole - now
        return excess <= 0 ? 0 : Int((excess + 999_999) / 1_000_000)
    }

    mutating func take(
        _ tokens: Int,
        _ limit: RateLimit,
        _ key: UInt64,
        now: Int64,
        _ changes: inout StateChanges
    ) {
        let seconds = UInt32(clamping: now / 1_000_000)
        expire(now: seconds)
        let interval = interval(limit)
        var slot = table.find(key)
        if slot == 0 {
            if table.isFull {
                table.remove(table.oldest(ofQueue: 0))
                evictions += 1
            }
            slot = table.insert(key, queue: 0, time: seconds)
        }
        let full = min(Int64(bitPattern: table[slot].value), now + interval * Int64(rules[limit]))
        let later = max(full, now) + interval * Int64(tokens)
        table.renew(slot, queue: 0, value: UInt64(bitPattern: later), time: seconds, count: 0)
        changes.append(StateRecord(.rates, table[slot]))
    }

    /// A clock that was set back is taken for one that stood still: what was used at a time to come was used now.
    private mutating func bringBack(_ slot: AgedTable.Slot, now: Int64) {
        let seconds = UInt32(clamping: now / 1_000_000)
        let (value, time) = (table[slot].value, table[slot].time)
        if time <= seconds { return }
        table.renew(slot, queue: 0, value: Self.full(value, time, now), time: seconds, count: 0)
    }

    /// When a bucket is full that was used at `time`.
    private static func full(_ value: UInt64, _ time: UInt32, _ now: Int64) -> UInt64 {
        UInt64(max(Int64(bitPattern: value) - max(Int64(time) * 1_000_000 - now, 0), 0))
    }

    private func isOver(_ slot: AgedTable.Slot, _ now: UInt32) -> Bool {
        now > table[slot].time && Int(now - table[slot].time) > rules.timeUnit
    }

    private mutating func expire(now: UInt32) {
        for _ in 0..<Self.expiriesAtOnce {
            let slot = table.oldest(ofQueue: 0)
            if slot == 0 { break }
            if isOver(slot, now) {
                table.remove(slot)
            } else if table[slot].time > now {
                // It would keep those behind it from being forgotten.
                bringBack(slot, now: Int64(now) * 1_000_000)
            } else {
                break
            }
        }
    }

    /// Puts a saved bucket in as the one used last.
    ///
    /// - Parameter guess: where an entry of its key was, before others were put in; 0 when that is not known.
    mutating func restore(_ saved: StateRecord, guess: AgedTable.Slot, now: UInt32) {
        guard saved.queue == 0, Int64(bitPattern: saved.value) >= 0 else { return }
        var slot = table.find(saved.key, guess: guess)
        if slot == 0 {
            if table.isFull {
                table.remove(table.oldest(ofQueue: 0))
                evictions += 1
            }
            slot = table.insert(saved.key, queue: 0, value: saved.value, time: saved.time)
        } else {
            table.renew(slot, queue: 0, value: saved.value, time: saved.time, count: 0)
        }
        if isOver(slot, now) { table.remove(slot) }
    }
}
