//===----------------------------------------------------------------------===//
// Quartermaster: StreamCore, connections without what they mean
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterProtocol
import SystemCalls
import WorkerPage

/// Something that the owner of the core has to do: events as values, so that the service is never called from inside.
@usableFromInline enum StreamEvent {
    /// A client sent something, or hung up: `receive`.
    case input(ClientID)
    /// A client has all its replies at last: `restoreKept`.
    case resumed(ClientID)
    /// A passed connection is complete: greet it.
    case arrived(ClientID)
    /// A client is lost: leave it.
    case lost(ClientID)
}

/// Everything about connections that does not depend on the service: accepts, reads, writes, keeps what waits. It never
/// looks at what the bytes mean and never calls the service.
///
/// Owner of all connections, and of the life of the process.
@usableFromInline struct StreamCore: ~Copyable {
    /// Room for connections at the start, and spare room that is kept free from then on.
    private static let initialCapacity = 64
    private static let spareCapacity = 32

    let log: Log
    let requestLimit: Int
    var life: ChildLife
    var connections: Slab<Connection>
    var blocks: BlockPool
    var patience: ClientPatience
    var passed: PassedConnections
    var inFlowDelay: InFlowDelay
    private var requests = TurnRequests()
    /// Clients that are over without having said so themselves.
    var doomed: [ClientID] = []
    /// Clients that the kernel had no memory to watch; see StreamCore+Shortage.swift.
    var unwatched: [SlotID] = []
    /// Whether those in the middle of something had their time; see StreamCore+Finishing.swift.
    var isFinishingOver = false
    /// Of the client that is about to be greeted.
    private var attributes: PassAttributes?

    /// - Parameters:
    ///   - requestLimit: bytes of the longest request.
    ///   - blockSize: bytes of the longest input or reply that may have to wait.
    ///   - batch: clients accepted in one turn at most.
    init(
        _ circumstances: Circumstances,
        _ counts: consuming WorkerRow,
        requestLimit: Int,
        blockSize: Int,
        batch: Int,
        woken: ChildLife.Woken,
        usesPassAttributes: Bool,
        limitsSilence: Bool = false
    ) {
        let capacity = circumstances.isOneShot ? 0 : Self.initialCapacity
        log = circumstances.log
        self.requestLimit = requestLimit
        life = ChildLife(circumstances, counts, capacity: max(capacity, 1), batch: batch, woken: woken)
        connections = Slab(capacity: capacity)
        blocks = BlockPool(blockSize: blockSize)
        patience = ClientPatience(circumstances, limitsSilence: limitsSilence)
        passed = PassedConnections(circumstances, usesAttributes: usesPassAttributes)
        inFlowDelay = InFlowDelay(circumstances)
        doomed.reserveCapacity(capacity)
    }

    @usableFromInline var isOneShot: Bool { life.circumstances.isOneShot }
    // A getter that does not mutate gets a copy of the whole core when it is called from another module.
    @usableFromInline var time: ServiceTime { mutating get { life.time } }
    @usableFromInline var mayAccept: Bool { mutating get { life.mayAccept } }

    var hasClients: Bool { connections.count > 0 || passed.count > 0 }

    // MARK: the loop

    @usableFromInline func oneShotClient() -> OneShotClient {
        OneShotClient(life.circumstances, requestLimit: requestLimit)
    }

    @usableFromInline mutating func start() { life.start() }

    /// After a crowd we look first whether more of it waits: until none does, we are busy, and master hears nothing.
    @usableFromInline mutating func wait(atMost seconds: Int?) {
        if connections.capacity - connections.count < Self.spareCapacity {
            connections.reserve(connections.count + Self.spareCapacity)
            doomed.reserveCapacity(connections.capacity)
        }
        if life.isBusyForNow {
            life.turn(atMost: 0)
            if life.loop.hasNext { return life.staysBusy() }
            life.endWork()
        }
        life.turn(atMost: doomed.isEmpty ? seconds : 0)
    }

    /// What has to be done in this turn, one thing at a time.
    @usableFromInline mutating func nextEvent() -> StreamEvent? {
        while true {
            if let id = doomed.popLast() {
                if connections.contains(id.slot) { return .lost(id) }
            } else if let occurrence = life.loop.next() {
                if let event = event(occurrence) { return event }
            } else {
                return nil
            }
        }
    }

    private mutating func event(_ occurrence: Occurrence) -> StreamEvent? {
        let token = occurrence.token
        switch token.event {
        case .client:
            if case .readable = occurrence.what { return .input(ClientID(token.slot)) }
            return carryOn(ClientID(token.slot))
        case .sender: return receivePassed(token.slot)
        case .clientLimit: sweep()
        case .inFlowDelay: endDelays()
        case .tryAgain: tryAgain()
        case .master, .statusRoom, .listener, .idleLimit, .retirement, .look, .terminate: life.handle(token)
        case .finishLimit: finishLimitReached()
        case .connectLimit, .serviceTimer, .serviceDescriptor, .masterLook:
            preconditionFailure("a token of an event server")
        }
        return nil
    }

