//===----------------------------------------------------------------------===//
// Quartermaster: a blocking server with many clients
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import SystemCalls
import WorkerPage

/// Keeps many clients connected, and serves whichever of them sent something, one request after the other.
struct ManyClientsServer<S: BlockingStreamService & ~Copyable>: ~Copyable {
    var service: S
    private var core: StreamCore
    /// Clients that sent something in this turn.
    private var asking: [ClientID] = []

    init(_ circumstances: Circumstances, _ counts: consuming WorkerRow, _ service: consuming S) {
        self.service = service
        // The service does the reading and writing: the core keeps no bytes. An accepted client is greeted, which may
        // take long: so one at a time, and idle siblings have the next.
        core = StreamCore(
            circumstances,
            counts,
            requestLimit: 1,
            blockSize: 16,
            batch: 1,
            woken: .all,
            usesPassAttributes: true
        )
        core.life.status.keepsRoom = true
    }

    mutating func run() {
        core.start()
        while true {
            switch core.nextStep() {
            case .turn: turn()
            case .lookOnceMore: acceptClients()
            case .leave: return
            }
        }
    }

    private mutating func turn() {
        core.wait(atMost: service.willWait(core.time))
        // New clients first: who was woken for one accepts it before it serves others for long.
        asking.removeAll(keepingCapacity: true)
        while let event = core.nextEvent() { handle(event) }
        if core.mayAccept { acceptClients() }
        for id in asking { work(id) }
        core.finishRequests()
    }

    /// A client that was passed on is greeted at once: what came along with it is kept for one client only.
    private mutating func handle(_ event: StreamEvent) {
        switch event {
        case .input(let id): asking.append(id)
        case .arrived(let id): greet(id)
        case .lost(let id): leave(id)
        case .resumed: break
        }
    }

    private mutating func work(_ id: ClientID) {
        core.beginRequests()
        guard var client = core.blockingClient(id) else { return }
        guard client.hasInput() == .some else { return leave(id) }
        let start = LoopTime(nanoseconds: Clock.monotonicNanoseconds())
        core.life.counts.count(.requests)
        service.serve(&client)
        core.life.count(&client)
        core.life.countTime(since: start)
        core.answered(id)
        if client.isOver { leave(id) }
    }

    private mutating func acceptClients() {
        switch service.willAccept() {
        case .retire(let why): return core.retire(why)
        case .goOn: break
        }
        while let id = core.acceptNext() { greet(id) }
    }

    /// Greeting may take as long as the client likes: meanwhile we are busy.
    private mutating func greet(_ id: ClientID) {
        core.beginRequests()
        guard var client = core.blockingClient(id) else { return }
        service.clientArrived(&client)
        core.life.count(&client)
        if client.isOver { leave(id) }
    }

    private mutating func leave(_ id: ClientID) {
        service.clientLeft(id)
        core.remove(id)
        // The loop's clock stood still while the service worked.
        core.life.becameIdle(LoopTime(nanoseconds: Clock.monotonicNanoseconds()))
    }

    mutating func finish() { core.finish() }
}

extension StreamCore {
    /// Nil when the client has left meanwhile.
    fileprivate mutating func blockingClient(_ id: ClientID) -> BlockingClient? {
        guard connections.contains(id.slot) else { return nil }
        let client = client(id)
        return BlockingClient(
            client,
            input: client.descriptor,
            output: client.descriptor,
            milliseconds: life.circumstances.ipcTimeoutMilliseconds
        )
    }
}
