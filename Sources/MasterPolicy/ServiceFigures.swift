//===----------------------------------------------------------------------===//
// Quartermaster: what a service has been through, in figures
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What one service has done and suffered since it was added, for whoever looks at master. Decides nothing, and is kept
/// without allocation: a fixed number of fixed-size values.
///
/// Times are those of what master has heard, which comes late by a millisecond in a storm of reports (`ReportPacing`).
/// Sums and numbers only grow; a rate is the difference of two readings. `since` and `until` say what they span.
package struct ServiceFigures: Hashable, Sendable {
    /// The service was added then.
    package internal(set) var since = PolicyTime(milliseconds: 0)
    /// The sums of times are counted up to this moment.
    package internal(set) var until = PolicyTime(milliseconds: 0)

    /// Milliseconds of all busy processes together. Divided by the time between two readings: how many are busy on
    /// average; by the process limit as well: the utilisation.
    package internal(set) var busyMilliseconds: Int64 = 0
    /// How long the limit was reached and all processes were busy.
    package internal(set) var saturatedMilliseconds: Int64 = 0
    /// How much of that clients waited, as far as looks tell, which come once a second then.
    package internal(set) var crowdedMilliseconds: Int64 = 0
    /// The limit is reached, and the last look since then saw clients.
    var isCrowded = false

    /// Clients in the queue when it was looked at last: 0 also where the kernel does not tell, and 1 for one or more
    /// where they were not counted.
    package internal(set) var clientsWaiting: Int32 = 0
    /// When that was; nil before the first look.
    package internal(set) var lookedAt: PolicyTime?
    /// How many may wait, as the kernel has it; 0 while that was not seen.
    package internal(set) var queueRoom: Int32 = 0
    /// Clients that found no room (TCP), and counts that found the queue full (all others).
    package internal(set) var overflows: UInt64 = 0
    /// When that was noticed last.
    package internal(set) var lastOverflow: PolicyTime?

    /// How often a process said TAKEN and became busy.
    package internal(set) var uses: UInt64 = 0
    /// Processes that were started.
    package internal(set) var starts: UInt64 = 0
    /// From a process's fork to its first TAKEN: it is up and has work.
    package internal(set) var readyTimes = TimeHistogram()

    /// Processes that ended with status 0.
    package internal(set) var cleanExits: UInt64 = 0
    /// With another status.
    package internal(set) var failedExits: UInt64 = 0
    /// By a signal.
    package internal(set) var killedExits: UInt64 = 0
    /// Of all these, processes that were never heard of before their end.
    package internal(set) var neverReady: UInt64 = 0

    package internal(set) var throttles: UInt64 = 0
    /// Times that stress began; it ends by itself.
    package internal(set) var stressOnsets: UInt64 = 0
    package internal(set) var wakeups: UInt64 = 0
    /// Nil while there was none.
    package internal(set) var lastTrouble: ServiceTrouble?

    init() {}

    init(since now: PolicyTime) {
        since = now
        until = now
    }

    /// Time went by, in which `busy` processes were busy.
    mutating func pass(until now: PolicyTime, busy: Int32, isSaturated: Bool) {
        let passed = max(now.milliseconds - until.milliseconds, 0)
        until = now
        busyMilliseconds &+= passed &* Int64(busy)
        guard isSaturated else { return }
        saturatedMilliseconds &+= passed
        if isCrowded { crowdedMilliseconds &+= passed }
    }

    mutating func looked(waiting: Int32, isSaturated: Bool, _ now: PolicyTime) {
        clientsWaiting = waiting
        lookedAt = now
        isCrowded = isSaturated && waiting > 0
    }
}

/// How often something took how long, in powers of two: of the last time that a process took to start, its order of
/// magnitude is of interest.
package struct TimeHistogram: Hashable, Sendable {
    package static var bucketCount: Int { 16 }

    private var counts = InlineArray<16, UInt64>(repeating: 0)
    /// Milliseconds of all of them.
    package internal(set) var sum: UInt64 = 0

    package init() {}

    /// How many took less than `upperBound(bucket)` milliseconds, and not less than the bucket before has.
    package internal(set) subscript(bucket: Int) -> UInt64 {
        get { counts[bucket] }
        _modify { yield &counts[bucket] }
    }

    /// In milliseconds: 1, 2, 4 and so on; nil for the last bucket, which has no bound.
    package static func upperBound(_ bucket: Int) -> Int64? { bucket == bucketCount - 1 ? nil : 1 << bucket }

    mutating func add(milliseconds: Int64) {
        let bits = milliseconds <= 0 ? 0 : Int64.bitWidth - milliseconds.leadingZeroBitCount
        counts[min(bits, Self.bucketCount - 1)] &+= 1
        sum &+= UInt64(max(milliseconds, 0))
    }

    package static func == (left: TimeHistogram, right: TimeHistogram) -> Bool {
        left.sum == right.sum && left.counts.indices.allSatisfy { left.counts[$0] == right.counts[$0] }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(sum)
        for bucket in counts.indices { hasher.combine(counts[bucket]) }
    }
}

/// What went wrong last in a service. The words are found by whoever shows it.
package struct ServiceTrouble: Hashable, Sendable {
    package internal(set) var kind: Kind
    /// 0 where it is not about one process.
    package internal(set) var pid: Int32
    /// What the kind says.
    package internal(set) var number: Int32
    package internal(set) var time: PolicyTime

    package enum Kind: UInt8, Sendable {
        /// A process ended with `number`, which is not 0.
        case exitStatus
        /// Signal `number` ended a process.
        case signal
        /// No process could be made.
        case forkFailed
        /// The kernel had no room for a status channel.
        case noChannel
        /// The kernel had no room for watching the endpoints.
        case noWatch
        /// Clients waited and `number` idle processes did not take them.
        case queueStands
        /// The limit of `number` processes was reached, and clients wait or may have to.
        case processLimit
        /// The service was removed, and `number` of its processes had to be killed.
        case removalForced
        /// A process sent a status that there is none, `number`.
        case unknownStatus
        /// On the service's channel came a report about a process of another service.
        case foreignReport
        /// `number` clients found no room in the queue, or it was found full.
        case overflow
    }
}

extension Service {
    /// Children that serve a client, retired ones included.
    var busy: Int32 { total - idle - retiredIdle }

    /// Brings the figures up to `now`: before the counts or the coverage change.
    mutating func account(until now: PolicyTime) {
        if now == figures.until { return }
        figures.pass(until: now, busy: busy, isSaturated: coverage == .saturated)
    }

    mutating func suffered(_ kind: ServiceTrouble.Kind, pid: Int32 = 0, number: Int32 = 0, _ now: PolicyTime) {
        figures.lastTrouble = ServiceTrouble(kind: kind, pid: pid, number: number, time: now)
        untold.insert(.figures)
    }
}
