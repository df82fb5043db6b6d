//===----------------------------------------------------------------------===//
// Quartermaster: a blocking server with one client at a time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import MasterProtocol
import SystemCalls
import WorkerPage

/// Accepts one client, says that it is busy, and serves that client until it leaves. A client that comes meanwhile
/// stays in the queue, for another process. No event loop runs while a client is served: master may go, and the client
/// is served to its end, as by Postfix's servers of this kind.
struct OneClientServer<S: BlockingStreamService & ~Copyable>: ~Copyable {
    var service: S
    private var life: ChildLife
    private var inFlowDelay: InFlowDelay
    /// Clients so far.
    private var arrivals: UInt32 = 0

    init(_ circumstances: Circumstances, _ counts: consuming WorkerRow, _ service: consuming S) {
        self.service = service
        life = ChildLife(circumstances, counts, capacity: 16, batch: 1, woken: .all)
        inFlowDelay = InFlowDelay(circumstances)
        life.status.keepsRoom = true
    }

    mutating func run() {
        life.start()
        while true {
            switch life.nextStep(hasClients: false) {
            case .turn:
                // After a shortage that is over, we still count as busy with master.
                if life.isBusyForNow { life.endWork() }
                life.turn(atMost: service.willWait(life.time))
                life.handleAll()
                if life.mayAccept { acceptClient() }
            case .lookOnceMore: acceptClient()
            case .leave: return
            }
        }
    }

    private mutating func acceptClient() {
        switch service.willAccept() {
        case .retire(let why): return life.retire(why)
        case .goOn: break
        }
        guard let arrival = life.acceptNext() else { return }
        life.beginWork()
        if life.circumstances.transport != .pass {
            serve(PassedConnection(descriptor: arrival.descriptor, attributes: nil))
        } else if let connection = receivePassed(arrival) {
            serve(connection)
        }
        // The loop's clock stood still meanwhile.
        life.becameIdle(LoopTime(nanoseconds: Clock.monotonicNanoseconds()))
        life.finished(1)
        life.endWork()
    }

    private mutating func serve(_ connection: consuming PassedConnection) {
        inFlowDelay.wait()
        arrivals &+= 1
        life.counts.count(.accepted)
        defer { life.counts.count(.closed) }
        let id = ClientID(index: 0, generation: arrivals)
        let number = connection.descriptor.number
        var client = BlockingClient(
            Client(id: id, passAttributes: connection.attributes, descriptor: number),
            input: number,
            output: number,
            milliseconds: life.circumstances.ipcTimeoutMilliseconds
        )
        service.clientArrived(&client)
        life.count(&client)
        while waitForRequest(client) == .some { serveRequest(&client) }
        service.clientLeft(id)
    }

    private mutating func serveRequest(_ client: inout BlockingClient) {
        let start = LoopTime(nanoseconds: Clock.monotonicNanoseconds())
        life.counts.count(.requests)
        service.serve(&client)
        life.count(&client)
        life.countTime(since: start)
    }

    private func waitForRequest(_ client: borrowing BlockingClient) -> Reception {
        Watchdog.waitBegins()
        defer { Watchdog.waitEnded() }
        return client.waitForRequest()
    }

    private mutating func receivePassed(_ arrival: consuming Arrival) -> PassedConnection? {
        let sender = arrival.descriptor.number
        var reception = PassReception(arrival, now: life.loop.now)
        while true {
            let now = LoopTime(nanoseconds: Clock.monotonicNanoseconds())
            switch reception.advance(now: now) {
            case .complete: return reception.connection()
            case .failed(let why):
                life.warn(.passedConnection, "service \(life.circumstances.serviceName): receive connection: \(why)")
                return nil
            case .waiting:
                let left = Int32(clamping: max(reception.millisecondsLeft(now), 0))
                if (try? sender.waitForInput(milliseconds: left)) == true { continue }
                life.warn(.passedConnection, "service \(life.circumstances.serviceName): receive connection: timeout")
                return nil
            }
        }
    }

    mutating func finish() { life.finish() }
}
