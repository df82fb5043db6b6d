//===----------------------------------------------------------------------===//
// Quartermaster: PolicyDecisions, what to answer to smtpd, without input or output
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// What is asked of every message.
package struct PolicyRules: Equatable, Sendable {
    /// Nil: no greylisting.
    package var greylist: GreylistRules?
    package var rates: RateRules
    /// Bits of an address that greylisting takes for one network.
    package var greylistPrefix = Prefix(ipv4: 24, ipv6: 64)
    /// Bits of an address that limits take for one client.
    package var ratePrefix = Prefix(ipv4: 32, ipv6: 64)
    /// Whether clients that have logged in are greylisted, too.
    package var greylistsUsers = false
    /// Entries of each of the two tables.
    package var greylistCapacity = 65_536
    package var rateCapacity = 65_536

    package struct Prefix: Equatable, Sendable {
        package var ipv4: Int
        package var ipv6: Int
        package init(ipv4: Int, ipv6: Int) {
            self.ipv4 = ipv4
            self.ipv6 = ipv6
        }
    }

    package init(greylist: GreylistRules?, rates: RateRules) {
        self.greylist = greylist
        self.rates = rates
    }
}

/// What becomes of a question.
package enum PolicyVerdict: Equatable, Sendable {
    /// A list allows it.
    case allowed
    /// Nothing is asked of it at this stage, or by these rules.
    case unconcerned
    /// It was counted, or has waited long enough.
    case passed
    case greylisted(seconds: Int)
    case limited(RateLimit, seconds: Int)
}

/// Everything that is remembered, and the decisions. What a decision changes is in `changes` until the next one: it
/// must be saved before anybody hears of the decision.
///
/// A question costs no allocation and no more for full tables than for empty ones.
package struct PolicyState: ~Copyable {
    /// Messages that are under way at a time, as far as they are told apart.
    private static let instances = 4096

    private let rules: PolicyRules
    private let hasLimits: Bool
    private let key: HashKey
    private var greylist: Greylist
    private var buckets: RateBuckets
    /// Messages that were counted: of each, smtpd asks several times. Not saved: after a restart, a message that is
    /// under way counts once more.
    private var counted: AgedTable
    package private(set) var changes = StateChanges()

    package init(_ rules: PolicyRules, key: HashKey) {
        self.rules = rules
        hasLimits = rules.rates.hasLimits
        self.key = key
        // What is not asked for has a table, too, of one entry that is never used.
        greylist = Greylist(rules.greylist ?? .none, capacity: rules.greylist == nil ? 1 : rules.greylistCapacity)
        buckets = RateBuckets(rules.rates, capacity: hasLimits ? rules.rateCapacity : 1)
        counted = AgedTable(capacity: Self.instances)
    }

    /// - Parameters:
    ///   - input: where the ranges of `request` are.
    ///   - now: microseconds since 1970.
    package mutating func decide(
        _ request: PolicyRequest,
        _ input: borrowing RawSpan,
        _ lists: borrowing AllowLists,
        now: Int64
    ) -> PolicyVerdict {
        changes.removeAll()
        if request.stage == .other { return .unconcerned }
        let address = ClientAddress(input.extracting(request.clientAddress))
        if lists.allow(request, input, address) { return .allowed }
        let isForGreylist = request.stage == .recipient && (request.user.isEmpty || rules.greylistsUsers)
        let isGreylisted = isForGreylist && rules.greylist != nil
        if isGreylisted {
            let seconds = wait(request, input, address, now: UInt32(clamping: now / 1_000_000))
            if seconds > 0 { return .greylisted(seconds: seconds) }
        }
        if hasLimits { return count(request, input, address, now: now) }
        return isGreylisted ? .passed : .unconcerned
    }

    // MARK: greylisting

    private mutating func wait(
        _ request: PolicyRequest,
        _ input: borrowing RawSpan,
        _ address: ClientAddress?,
        now: UInt32
    ) -> Int {
        var network = subject(Self.networkTag, input, request.clientAddress, address, rules.greylistPrefix)
        let networkKey = network.value
        network.add(Self.tripletTag)
        network.addField(input.extracting(request.sender))
        network.addField(input.extracting(request.recipient))
        return greylist.check(network.value, of: networkKey, now: now, &changes)
    }

    // MARK: limits

    /// All limits are looked at before anything is counted: what is refused uses nothing up.
    private mutating func count(
        _ request: PolicyRequest,
        _ input: borrowing RawSpan,
        _ address: ClientAddress?,
        now: Int64
    ) -> PolicyVerdict {
        let seconds = UInt32(clamping: now / 1_000_000)
        let message = instance(request, input)
        let isCounted = message != 0 && counted.find(message) != 0
        // At DATA, and after a question at DATA, there is nothing new.
        if request.stage == .message, isCounted { return .passed }
        let recipients = request.stage == .recipient ? 1 : max(request.recipientCount, 1)
        let base = subject(0, input, request.clientAddress, address, rules.ratePrefix)
        var keys = InlineArray<8, UInt64>(repeating: 0)
        var tokens = InlineArray<8, Int>(repeating: 0)
        for limit in RateLimit.allCases where rules.rates[limit] > 0 {
            let needed = limit.countsRecipients ? recipients : limit == .recipientMessages || !isCounted ? 1 : 0
            guard needed > 0, let key = hash(limit, request, input, base) else { continue }
            let wait = buckets.secondsToWait(for: needed, limit, key, now: now)
            if wait > 0 { return .limited(limit, seconds: wait) }
            keys[Int(limit.rawValue)] = key
            tokens[Int(limit.rawValue)] = needed
        }
        for limit in RateLimit.allCases where tokens[Int(limit.rawValue)] > 0 {
            let place = Int(limit.rawValue)
            buckets.take(tokens[place], limit, keys[place], now: now, &changes)
        }
        if message != 0, !isCounted { remember(message, seconds) }
        return .passed
    }

    /// Whose bucket it is; nil for somebody who has none.
    private func hash(
        _ limit: RateLimit,
        _ request: PolicyRequest,
        _ input: borrowing RawSpan,
        _ client: KeyedHash
    ) -> UInt64? {
        let value: Range<Int>
        switch limit {
        case .clientMessages, .clientRecipients:
            var hash = client
            hash.add(limit.rawValue)
            return hash.value
        case .senderMessages, .senderRecipients: value = request.sender
        case .userMessages, .userRecipients: value = request.user
        case .recipientMessages: value = request.recipient
        }
        if value.isEmpty { return nil }
        var hash = KeyedHash(key)
        hash.add(limit.rawValue)
        hash.addField(input.extracting(value))
        return hash.value
    }

    /// The message that the question is about; 0 when smtpd does not say.
    private func instance(_ request: PolicyRequest, _ input: borrowing RawSpan) -> UInt64 {
        if request.instance.isEmpty { return 0 }
        var hash = KeyedHash(key)
        hash.add(Self.instanceTag)
        hash.addField(input.extracting(request.instance))
        return max(hash.value, 1)
    }

    private mutating func remember(_ message: UInt64, _ seconds: UInt32) {
        if counted.isFull { counted.remove(counted.oldest(ofQueue: 0)) }
        counted.insert(message, queue: 0, time: seconds)
    }

    // MARK: hashes

    // Above the raw values of limits.
    private static let networkTag: UInt8 = 100
    private static let tripletTag: UInt8 = 101
    private static let instanceTag: UInt8 = 102

    /// The client's network, or whatever stands in place of an address.
    private func subject(
        _ tag: UInt8,
        _ input: borrowing RawSpan,
        _ text: Range<Int>,
        _ address: ClientAddress?,
        _ prefix: PolicyRules.Prefix
    ) -> KeyedHash {
        var hash = KeyedHash(key)
        hash.add(tag)
        if let network = address?.network(ipv4: prefix.ipv4, ipv6: prefix.ipv6) {
            hash.add(network.high)
            hash.add(network.low)
        } else {
            hash.addField(input.extracting(text))
        }
        return hash
    }
}

