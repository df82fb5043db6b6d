//===----------------------------------------------------------------------===//
// Quartermaster: clients whom a full service keeps waiting
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What the kernel tells of the queues of a service when its clients are counted.
package struct QueueCount: Hashable, Sendable {
    /// Clients in the queues; 0 where that cannot be seen, 1 for one or more where they cannot be counted.
    package var waiting: Int32
    /// How many may wait at an endpoint; 0 where that cannot be seen.
    package var room: Int32
    /// Clients that found no room since the endpoints were made, where the kernel counts them (TCP). It only grows, but
    /// for those of an endpoint that has gone, which are not in it any more.
    package var turnedAway: UInt64
    /// Of the endpoints at which the kernel does not count them (all others): one has no room left.
    package var isFull: Bool
    /// The queue was only looked at, and it was empty: the rest is not known.
    package private(set) var isLookOnly = false

    package init(waiting: Int32 = 0, room: Int32 = 0, turnedAway: UInt64 = 0, isFull: Bool = false) {
        self.waiting = waiting
        self.room = room
        self.turnedAway = turnedAway
        self.isFull = isFull
    }

    /// Nobody waits.
    package static var empty: QueueCount {
        var count = QueueCount()
        count.isLookOnly = true
        return count
    }
}

/// For how long clients have been waiting at a full service, and what was said about it.
///
///     at a count, the service is | clients wait | since two seconds, in every count | what follows
///     ---------------------------+--------------+-----------------------------------+-----------------------------
///     full                       | no           | any                               | the time begins anew
///     full                       | yes          | no                                | nothing
///     full                       | yes          | yes                               | a note, once in an interval
///     any                        | any, and the queue overflowed since the last count | a note, once in an interval
///
/// A queue that is emptied at once is what busy services have; only one that stands is worth a word. Clients of a
/// service that is throttled, drained, disabled or without a channel are counted, too, for whoever looks at master; why
/// they wait was said already.
struct Crowd: Hashable, Sendable {
    /// Every count since then has seen clients.
    var since: PolicyTime?
    var lastCount: PolicyTime?
    /// What `QueueCount.turnedAway` was.
    var turnedAway: UInt64 = 0
    var lastWaitNote: PolicyTime?
    var lastOverflowNote: PolicyTime?
    /// Overflows since then.
    var unnotedOverflows: UInt64 = 0

    /// Between two counts. Nothing depends on them, so they are rare.
    static let countMilliseconds: Int64 = 1000
    /// How long clients must have been waiting.
    private static let patienceMilliseconds: Int64 = 2000
    /// A count that is older belongs to another time.
    private static let staleMilliseconds: Int64 = 3000

    /// Milliseconds until the next count; 0 when it may be now.
    func pause(_ now: PolicyTime) -> Int64 {
        guard let lastCount else { return 0 }
        let rest = lastCount.milliseconds + Self.countMilliseconds - now.milliseconds
        return min(max(rest, 0), Self.countMilliseconds)
    }

    /// Takes a count; how often the queue overflowed since the one before.
    mutating func take(_ count: QueueCount, isFull: Bool, _ now: PolicyTime) -> UInt64 {
        // What was seen before a pause says nothing.
        let isFresh = lastCount.map { now.milliseconds - $0.milliseconds <= Self.staleMilliseconds } ?? false
        lastCount = now
        if !isFull || count.waiting == 0 {
            since = nil
        } else if since == nil || !isFresh {
            since = now
        }
        // When an endpoint has gone, the new ones among the rest cannot be told from the old ones, which were told.
        let fresh = count.turnedAway >= turnedAway ? count.turnedAway - turnedAway : 0
        turnedAway = count.turnedAway
        let overflows = fresh &+ (count.isFull ? 1 : 0)
        unnotedOverflows &+= overflows
        return overflows
    }

    mutating func lookedAtEmpty(_ now: PolicyTime) { (since, lastCount) = (nil, now) }

    func hasLasted(_ now: PolicyTime) -> Bool {
        since.map { now.milliseconds - $0.milliseconds >= Self.patienceMilliseconds } ?? false
    }
}

// A count decides nothing; it is for whoever looks at master, and for the log.
extension Policy {
    /// Nobody takes clients now: how many that keeps waiting is counted now and then.
    mutating func countSoon(_ slot: Int, _ now: PolicyTime) {
        if services[slot].looks.due == nil { planLook(slot, after: Crowd.countMilliseconds, now) }
    }

    /// A look is due at a service whose clients have to wait.
    mutating func countIfDue(_ slot: Int, _ now: PolicyTime) {
        let pause = services[slot].crowd.pause(now)
        if pause > 0 { planLook(slot, after: pause, now) } else { want(.countClients(services[slot].id)) }
    }

    /// The answer to `countClients`.
    package mutating func clientsCounted(_ id: ServiceID, _ count: QueueCount, now: PolicyTime) {
        guard let slot = activeSlot(of: id) else { return }
        let isSaturated = services[slot].coverage == .saturated
        services[slot].account(until: now)
        services[slot].figures.looked(waiting: count.waiting, isSaturated: isSaturated, now)
        tell(slot, .load)
        defer { if services[slot].keepsWaiting { countSoon(slot, now) } }
        if count.isLookOnly { return services[slot].crowd.lookedAtEmpty(now) }
        let overflows = services[slot].crowd.take(count, isFull: isSaturated, now)
        if overflows > 0 || services[slot].figures.queueRoom != count.room { tell(slot, .figures) }
        services[slot].figures.queueRoom = count.room
        if overflows > 0 {
            counters.overflows &+= overflows
            services[slot].figures.overflows &+= overflows
            services[slot].figures.lastOverflow = now
            services[slot].suffered(.overflow, number: Int32(clamping: overflows), now)
        }
        noteWait(slot, count, now)
        noteOverflow(slot, count, now)
    }

    private mutating func noteWait(_ slot: Int, _ count: QueueCount, _ now: PolicyTime) {
        let service = services[slot]
        guard service.crowd.hasLasted(now), service.retiredIdle == 0 else { return }
        guard service.isWarningDue(after: service.crowd.lastWaitNote, now) else { return }
        services[slot].crowd.lastWaitNote = now
        counters.limitNotes += 1
        // An overflow at the same time is the worse trouble.
        if service.figures.lastOverflow != now {
            services[slot].suffered(.processLimit, number: service.rules.processLimit, now)
            tell(slot, .figures)
        }
        note(.processLimit(service.id, limit: service.rules.processLimit, waiting: count.waiting))
    }

    private mutating func noteOverflow(_ slot: Int, _ count: QueueCount, _ now: PolicyTime) {
        let crowd = services[slot].crowd
        guard crowd.unnotedOverflows > 0, services[slot].isWarningDue(after: crowd.lastOverflowNote, now) else {
            return
        }
        services[slot].crowd.lastOverflowNote = now
        services[slot].crowd.unnotedOverflows = 0
        note(.queueOverflowed(services[slot].id, times: crowd.unnotedOverflows, room: count.room))
    }
}

extension Service {
    /// Whoever comes has to wait, and neither children nor master notice it.
    var keepsWaiting: Bool {
        switch coverage {
        case .saturated, .held, .noChannel, .throttled: idle == 0
        case .leaving, .spawning, .idleChild, .uncovered: false
        }
    }

    /// Whether the interval between two warnings of a kind has passed.
    func isWarningDue(after last: PolicyTime?, _ now: PolicyTime) -> Bool {
        last.map { now > $0.advanced(bySeconds: Int(rules.warningSeconds)) } ?? true
    }
}
