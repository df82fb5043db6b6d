//===----------------------------------------------------------------------===//
// Quartermaster: what an administrator has asked for about one service, and how far it is
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Decides nothing; `Policy+Steering` moves it on.
///
///     phase    | clients are         | goes on                                              | to
///     ---------+---------------------+------------------------------------------------------+-----------------
///     serving  | served              | drained or disabled                                  | queued, emptying
///              |                     |                                                      | or leaving
///     queued   | served              | all services before it are left, and in none that is | leaving
///              |                     | queued a process is busy; or at the deadline         |
///     emptying | turned away, but    | a look sees no client; or at the deadline            | leaving
///              | served in the queue |                                                      |
///     leaving  | waiting, or turned  | the last process is gone                             | left
///     left     | away                | -                                                    |
///     any      |                     | resumed, and enabled                                 | serving
struct Steering: Sendable, Equatable {
    var wishes = SteeringWishes()
    var phase = SteeringPhase.serving
    /// New clients are being turned away.
    var isRefusing = false
    /// When processes that are still there get SIGTERM, or, if they have had it, SIGKILL.
    var deadline: PolicyTime?
    var isTerminated = false
    /// When the next look at the queue, or at the others, is due.
    var lookDue: PolicyTime?
    /// Processes that were ended at the deadline.
    var cutOff: Int32 = 0

    /// No process is started, and master does not watch.
    var isHeld: Bool { phase == .leaving || phase == .left }
}

package enum SteeringPhase: UInt8, Sendable {
    case serving
    case queued
    case emptying
    case leaving
    case left
}

/// Why a service is not served as configured.
package struct SteeringWishes: OptionSet, Hashable, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let drained = SteeringWishes(rawValue: 1)
    /// Drained, and new clients are turned away.
    package static let refusing = SteeringWishes(rawValue: 2)
    /// Until the next reload.
    package static let disabled = SteeringWishes(rawValue: 4)

    var wantsRefusal: Bool { !isDisjoint(with: [.refusing, .disabled]) }
    var wantsHold: Bool { !isDisjoint(with: [.drained, .disabled]) }
}

/// Fresh processes in place of those that run: the fresh ones come first, on a channel of their own, and when they have
/// had a moment to come up, the end of the former channel tells the others to leave.
///
///     phase    | what happens                                       | until                          | then
///     ---------+----------------------------------------------------+--------------------------------+--------
///     starting | as many fresh ones as were idle, a few at a time,  | they are started, or the limit | settling
///              | within the limit                                   | is reached                     |
///     settling | nothing                                            | a second has passed, or none   | leaving
///              |                                                    | was started                    |
///     leaving  | the former ones leave when they are idle           | the last of them is gone       | over
///
/// A fresh one that fails while others are starting or settling ends it: the channel of the fresh ones ends, and the
/// former one is the only one again, as if nothing had been asked for. A service that is throttled has none to begin
/// with, since no fresh one could be started. At the limit the former ones leave first: a bad program is noticed then
/// when they are gone.
struct Retirement: Sendable, Equatable {
    var phase = Phase.starting
    /// Fresh ones to be started.
    var wanted: Int32
    /// Former ones that are not gone.
    var former: Int32 = 0
    /// A fresh one was started.
    var hasStarted = false
    /// How many more may be started in this step.
    var burst: Int32 = 0
    var stepDue: PolicyTime?

    enum Phase: UInt8, Sendable { case starting, settling, leaving }
}

/// How a retirement came out.
package enum RetirementEnd: UInt8, Sendable {
    /// Every process that ran when it was asked for is gone.
    case done
    /// There was no channel to be had for the fresh ones, so the former ones stay.
    case noChannel
    /// A fresh one failed, so the former ones stay.
    case failedStart
    /// The service is throttled, so no fresh one could be started, and nothing was begun.
    case throttled
    /// The service is drained, or removed.
    case overtaken
}
