//===----------------------------------------------------------------------===//
// Quartermaster: the part of an event server that does not depend on the service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterProtocol
import SystemCalls
import WorkerPage

/// What the service is to be told, one thing at a time.
@usableFromInline enum LoopEvent {
    /// A connection sent something, or nothing more: `receive`.
    case input(ClientID)
    /// Input that had to wait may be dealt with: `restoreKept`.
    case heardAgain(ClientID)
    /// All output is with the kernel.
    case hasRoom(ClientID)
    /// A passed connection is complete: greet it.
    case arrived(ClientID)
    case connected(ClientID)
    /// The connection is over: `remove` it.
    case over(ClientID)
    case timer(TimerID)
    case descriptor(DescriptorWatch)
}

/// Connections, timers and descriptors of an event server, whatever its service. What a handler asks for is done at
/// once as far as the kernel is concerned; what the service has to be told of it becomes a deed of this turn or the
/// next one, so that no handler is called in the middle of another.
///
/// It decides when the kernel is asked, and what is told; never what is sent, or who is worth waiting for.
@usableFromInline struct EventCore: ~Copyable {
    /// Room for connections at the start, and spare room that is kept free from then on.
    private static let initialCapacity = 64
    static let spareCapacity = 32

    /// What a service asks of its skeleton.
    struct Wishes {
        let requestLimit: Int
        let pendingLimit: Int
        let replySize: Int
        let hearsWhileOutputWaits: Bool
        let usesPassAttributes: Bool
        /// Of clients; a connection of the service's own may be silent.
        let limitsSilence: Bool
    }

    let log: Log
    let wishes: Wishes
    var life: ChildLife
    var connections: Slab<EventConnection>
    /// Input that waits, and output that waits.
    var inputs: BlockPool
    var outputs: ByteQueues
    var patience: ClientPatience
    var passed: PassedConnections
    var inFlowDelay: InFlowDelay
    /// Output of one connection, collected until somebody else gets some or the handler returns.
    @usableFromInline var cork: Reply
    @usableFromInline var corkOwner: ClientID?

    var timers = Slab<ServiceTimer>(capacity: 0)
    var watches = Slab<ServiceWatch>(capacity: 0)
    /// Connections of the service's own.
    var outgoing = 0

    /// What the service has to be told, in order; `nextDeed` is the first that it has not been told.
    var deeds: [LoopEvent] = []
    var nextDeed = 0
    var deedBudget = 0
    /// In this turn, since somebody was accepted.
    var eventsTold = 0
    var isToTurnAgain = false
    /// Connections, and descriptors of the service, that the kernel had no memory to watch.
    var unwatched: [SlotID] = []
    var unwatchedDescriptors: [SlotID] = []
    var requests = TurnRequests()
    /// Of the client that is about to be greeted.
    var attributes: PassAttributes?
    var leaving = Leaving()
    /// The service wants no further clients for now.
    var acceptsNobody = false

    init(_ circumstances: Circumstances, _ counts: consuming WorkerRow, _ wishes: Wishes, inputSize: Int) {
        let capacity = circumstances.isOneShot ? 1 : Self.initialCapacity
        log = circumstances.log
        self.wishes = wishes
        life = ChildLife(circumstances, counts, capacity: capacity, batch: StreamBuffers.clientsAtOnce)
        connections = Slab(capacity: capacity)
        inputs = BlockPool(blockSize: inputSize)
        outputs = ByteQueues(blockSize: 16 * 1024)
        cork = Reply(capacity: max(StreamBuffers.smallest, wishes.replySize))
        patience = ClientPatience(circumstances, limitsSilence: wishes.limitsSilence)
        passed = PassedConnections(circumstances, usesAttributes: wishes.usesPassAttributes)
        inFlowDelay = InFlowDelay(circumstances)
        reserve()
    }

    @usableFromInline var isOneShot: Bool { life.circumstances.isOneShot }
    // A getter that does not mutate gets a copy of the whole core when it is called from another module.
    @usableFromInline var time: ServiceTime { mutating get { life.time } }
    var stillNanoseconds: Int64? { mutating get { life.loop.standsStill ? life.loop.now.nanoseconds : nil } }
    @usableFromInline var mayAccept: Bool { mutating get { life.mayAccept } }

    var clientCount: Int { connections.count - outgoing }
    var hasClients: Bool { clientCount > 0 || passed.count > 0 }
    var name: String { "service \(life.circumstances.serviceName)" }

    @usableFromInline mutating func start() {
        leaving.parent = life.circumstances.conductor == nil ? parentProcessID() : -1
        if isOneShot { return life.startAlone() }
        life.start(handlesTermination: true)
        if life.circumstances.transport == .inet { sendAtOnce() }
    }

    /// Accepted sockets inherit the option from their listener. Output is collected here already.
    private func sendAtOnce() {
        for index in 0..<Int32(life.circumstances.socketCount) {
            try? DescriptorNumber(InheritedDescriptor.firstListener + index).setOption(.noDelay, 1)
        }
    }

    /// Room for what may come in the next turn, so that none of it allocates.
    mutating func reserve() {
        connections.reserve(connections.count + Self.spareCapacity)
        // Each connection has a few deeds a turn at most.
        if deeds.capacity < connections.capacity * 2 { deeds.reserveCapacity(connections.capacity * 4) }
        unwatched.reserveCapacity(16)
    }

    /// The service wants a fresh process to go on in place of this one.
    @usableFromInline mutating func retire(_ why: String) { life.retire(why) }
}
