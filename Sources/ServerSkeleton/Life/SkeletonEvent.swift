//===----------------------------------------------------------------------===//
// Quartermaster: what the tokens of a child's event loop mean
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory

/// Everything that a child waits for, whatever its skeleton: the kinds of event tokens.
enum SkeletonEvent: UInt32 {
    // Of every child: `ChildLife.handle`.

    /// The status channel became readable: master is gone, or no longer interested in us.
    case master
    /// The status channel has room for a report that is owed.
    case statusRoom
    /// A client, or a datagram, waits at an endpoint.
    case listener
    /// The time of the idle limit is over, unless there was work meanwhile.
    case idleLimit
    /// The process has lived for as long as a service that retires wants it to.
    case retirement
    /// Time to try again what did not work for want of descriptors or memory.
    case tryAgain
    /// SIGURG: master has seen a queue that stands, and wants us to look.
    case look
    /// SIGTERM, where it does not end the process at once.
    case terminate

    // Of a server with many connections: `StreamCore` and `EventCore`.

    /// A client sent something, or has room for its replies.
    case client
    /// A process that passes a connection sent something.
    case sender
    /// Time to look for clients that keep us waiting.
    case clientLimit
    /// A client has waited for its in-flow delay.
    case inFlowDelay
    /// The time to finish is over.
    case finishLimit

    // Of an event server: `EventCore`.

    /// Time to give up on an outgoing connection, or to try it again.
    case connectLimit
    /// A timer of the service rang.
    case serviceTimer
    /// A descriptor of the service is ready.
    case serviceDescriptor
    /// Time to look whether master is gone, or has replaced this process.
    case masterLook
}

extension EventToken {
    init(_ event: SkeletonEvent, index: UInt32 = 0) { self.init(kind: event.rawValue, index: index) }

    init(_ event: SkeletonEvent, slot: SlotID) { self.init(kind: event.rawValue, slot: slot) }

    var event: SkeletonEvent {
        guard let event = SkeletonEvent(rawValue: kind) else { preconditionFailure("a token that we did not make") }
        return event
    }
}
