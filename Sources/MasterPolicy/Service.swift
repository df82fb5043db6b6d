//===----------------------------------------------------------------------===//
// Quartermaster: what the policy knows about one service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One service's counts and flags. Decides who looks after its endpoints; never touches another service or a child.
///
///     leaving | throttled | spawn answered | idle | total < limit | coverage     master watches
///     --------+-----------+----------------+------+---------------+--------------+--------------
///     yes     | any       | any            | any  | any           | leaving      | no
///     no      | yes       | any            | any  | any           | throttled    | no
///     no      | no        | no, in flight  | any  | any           | spawning     | no
///     no      | no        | yes            | > 0  | any           | idleChild    | no
///     no      | no        | yes            | 0    | no            | saturated    | no
///     no      | no        | yes            | 0    | yes, or none  | uncovered    | yes
struct Service: Sendable {
    var id: ServiceID
    var stage = Stage.vacant
    var rules: ServiceRules
    /// What was last acted on; see `coverageNow`.
    var coverage = Coverage.leaving
    var isThrottled = false
    var spawn = SpawnInFlight.none
    /// Children that accept or are about to: neither busy nor retired.
    var idle: Int32 = 0
    /// Those of them that have not been heard of yet.
    var starting: Int32 = 0
    /// All children that were not reaped yet.
    var total: Int32 = 0
    /// Retired children that were idle when last heard of; they will be gone in a moment.
    var retiredIdle: Int32 = 0
    /// Stress lasts until then.
    var stressUntil: PolicyTime?
    var lastLimitNote: PolicyTime?
    var window = StartWindow()
    var isAwaitingFirstUse = false
    var isWakeupRunning = false

    enum Stage: Hashable, Sendable {
        /// The slot is free.
        case vacant
        case active
        /// Removed; its last children are on their way out.
        case leaving
    }

    /// A decided but unanswered spawn, and whether its channel has been replaced since.
    enum SpawnInFlight: Hashable, Sendable {
        case none
        case onPresentChannel
        case onReplacedChannel
    }

    init(id: ServiceID, rules: ServiceRules) {
        self.id = id
        self.rules = rules
    }

    /// The table above, from the present counts.
    var coverageNow: Coverage {
        if stage != .active { return .leaving }
        if isThrottled { return .throttled }
        if spawn != .none { return .spawning }
        if idle > 0 { return .idleChild }
        return isBelowLimit ? .uncovered : .saturated
    }

    var isBelowLimit: Bool { rules.processLimit == 0 || total < rules.processLimit }

    var hasRoomForSeveral: Bool { rules.processLimit == 0 || total + 1 < rules.processLimit }

    /// Whether the queue that was last looked at is worth another child.
    var wantsStart: Bool { window.wantsStart(accepting: idle, starting: starting) }

    /// Keeps the counts in step with one child that enters or leaves `state`.
    mutating func count(_ state: ChildState, _ change: Int32) {
        switch state {
        case .starting:
            idle += change
            starting += change
        case .idle: idle += change
        case .retiredIdle: retiredIdle += change
        case .busy, .retiredBusy: break
        }
    }
}

/// Who looks after a service's endpoints.
package enum Coverage: Hashable, Sendable {
    /// Nobody, and nobody will: the service was removed.
    case leaving
    /// Nobody, until the throttle is released.
    case throttled
    /// A child that is being started.
    case spawning
    /// A child that accepts.
    case idleChild
    /// Nobody, until a child is idle or gone.
    case saturated
    /// Master itself.
    case uncovered
}