    /// The first request of a turn makes us busy, whichever client it is from.
    @usableFromInline mutating func beginRequests() { requests.begin(&life) }

    /// So many requests were dealt with: counted before the replies are sent, so that no client has one that is not.
    @usableFromInline mutating func count(requests number: Int) { requests.count(number, &life) }

    /// The turn's requests are done.
    @usableFromInline mutating func finishRequests() { requests.end(&life) }

    /// The service wants a fresh process to go on in place of this one.
    @usableFromInline mutating func retire(_ why: String) { life.retire(why) }

    @usableFromInline mutating func finish() { life.finish() }

    // MARK: arriving

    /// The next client that is waiting; nil when there is none, or when there were enough for one turn.
    @usableFromInline mutating func acceptNext() -> ClientID? {
        while let arrival = life.acceptNext() {
            if life.circumstances.transport == .pass {
                passed.begin(arrival, &life)
                patience.arm(&life.loop)
            } else if let id = admit(arrival.descriptor) {
                return id
            }
        }
        return nil
    }

    private mutating func receivePassed(_ slot: SlotID) -> StreamEvent? {
        switch passed.advance(slot, &life) {
        case .incomplete:
            if !hasClients { life.becameIdle(life.loop.now) }
            return nil
        case .complete(let connection):
            attributes = connection.attributes
            return admit(connection.descriptor).map { .arrived($0) }
        }
    }

    /// Puts a connection into the table.
    private mutating func admit(_ descriptor: consuming Descriptor) -> ClientID? {
        if connections.count == connections.capacity { connections.reserve(connections.count + 1) }
        guard let slot = connections.insert(Connection(descriptor)) else { return nil }
        life.counts.count(.accepted)
        owesNothing(slot)
        switch inFlowDelay.judge() {
        case .later: inFlowDelay.holdBack(slot, &life.loop)
        case .atOnce: startReading(slot)
        }
        return ClientID(slot)
    }

    /// The client's input is watched from now on.
    mutating func startReading(_ slot: SlotID) {
        do throws(SystemError) {
            if let reading = connections[slot].reading { return try life.loop.start(reading) }
            let number = connections[slot].descriptor.number
            let watch = try life.loop.watch(number, for: .readable, token: EventToken(.client, slot: slot))
            connections[slot].reading = watch
            // No more requests from a client that has not received its greeting yet.
            if connections[slot].unsent != nil { life.loop.stop(watch) }
        } catch {
            cannotWatch(slot, error)
        }
    }

    /// The client may ask next, or stay silent.
    mutating func owesNothing(_ slot: SlotID) {
        patience.owesNothing(&connections[slot].waitingSince, &life.loop)
    }

    private mutating func endDelays() {
        for slot in inFlowDelay.release(&life.loop) where connections.contains(slot) {
            startReading(slot)
        }
    }

    /// What a service is told about a client that arrived.
    @usableFromInline mutating func client(_ id: ClientID) -> Client {
        defer { attributes = nil }
        return Client(id: id, passAttributes: attributes, descriptor: connections[id.slot].descriptor.number)
    }

    // MARK: leaving

    /// Gives up on clients, and on senders, that kept us waiting for too long.
    private mutating func sweep() {
        patience.timerFired()
        for index in 0..<connections.capacity {
            guard let slot = connections.id(at: index), let since = connections[slot].waitingSince else { continue }
            if patience.isOver(since, life.loop.now) {
                log.verbose(1, "timeout on client")
                doomed.append(ClientID(slot))
            }
        }
        if passed.sweep(&life), !hasClients { life.becameIdle(life.loop.now) }
        if patience.hasWaiting || passed.count > 0 { patience.arm(&life.loop) }
    }

    /// Forgets and closes a connection.
    @usableFromInline mutating func remove(_ id: ClientID) {
        guard var connection = connections.remove(id.slot) else { return }
        life.counts.count(.closed)
        patience.end(for: &connection.waitingSince)
        if let reading = connection.reading { life.loop.remove(reading) }
        if let writing = connection.writing { life.loop.remove(writing) }
        if let kept = connection.kept { blocks.release(kept) }
        if let unsent = connection.unsent { blocks.release(unsent) }
        life.finished(1)
        if !hasClients { life.becameIdle(life.loop.now) }
        if unwatched.isEmpty { life.resume() } else { tryAgain() }
    }
}

extension ClientID {
    init(_ slot: SlotID) { self.init(index: slot.index, generation: slot.generation) }

    var slot: SlotID { SlotID(index: index, generation: generation) }
}