extension PolicyState {
    // MARK: saved state

    /// Puts saved records in, one after the other; those of a table that these rules do without are passed over.
    package mutating func restore(_ records: borrowing StateRecords, now: Int64) {
        let seconds = UInt32(clamping: now / 1_000_000)
        // Of a large table, neither index nor entries are in the cache of the processor. It fetches those of many keys
        // at a time, when no look depends on the one before.
        var places = InlineArray<64, AgedTable.Slot>(repeating: 0)
        for number in 0..<records.count {
            let key = records[number].key
            places[number] = records[number].table == .greylist ? greylist.table.guess(key) : buckets.table.guess(key)
        }
        for number in 0..<records.count {
            let (table, key, place) = (records[number].table, records[number].key, places[number])
            let isThere =
                table == .greylist ? greylist.table.holds(key, at: place) : buckets.table.holds(key, at: place)
            if !isThere { places[number] = 0 }
        }
        for number in 0..<records.count {
            let (record, place) = (records[number], places[number])
            switch record.table {
            case .greylist: if rules.greylist != nil { greylist.restore(record, guess: place, now: seconds) }
            case .rates: if hasLimits { buckets.restore(record, guess: place, now: seconds) }
            }
        }
    }

    /// One record.
    package mutating func restore(_ record: StateRecord, now: Int64) {
        var records = StateRecords()
        records.append(record)
        restore(records, now: now)
    }

    /// Begins a walk over every entry, which decisions may come between: what one of them changes after the walk was
    /// there is in `changes` then.
    package mutating func beginWalk() {
        greylist.table.beginWalk()
        buckets.table.beginWalk()
    }

    /// The next entry, in an order in which they can be put in again; nil at the end.
    package mutating func nextRecord() -> StateRecord? {
        var slot = greylist.table.nextInWalk()
        if slot != 0 { return StateRecord(.greylist, greylist.table[slot]) }
        slot = buckets.table.nextInWalk()
        return slot == 0 ? nil : StateRecord(.rates, buckets.table[slot])
    }

    /// Entries of both tables.
    package var count: Int { greylistCount + rateCount }
    package var greylistCount: Int { greylist.table.count }
    package var rateCount: Int { buckets.table.count }

    /// Entries that were forgotten for want of room, since the start.
    package var greylistEvictions: Int { greylist.evictions }
    package var rateEvictions: Int { buckets.evictions }
}
