//===----------------------------------------------------------------------===//
// Quartermaster: looking whether clients stand in a queue that an idle child should empty
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Decides when master looks at the queue of a service that idle children cover, and what a look leads to. Knows
/// neither children nor sockets.
///
/// The kernel wakes one idle child for a client (EPOLLEXCLUSIVE), and the others do not hear of it. If that child ends,
/// pauses, hangs, or serves an older client first, the client stands in the queue although others are idle, and nothing
/// wakes them. So while something goes on in a service, master looks every 250 ms, and when a child ends: at once, or
/// with the look that is due. Where there is one child at most, a look tells who waits, and leads to nothing.
///
///     the look saw | looks in a row that saw clients | a nudged child reacted | what follows
///     -------------+---------------------------------+------------------------+----------------------------------
///     no client    | any                             | any                    | another look if children were heard of
///                  |                                 |                        | since the last one, else: standby
///     not told     | any                             | any                    | another look
///     clients      | this is the first               | any                    | another look
///     clients      | this is the second              | any                    | nudge the idle children, look again
///     clients      | this is a later one             | yes                    | it counts as the first
///     clients      | this is a later one             | no                     | start a child, nudge, look again
///
/// A queue that is emptied and filled all the time looks the same as one that stands; children that react tell them
/// apart, and a nudge costs a busy service next to nothing.
///
/// "Standby": when looks have ended, master watches the endpoints beside the idle children until one client comes,
/// which wakes a child and master. That is activity, so master stops watching and looks again. A quiet service costs
/// nothing, a busy one four looks a second, and the first client after a quiet half second one wake-up of master.
package struct QueueLooks: Hashable, Sendable {
    /// Three looks, a nudge and a start fit into a second.
    package static let intervalMilliseconds: Int64 = 250

    /// When the next look is due; nil when none is.
    package internal(set) var due: PolicyTime?
    /// Looks in a row that saw clients, 0 to 2.
    package internal(set) var standing: UInt8 = 0
    /// A child was heard of, started or ended, or a client came while master stood by, since the last look.
    package internal(set) var isActive = false
    /// A child that was nudged was heard of since.
    package internal(set) var isAnswered = false

    /// Nothing has happened since the last look, which saw nobody.
    var haveEnded: Bool { due == nil && !isActive }

    /// What a look leads to, beside the next look.
    enum Verdict: Equatable, Sendable {
        case nothing
        case lookAgain
        case nudge
        case nudgeAndStart
    }

    /// The look that was due saw `sight`.
    mutating func saw(_ sight: QueueSight) -> Verdict {
        let wasActive = isActive
        isActive = false
        switch sight {
        case .noClient:
            standing = 0
            return wasActive ? .lookAgain : .nothing
        case .notTold:
            return .lookAgain
        case .clients:
            if standing >= 2, isAnswered { standing = 0 }
            if standing == 0 {
                standing = 1
                return .lookAgain
            }
            let isLate = standing >= 2
            standing = 2
            isAnswered = false
            return isLate ? .nudgeAndStart : .nudge
        }
    }

    /// No child is idle, so master watches the queue itself, or all are busy and will come back to it.
    mutating func pause() {
        standing = 0
        isActive = false
        isAnswered = false
    }
}

/// What master sees when it looks at a queue.
package enum QueueSight: Hashable, Sendable {
    case noClient
    case clients
    /// The kernel had no room to answer.
    case notTold
}
