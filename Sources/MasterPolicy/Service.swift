//===----------------------------------------------------------------------===//
// Quartermaster: what the policy knows about one service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One service's counts and flags. Decides who looks after its endpoints; never touches another service or a child.
///
///     leaving | held | channel | throttled | spawn answered | idle | total < limit | coverage     master watches
///     --------+------+---------+-----------+----------------+------+---------------+--------------+--------------
///     yes     | any  | any     | any       | any            | any  | any           | leaving      | no
///     no      | yes  | any     | any       | any            | any  | any           | held         | no
///     no      | no   | missing | any       | any            | any  | any           | noChannel    | no
///     no      | no   | open    | yes       | any            | any  | any           | throttled    | no
///     no      | no   | open    | no        | no, in flight  | any  | any           | spawning     | no
///     no      | no   | open    | no        | yes            | > 0  | any           | idleChild    | no, or stands by
///     no      | no   | open    | no        | yes            | 0    | no            | saturated    | no
///     no      | no   | open    | no        | yes            | 0    | yes, or none  | uncovered    | yes
///
/// It stands by when looks have ended; see `QueueLooks`. "Held" is a service that is drained or disabled; see
/// `Steering`.
struct Service: Sendable, Equatable {
    var id: ServiceID
    var stage = Stage.vacant
    var rules: ServiceRules
    /// What was last acted on; `coverageNow` is what the counts say. They differ only between an event and
    /// `settleWatch`.
    var coverage = Coverage.leaving
    /// What master was asked for last.
    var watch = EndpointWatch.none
    var throttle: Throttle?
    /// Deeds that the kernel refused and that are tried again when `retryDue` has come.
    var owed = OwedDeeds()
    var retryDue: PolicyTime?
    /// Tries in a row to open endpoints again that came to nothing, as far as they count.
    var failedAdmissions: UInt8 = 0
    var spawn = SpawnInFlight.none
    /// Children that accept or are about to: neither busy nor retired.
    var idle: Int32 = 0
    /// Those of them that have not been heard of yet.
    var starting: Int32 = 0
    /// All children that were not reaped yet.
    var total: Int32 = 0
    /// Processes that finish the clients of children that have left; not among the children.
    var draining: Int32 = 0
    /// Retired children that were idle when last heard of; they will be gone in a moment.
    var retiredIdle: Int32 = 0
    var lastSpawn: PolicyTime?
    /// Stress lasts until then.
    var stressUntil: PolicyTime?
    var lastLimitNote: PolicyTime?
    var crowd = Crowd()
    var window = StartWindow()
    var looks = QueueLooks()
    var isAwaitingFirstUse = false
    /// When the next wake-up is sent; nil when there are none.
    var wakeupDue: PolicyTime?
    /// When the patience with the children of a removed service ends.
    var removalDue: PolicyTime?
    var figures = ServiceFigures()
    var steering = Steering()
    var retirement: Retirement?
    /// When its processes are told to leave, after a reload that is spread out; see `Policy+Turns`.
    var turnDue: PolicyTime?
    /// Until when endpoints that it has lost are kept for those in their queues, and when they are looked at next.
    var outgoingEnd: PolicyTime?
    var outgoingLook: PolicyTime?
    /// What is to be told of it, and whether it is on the list of changes. No part of the state.
    var untold = Untold()
    var isListed = false

    enum Stage: UInt8, Sendable {
        /// The slot is free.
        case vacant
        case active
        /// Removed; its last children are on their way out.
        case leaving
    }

    /// A decided but unanswered spawn, and whether its channel has been replaced since.
    enum SpawnInFlight: UInt8, Sendable {
        case none
        case onPresentChannel
        case onReplacedChannel
        /// Another channel has been added since.
        case onFormerChannel
    }

    init(id: ServiceID, rules: ServiceRules) {
        self.id = id
        self.rules = rules
    }

    /// The table above, from the present counts.
    @inline(__always)
    var coverageNow: Coverage {
        if stage != .active { return .leaving }
        if steering.isHeld { return .held }
        if owed.contains(.channel) { return .noChannel }
        if isThrottled { return .throttled }
        if spawn != .none { return .spawning }
        if idle > 0 { return .idleChild }
        return isBelowLimit ? .uncovered : .saturated
    }

    /// The last column of the table, for the coverage that was last acted on.
    @inline(__always)
    var watchWanted: EndpointWatch {
        switch coverage {
        case .uncovered: .alone
        case .idleChild: looks.haveEnded && hasSubstitutes ? .standby : .none
        case .leaving, .held, .noChannel, .throttled, .spawning, .saturated: .none
        }
    }

    /// Acts on the table: what the coverage was, and what it is.
    @inline(__always)
    mutating func settleCoverage(_ now: PolicyTime) -> (before: Coverage, after: Coverage) {
        let (before, after) = (coverage, coverageNow)
        if before != after { account(until: now) }
        coverage = after
        return (before, after)
    }

    var isThrottled: Bool { throttle != nil }

    /// Whether there is, or may be, another process for a client whose own does not take it. With a limit of one there
    /// is nothing to be done: a look counts, and leads to nothing.
    var hasSubstitutes: Bool { rules.processLimit != 1 }

    var isBelowLimit: Bool { rules.processLimit == 0 || total < rules.processLimit }

    var hasRoomForSeveral: Bool { rules.processLimit == 0 || total + 1 < rules.processLimit }

    /// Keeps the counts in step with one child that enters or leaves `state`.
    mutating func count(_ state: ChildState, _ change: Int32) {
        switch state {
        case .starting:
            idle += change
            starting += change
        case .idle: idle += change
        case .retiredIdle: retiredIdle += change
        case .draining: draining += change
        case .busy, .retiredBusy: break
        }
    }
}

/// Why nothing is started for a while, and until when.
struct Throttle: Sendable, Equatable {
    var cause: Cause
    var ends: PolicyTime

    enum Cause: UInt8, Sendable {
        /// fork(2) failed: the machine has no room, whatever the configuration says.
        case failedFork
        /// A child failed before it was of any use; another configuration may cure that.
        case failedStart
    }
}

/// What the kernel refused for want of memory or descriptors.
struct OwedDeeds: OptionSet, Sendable {
    let rawValue: UInt8

    /// There is no status channel, so no child can be started.
    static let channel = OwedDeeds(rawValue: 1)
    /// Endpoints that master should be watching may not be watched.
    static let watch = OwedDeeds(rawValue: 2)
    /// Endpoints that turn clients away may not be opened to them again.
    static let admission = OwedDeeds(rawValue: 4)
}

/// How master watches a service's endpoints.
package enum EndpointWatch: UInt8, Sendable {
    case none
    /// Beside idle children, for one client.
    case standby
    /// It starts a child for the next client.
    case alone
}

/// Who looks after a service's endpoints.
package enum Coverage: UInt8, Sendable {
    /// No process will: the service was removed.
    case leaving
    /// No process will, until the service is resumed or enabled.
    case held
    /// No process can be started until the kernel has room for a status channel; that is tried again soon.
    case noChannel
    /// No new process until the throttle is released.
    case throttled
    /// A child that is being started.
    case spawning
    /// A child that accepts.
    case idleChild
    /// All children are busy, and there may not be more of them.
    case saturated
    /// Master itself.
    case uncovered
}
