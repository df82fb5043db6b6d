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
    private static let spareCapacity = 32
    /// A turn in which so many connections sent something is likely to be followed by another at once.
    private static let crowd = 4
    /// Reads from one connection in one turn at most, so that all get theirs.
    @usableFromInline static let readsAtOnce = 4
    /// Deeds of one turn; the others wait for the next one, so that no service keeps a turn going for ever.
    private static let deedsAtOnce = 1024

    /// What a service asks of its skeleton.
    struct Wishes {
        let requestLimit: Int
        let pendingLimit: Int
        let replySize: Int
        let hearsWhileOutputWaits: Bool
        let usesPassAttributes: Bool
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
    private var inFlowDelay: InFlowDelay
    /// Output of one connection, collected until somebody else gets some or the handler returns.
    @usableFromInline var cork: Reply
    @usableFromInline var corkOwner: ClientID?

    var timers = Slab<ServiceTimer>(capacity: 0)
    var watches = Slab<ServiceWatch>(capacity: 0)
    /// Connections of the service's own.
    private var outgoing = 0

    /// What the service has to be told, in order; `nextDeed` is the first that it has not been told.
    private var deeds: [LoopEvent] = []
    private var nextDeed = 0
    private var deedBudget = 0
    private var isToTurnAgain = false
    /// Connections, and descriptors of the service, that the kernel had no memory to watch.
    var unwatched: [SlotID] = []
    var unwatchedDescriptors: [SlotID] = []
    /// Connections that sent something in this turn, and requests, so far.
    private var askers = 0
    private var requests = 0
    /// Of the client that is about to be greeted.
    private var attributes: PassAttributes?
    var leaving = Leaving()
    /// The service wants no further clients for now.
    private(set) var acceptsNobody = false

    init(_ circumstances: Circumstances, _ counts: consuming WorkerRow, _ wishes: Wishes, inputSize: Int) {
        let capacity = circumstances.isOneShot ? 1 : Self.initialCapacity
        log = circumstances.log
        self.wishes = wishes
        life = ChildLife(circumstances, counts, capacity: capacity, batch: StreamBuffers.clientsAtOnce)
        connections = Slab(capacity: capacity)
        inputs = BlockPool(blockSize: inputSize)
        outputs = ByteQueues(blockSize: 16 * 1024)
        cork = Reply(capacity: max(StreamBuffers.smallest, wishes.replySize))
        patience = ClientPatience(limitMilliseconds: circumstances.ipcTimeoutMilliseconds)
        passed = PassedConnections(circumstances)
        inFlowDelay = InFlowDelay(circumstances)
        reserve()
    }

    @usableFromInline var isOneShot: Bool { life.circumstances.isOneShot }
    // A getter that does not mutate gets a copy of the whole core when it is called from another module.
    @usableFromInline var time: ServiceTime { mutating get { life.time } }
    @usableFromInline var mayAccept: Bool { mutating get { life.mayAccept } }

    var clientCount: Int { connections.count - outgoing }
    var hasClients: Bool { clientCount > 0 || passed.count > 0 }
    var name: String { "service \(life.circumstances.serviceName)" }

    // MARK: the loop

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
    private mutating func reserve() {
        connections.reserve(connections.count + Self.spareCapacity)
        // Each connection has a few deeds a turn at most.
        if deeds.capacity < connections.capacity * 2 { deeds.reserveCapacity(connections.capacity * 4) }
        unwatched.reserveCapacity(16)
    }

    /// After a crowd we look first whether more of it waits: until none does, we are busy, and master hears nothing.
    @usableFromInline mutating func wait(atMost seconds: Int?) {
        if connections.capacity - connections.count < Self.spareCapacity { reserve() }
        if life.isBusyForNow {
            life.turn(atMost: 0)
            if life.loop.hasNext { return beginTurn(isStillBusy: true) }
            life.endWork()
        }
        let isDue = nextDeed < deeds.count || isToTurnAgain
        life.turn(atMost: isDue ? 0 : seconds)
        beginTurn(isStillBusy: false)
    }

    private mutating func beginTurn(isStillBusy: Bool) {
        isToTurnAgain = false
        deedBudget = Self.deedsAtOnce
        cork.begin(time)
        if isStillBusy { life.staysBusy() }
    }

    /// What has to be done in this turn, one thing at a time. What was sent before is on its way then.
    @usableFromInline mutating func nextEvent() -> LoopEvent? {
        flush()
        while true {
            if nextDeed < deeds.count, deedBudget > 0 {
                deedBudget -= 1
                let deed = deeds[nextDeed]
                nextDeed += 1
                if isStillDue(deed) { return deed }
            } else if let occurrence = life.loop.next() {
                if let event = event(occurrence) { return event }
            } else {
                if nextDeed == deeds.count {
                    deeds.removeAll(keepingCapacity: true)
                    nextDeed = 0
                }
                return nil
            }
        }
    }

    private mutating func isStillDue(_ deed: LoopEvent) -> Bool {
        switch deed {
        case .over(let id): connections.contains(id.slot)
        case .input(let id), .heardAgain(let id), .hasRoom(let id), .arrived(let id), .connected(let id):
            isConnected(id)
        case .timer, .descriptor: true
        }
    }

    mutating func tell(_ event: LoopEvent) { deeds.append(event) }

    private mutating func event(_ occurrence: Occurrence) -> LoopEvent? {
        let token = occurrence.token
        switch token.event {
        case .client:
            if case .readable = occurrence.what { return .input(ClientID(token.slot)) }
            return carryOn(ClientID(token.slot))
        case .connectLimit: connectLimitReached(token.slot)
        case .serviceTimer: return fire(token.slot)
        case .serviceDescriptor: return ready(token.slot)
        case .sender: return receivePassed(token.slot)
        case .clientLimit: sweep()
        case .inFlowDelay: endDelays()
        case .tryAgain: tryAgain()
        case .masterLook: lookForMaster()
        case .finishLimit: finishLimitReached()
        case .terminate: terminate()
        case .master, .statusRoom, .listener, .idleLimit, .retirement, .look: life.handle(token)
        }
        return nil
    }

    /// The first request of a turn makes us busy, whichever connection it is from.
    @usableFromInline mutating func beginRequests() {
        askers &+= 1
        life.beginWork()
    }

    /// So many requests were dealt with.
    @usableFromInline mutating func count(requests: Int) {
        self.requests &+= requests
        life.counts.count(.requests, requests)
    }

    /// The turn's requests are done.
    @usableFromInline mutating func finishRequests() {
        flush()
        life.countTurn(requests: requests)
        requests = 0
        if askers < Self.crowd { life.endWork() }
        askers = 0
    }

    /// The service wants a fresh process to go on in place of this one.
    @usableFromInline mutating func retire(_ why: String) { life.retire(why) }

    func pat() { Watchdog.waitEnded() }

    mutating func turnAgain() { isToTurnAgain = true }

    // MARK: arriving

    /// The next client that is waiting; nil when there is none, or when there were enough for one turn.
    @usableFromInline mutating func acceptNext() -> ClientID? {
        while !acceptsNobody, let arrival = life.acceptNext() {
            if life.circumstances.transport == .pass {
                passed.begin(arrival, &life)
                patience.arm(&life.loop)
            } else if let id = admit(arrival.descriptor) {
                return id
            }
        }
        return nil
    }

    private mutating func receivePassed(_ slot: SlotID) -> LoopEvent? {
        switch passed.advance(slot, &life) {
        case .incomplete:
            if !hasClients { life.becameIdle(life.loop.now) }
            return nil
        case .complete(let connection):
            if connection.attributes != nil, !wishes.usesPassAttributes {
                life.warn(.passAttributes, "service ignores 'pass' connection attributes")
            }
            attributes = connection.attributes
            return admit(connection.descriptor).map { .arrived($0) }
        }
    }

    /// Puts a client into the table.
    private mutating func admit(_ descriptor: consuming Descriptor) -> ClientID? {
        guard let slot = insert(EventConnection(descriptor, isClient: true)) else { return nil }
        life.counts.count(.accepted)
        owesNothing(slot)
        if inFlowDelay.judge() == .later {
            connections[slot].isHeldBack = true
            inFlowDelay.holdBack(slot, &life.loop)
        }
        updateReading(slot)
        return ClientID(slot)
    }

    /// The client of a one-shot server.
    @usableFromInline mutating func admitStandardClient() -> ClientID? {
        for number in [DescriptorNumber.standardInput, .standardOutput] {
            // Others read from a terminal, too, and would be surprised.
            if !number.isTerminal { try? number.setNonBlocking(true) }
        }
        var connection = EventConnection(Descriptor(owning: .standardInput), isClient: true)
        connection.setOutput(Descriptor(owning: .standardOutput))
        guard let slot = insert(connection) else { return nil }
        updateReading(slot)
        return ClientID(slot)
    }

    mutating func insert(_ connection: consuming EventConnection) -> SlotID? {
        if connections.count == connections.capacity { reserve() }
        if !connection.isClient { outgoing += 1 }
        return connections.insert(connection)
    }

    private mutating func endDelays() {
        for slot in inFlowDelay.release(&life.loop) where connections.contains(slot) {
            connections[slot].isHeldBack = false
            updateReading(slot)
        }
    }

    /// What a service is told about a client that arrived.
    @usableFromInline mutating func client(_ id: ClientID) -> Client {
        defer { attributes = nil }
        return Client(id: id, passAttributes: attributes, descriptor: connections[id.slot].input)
    }

    mutating func pauseAccepting() {
        if acceptsNobody { return }
        acceptsNobody = true
        life.pause()
    }

    mutating func resumeAccepting() {
        if !acceptsNobody { return }
        acceptsNobody = false
        if unwatched.isEmpty { life.resume() } else { tryAgain() }
    }

    /// What has kept us from accepting is over, as far as the machine is concerned.
    mutating func resumeUnlessUnwanted() {
        if !acceptsNobody { life.resume() }
    }

    // MARK: who is connected

    @usableFromInline func contains(_ id: ClientID) -> Bool { connections.contains(id.slot) }

    /// Whether it is connected, and is not to be disconnected.
    @usableFromInline mutating func isConnected(_ id: ClientID) -> Bool {
        connections.contains(id.slot) && !connections[id.slot].isOver
    }

    func client(after id: ClientID?) -> ClientID? {
        var index = id.map { $0.place + 1 } ?? 0
        while index < connections.capacity {
            if let slot = connections.id(at: index), connections[slot].isClient, !connections[slot].isOver {
                return ClientID(slot)
            }
            index += 1
        }
        return nil
    }

    func peerAddress(_ id: ClientID) -> String? {
        guard connections.contains(id.slot) else { return nil }
        return Client(id: id, passAttributes: nil, descriptor: connections[id.slot].input).peerAddress()
    }

    func withAddresses<Result>(of id: ClientID, _ body: (_ peer: RawSpan, _ own: RawSpan) -> Result) -> Result {
        var peer = InlineArray<128, UInt8>(repeating: 0)
        var own = InlineArray<128, UInt8>(repeating: 0)
        var sizes = (peer: 0, own: 0)
        if connections.contains(id.slot) {
            let number = connections[id.slot].input
            // All bytes of the arrays are initialised: that is what `unsafe` has to be said for, here and below.
            var peerSpan = peer.mutableSpan
            var room = unsafe peerSpan.mutableBytes
            sizes.peer = (try? number.copyName(ofPeer: true, into: &room)) ?? 0
            var ownSpan = own.mutableSpan
            room = unsafe ownSpan.mutableBytes
            sizes.own = (try? number.copyName(ofPeer: false, into: &room)) ?? 0
        }
        return body(
            unsafe peer.span.bytes.extracting(first: sizes.peer),
            unsafe own.span.bytes.extracting(first: sizes.own)
        )
    }

    // MARK: leaving

    /// The connection is over: nothing more is heard of it or sent to it, and the service is told.
    mutating func end(_ slot: SlotID, _ end: ConnectionEnd) {
        guard connections.contains(slot), !connections[slot].isOver else { return }
        connections[slot].end = end
        patience.end(for: &connections[slot].waitingSince)
        if let watch = connections[slot].reading.take() { life.loop.remove(watch) }
        if let watch = connections[slot].writing.take() { life.loop.remove(watch) }
        if let timer = connections[slot].connectTimer.take() { life.loop.remove(timer) }
        if let block = connections[slot].kept.take() { inputs.release(block) }
        outputs.removeAll(from: &connections[slot].pending)
        tell(.over(ClientID(slot)))
    }

    /// Forgets and closes a connection that is over.
    @usableFromInline mutating func remove(_ id: ClientID) -> ConnectionEnd? {
        guard let connection = connections.remove(id.slot) else { return nil }
        if connection.isClient {
            life.counts.count(.closed)
            life.finished(1)
            if !hasClients { life.becameIdle(life.loop.now) }
        } else {
            outgoing -= 1
        }
        let end = connection.end
        // Its descriptor is free then.
        _ = consume connection
        if unwatched.isEmpty { resumeUnlessUnwanted() } else { tryAgain() }
        return end
    }

    mutating func disconnect(_ id: ClientID) { end(id.slot, .left(.ended)) }

    mutating func reset(_ id: ClientID) {
        guard isConnected(id) else { return }
        try? connections[id.slot].output.resetWhenClosed()
        disconnect(id)
    }

    mutating func disconnectWhenSent(_ id: ClientID) {
        if corkOwner == id { flush() }
        guard isConnected(id) else { return }
        if connections[id.slot].pending.isEmpty && connections[id.slot].way == .there { return disconnect(id) }
        connections[id.slot].closesWhenSent = true
        updateReading(id.slot)
    }

    /// Gives up on those, and on senders, that kept us waiting for too long.
    private mutating func sweep() {
        patience.timerFired()
        for index in 0..<connections.capacity {
            guard let slot = connections.id(at: index), let since = connections[slot].waitingSince else { continue }
            if patience.isOver(since, life.loop.now) {
                log.verbose(1, "timeout on client")
                end(slot, .left(.timedOut))
            }
        }
        passed.sweep(&life)
        if !hasClients { life.becameIdle(life.loop.now) }
        if patience.hasWaiting || passed.count > 0 { patience.arm(&life.loop) }
    }

    /// The peer may send something next, or stay silent.
    mutating func owesNothing(_ slot: SlotID) {
        if wishes.limitsSilence, connections[slot].isClient {
            patience.wait(for: &connections[slot].waitingSince, &life.loop)
        } else {
            patience.end(for: &connections[slot].waitingSince)
        }
    }
}
