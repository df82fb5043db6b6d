//===----------------------------------------------------------------------===//
// Quartermaster: a connection of an event server, and what waits on it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import SystemCalls

/// Why a connection is over.
@usableFromInline enum ConnectionEnd {
    case left(Departure)
    case notConnected(ConnectFailure)
}

/// What an event server knows of one connection. It decides from its own state whether its input is wanted and whether
/// more may be sent; it watches, reads and writes nothing.
struct EventConnection: ~Copyable {
    /// How far an outgoing connection has come.
    enum Way: Equatable {
        /// There: a client's, or one that was accepted.
        case there
        /// The kernel will say when it is there, or why not.
        case underWay
        /// The peer's queue was full: to be tried again.
        case toTryAgain
    }

    let descriptor: Descriptor
    /// Of one client on standard input and output: where its output goes.
    private var separateOutput: Descriptor?
    private(set) var output: DescriptorNumber
    let isClient: Bool
    var way = Way.there
    /// Where an outgoing connection goes, and until when it is waited for.
    var address: NetworkAddress?
    var connectUntil = LoopTime(nanoseconds: 0)
    var connectTimer: WatchID?

    var reading: WatchID?
    var writing: WatchID?
    var isReading = false
    var isWriting = false
    /// The kernel does not watch plain files, which are always ready.
    var isAlwaysReadable = false

    /// Input that is no whole request yet or, if `isStalled`, may not be dealt with yet.
    var kept: BlockPool.BlockID?
    var isStalled = false
    /// Output that the peer has had no room for yet.
    var pending = ByteQueues.Queue()
    /// Since when this peer is waited for; nil when it owes us nothing.
    var waitingSince: LoopTime?

    /// The client waits for its in-flow delay.
    var isHeldBack = false
    /// The service wants to hear nothing for now.
    var isPaused = false
    /// The peer has sent everything.
    var inputEnded = false
    /// Our direction is to end, or has ended, once everything is sent.
    var isFinishing = false
    var outputEnded = false
    /// To be disconnected once everything is sent.
    var closesWhenSent = false
    /// It is over, and its service is about to be told.
    var end: ConnectionEnd?

    init(_ descriptor: consuming Descriptor, isClient: Bool) {
        output = descriptor.number
        self.descriptor = descriptor
        self.isClient = isClient
    }

    mutating func setOutput(_ descriptor: consuming Descriptor) {
        output = descriptor.number
        separateOutput = consume descriptor
    }

    /// Of a pipe: its reader comes to the end.
    mutating func closeOutput() { separateOutput = nil }

    var input: DescriptorNumber { descriptor.number }

    var isOver: Bool { end != nil }

    /// Whether its input may go to the service.
    func mayBeHeard(whileOutputWaits: Bool) -> Bool {
        !isPaused && !isHeldBack && !closesWhenSent && !isOver && way == .there && (whileOutputWaits || pending.isEmpty)
    }

    /// Whether the service may send something.
    var takesOutput: Bool { !isOver && !closesWhenSent && !isFinishing }
}
