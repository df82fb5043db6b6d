//===----------------------------------------------------------------------===//
// Quartermaster: what a small world is made of, and what can happen in it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol

/// A process as it really is, next to what it has told so far.
struct Process {
    let pid: Int32
    let generation: Generation
    /// Its status channel is the service's present one.
    var isOnChannel: Bool
    /// Its channel is the service's former one, which has not ended yet.
    var isFormer = false
    var isBusy = false
    /// Written and not read yet, oldest first.
    var unread: [Availability] = []
    /// What its records that were read amount to.
    var isToldBusy = false
    var isToldUsed = false
    var isHeardOf = false
    /// It does not react to anything any more, as if stopped.
    var isStuck = false
    /// It has given up its registration at the listeners.
    var isPaused = false
    /// It began before a reload that is spread out, and its service has had no turn since.
    var isOutdated = false
    /// It is busy, and its TAKEN found the channel full: it was left out, and so is the AVAIL that belongs to it.
    var isUnheard = false

    var countsAsIdle: Bool { isOnChannel && !isToldBusy }
    var countsAsStarting: Bool { isOnChannel && !isHeardOf }

    mutating func write(_ availability: Availability) {
        if isOnChannel { unread.append(availability) }
    }

    mutating func leavesChannel() {
        isOnChannel = false
        isFormer = false
    }

    mutating func told(_ availability: Availability) {
        if isToldBusy && availability == .available { isToldUsed = true }
        isToldBusy = availability == .taken
        if isToldBusy { isHeardOf = true }
    }
}

/// What can happen next. Only what is possible happens; what a broken child could send is `garbage`.
enum Happening: Hashable {
    case readable
    case queueMeasured(waiting: Int32)
    case spawnSucceeds
    case spawnFails
    case takes(Int)
    case finishes(Int)
    case channelRead
    /// A process has shut its channel down.
    case channelEnds
    case exitsWell(Int)
    case exitsBadly(Int)
    case reload(limit: Int32)
    case throttleEnds
    case stressEnds
    case removal
    case removalDeadline
    // Of the newcomer, see World+Wakeups.swift. The number is the place of the process that is woken, or acts.
    case clientComes(wakes: Int?)
    case accepts(Int)
    case pauses(Int)
    case getsStuck(Int)
    case takesUnheard(Int)
    case pausesUnheard(Int)
    case tellsLate(Int)
    case lookDue(othersWait: Bool)
    case kernelRunsShort
    case kernelRecovers
    case retryDue
    // Of administrators, see World+Steering.swift.
    case drainAsked(seconds: Int?, refusing: Bool, last: Bool)
    case resumeAsked
    case disableAsked
    case enableAsked
    case releaseAsked
    case retireAsked(isChannelThere: Bool)
    case steeringLookDue(QueueSight)
    case steeringDeadlinePassed
    case retirementStepDue
    // Of reloads that touch little, or are spread out, see World+Reloads.swift.
    case reloadKeeping
    case reloadInTurn
    case turnCame
    case addressRemoved
    case outgoingLookDue(QueueSight, isLate: Bool)
    case gateChanges(Gate)
    // Of a child that leaves its clients to a process of its own.
    case leavesClients(Int)
    case heirEnds
}

/// What may go wrong beside the ordinary ends and failed starts; each multiplies the states.
struct Troubles: OptionSet {
    let rawValue: Int
    /// The kernel has no room for watches and channels for a while.
    static let shortage = Troubles(rawValue: 1)
    /// A process does not react any more.
    static let stuck = Troubles(rawValue: 2)
    /// Reports do not fit into the status channel, which is full when a process has two that were not read.
    static let fullChannel = Troubles(rawValue: 4)
    /// In the scope of steering: retirements instead of drains.
    static let retirement = Troubles(rawValue: 8)
    /// In the scope of steering: reloads that keep processes or are spread out, and addresses that are taken away.
    static let reloads = Troubles(rawValue: 16)
    /// In the scope of steering: endpoints cannot be closed to clients, or not be opened to them again.
    static let gate = Troubles(rawValue: 32)
    /// In the scope of steering: children leave their clients to processes of their own, one at a time.
    static let heirs = Troubles(rawValue: 64)
}

/// Which events there are in a world: both walks together would not end.
enum Scope {
    /// Children, channels, the queue's length, reloads, removal, stress.
    case lives
    /// One client that is followed: whom the kernel woke for it, who loses that, and when master looks.
    case wakeups
    /// Children, channels, reloads, removal, and what administrators ask for.
    case steering
}
