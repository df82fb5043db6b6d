//===----------------------------------------------------------------------===//
// Quartermaster: what the policy knows about one process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

/// One child from fork to reaping. Decides what a report or a new channel makes of it; never looks at its service.
///
/// "Retired" means that the child's status channel was replaced: it leaves when it is idle next. It is counted in its
/// service's total until it is reaped, but not among those who accept.
///
///     state        | TAKEN              | AVAIL                      | channel replaced
///     -------------+--------------------+----------------------------+----------------------
///     starting     | busy, idle - 1     | -                          | retiredIdle, idle - 1
///     idle         | busy, idle - 1     | -                          | retiredIdle, idle - 1
///     busy         | -                  | idle, idle + 1, uses + 1   | retiredBusy
///     retiredIdle  | retiredBusy        | -                          | -
///     retiredBusy  | -                  | retiredIdle, uses + 1      | -
///     draining     | -                  | -                          | -
///
/// A child begins as starting with no uses, at the moment of its fork. "Starting" counts as idle: it will accept. It
/// ends with the first TAKEN, because nothing is heard of a child that is up and has nothing to do. An AVAIL that
/// changes nothing is how a child of our own skeletons answers a nudge.
///
/// A draining one is no child: it finishes the clients of a child that has left (`Policy+Draining`). Only its end is
/// heard of, and it counts neither among those who accept nor against the limit.
struct Child: Sendable, Equatable {
    var pid: Int32
    var generation: Generation
    var service: ServiceID
    var state: ChildState
    /// Changes from busy to idle that were seen; dying abnormally before the first one throttles the service.
    var useCount: UInt32 = 0
    /// The fork.
    var started: PolicyTime
    /// It has its state since then, as far as was heard.
    var since: PolicyTime
    /// It was asked to look at the queue, and was not heard of since.
    var isNudged = false
    /// It is on the service's former channel, while fresh processes come on the present one.
    var isFormer = false
    /// It was ended at the deadline of a drain.
    var isCutOff = false
    /// Its place among all children, given by their table; and the list of changes that it is on. No part of the state.
    var row: Int32 = 0
    var listedIn: UInt64 = 0

    init(pid: Int32, generation: Generation, service: ServiceID, state: ChildState, started now: PolicyTime) {
        self.pid = pid
        self.generation = generation
        self.service = service
        self.state = state
        started = now
        since = now
    }

    /// What became of a report. Four fields come back in registers; a fifth would make each report a tenth dearer.
    struct Heard {
        let before: ChildState
        let after: ChildState
        let change: ChildChange
        let wasNudged: Bool
    }

    /// - Parameter list: the number of the list of changes, on which the child is to be afterwards.
    mutating func hear(_ event: ChildEvent, list: UInt64, _ now: PolicyTime) -> Heard {
        let (before, wasNudged) = (state, isNudged)
        isNudged = false
        listedIn = list
        let change = apply(event, now)
        return Heard(before: before, after: state, change: change, wasNudged: wasNudged)
    }

    /// Applies one column of the table; says whether anything changed.
    mutating func apply(_ event: ChildEvent, _ now: PolicyTime) -> ChildChange {
        switch (state, event) {
        case (.starting, .taken), (.idle, .taken): state = .busy
        case (.starting, .channelReplaced), (.idle, .channelReplaced): state = .retiredIdle
        case (.busy, .available):
            state = .idle
            useCount &+= 1
        case (.busy, .channelReplaced): state = .retiredBusy
        case (.retiredIdle, .taken): state = .retiredBusy
        case (.retiredBusy, .available):
            state = .retiredIdle
            useCount &+= 1
        case (.starting, .available), (.idle, .available), (.busy, .taken), (.retiredIdle, .available),
            (.retiredIdle, .channelReplaced), (.retiredBusy, .taken), (.retiredBusy, .channelReplaced),
            (.draining, _):
            return .none
        }
        since = now
        return .changed
    }

    /// How often it said TAKEN and became busy: each time it has completed since, and the present one.
    var uses: UInt32 {
        switch state {
        case .busy, .retiredBusy: useCount &+ 1
        case .starting, .idle, .retiredIdle, .draining: useCount
        }
    }

    /// Whether it was told to leave.
    var isRetired: Bool {
        switch state {
        case .starting, .idle, .busy: false
        case .retiredIdle, .retiredBusy, .draining: true
        }
    }

    /// Whether it accepts, or will when it is up.
    var isIdle: Bool {
        switch state {
        case .starting, .idle: true
        case .busy, .retiredIdle, .retiredBusy, .draining: false
        }
    }
}

package enum ChildState: UInt8, Sendable {
    case starting
    case idle
    case busy
    case retiredIdle
    case retiredBusy
    case draining
}

enum ChildEvent: Sendable {
    case taken
    case available
    case channelReplaced
}

/// What an event made of a child.
enum ChildChange: Sendable {
    case changed
    /// It was so already.
    case none
}
