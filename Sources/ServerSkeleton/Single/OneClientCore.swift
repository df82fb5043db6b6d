//===----------------------------------------------------------------------===//
// Quartermaster: OneClientCore, one client after the other, whatever is done for them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import MasterProtocol
import SystemCalls
import WorkerPage

/// A client that the process serves, and nobody else until it leaves.
struct OneClient: ~Copyable {
    var conversation: BlockingClient
    fileprivate let descriptor: Descriptor
}

/// Everything about a process with one client at a time that does not depend on the service: accepts one, says that the
/// process is busy, and says that it is idle when that client has left. A client that comes meanwhile stays in the
/// queue, for another process. No event loop runs while a client is served: master may go, and the client is served to
/// its end, as by Postfix's servers of this kind. It never looks at a byte.
struct OneClientCore: ~Copyable {
    var life: ChildLife
    private var turns: ServiceTurns
    private var inFlowDelay: InFlowDelay
    private let waiting: BlockingClient.Waiting
    /// Clients so far.
    private var arrivals: UInt32 = 0

    init(
        _ circumstances: Circumstances,
        _ counts: consuming WorkerRow,
        lock: consuming ServiceLock?,
        woken: ChildLife.Woken,
        clientsWait waiting: BlockingClient.Waiting
    ) {
        life = ChildLife(circumstances, counts, capacity: 16, batch: 1, woken: woken)
        turns = ServiceTurns(lock)
        inFlowDelay = InFlowDelay(circumstances)
        self.waiting = waiting
        life.status.keepsRoom = true
    }

    // MARK: the loop

    var time: ServiceTime { life.time }

    mutating func start() { life.start() }

    mutating func nextStep() -> LifeStep { life.nextStep(hasClients: false) }

    mutating func wait(atMost seconds: Int?) { turns.turn(&life, atMost: seconds) }

    var mayAccept: Bool { life.mayAccept }

    mutating func retire(_ why: String) { life.retire(why) }

    mutating func finish() { life.finish() }

    // MARK: clients

    /// The client that waits, if there is one: `end` has to follow.
    mutating func accept() -> OneClient? {
        let isPassed = life.circumstances.transport == .pass
        // A descriptor that is passed to us comes through a connection that is read without waiting.
        let arrival = life.acceptNext(blocking: waiting == .inCalls && !isPassed)
        turns.end(&life)
        guard let arrival else { return nil }
        life.beginWork()
        guard isPassed else { return admit(PassedConnection(descriptor: arrival.descriptor, attributes: nil)) }
        guard let connection = life.receivePassed(arrival) else {
            life.served(1)
            return nil
        }
        if waiting == .inCalls { try? connection.descriptor.number.setNonBlocking(false) }
        return admit(connection)
    }

    private mutating func admit(_ connection: consuming PassedConnection) -> OneClient {
        inFlowDelay.wait()
        arrivals &+= 1
        life.counts.count(.accepted)
        let id = ClientID(index: 0, generation: arrivals)
        let number = connection.descriptor.number
        let conversation = BlockingClient(
            Client(id: id, passAttributes: connection.attributes, descriptor: number),
            input: number,
            output: number,
            milliseconds: life.circumstances.ipcTimeoutMilliseconds,
            waiting: waiting
        )
        return OneClient(conversation: conversation, descriptor: connection.descriptor)
    }

    /// The client is done with: it is disconnected, and then master hears that we are idle.
    mutating func end(_ client: consuming OneClient) {
        life.counts.count(.closed)
        _ = consume client
        life.served(1)
    }
}
