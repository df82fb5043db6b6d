//===----------------------------------------------------------------------===//
// Quartermaster: a blocking server with one client at a time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls
import WorkerPage

/// Serves one client, request by request, until it leaves, and then the next.
struct OneClientServer<S: BlockingStreamService & ~Copyable>: ~Copyable {
    var service: S
    private var core: OneClientCore

    init(_ circumstances: Circumstances, _ counts: consuming WorkerRow, _ service: consuming S) {
        self.service = service
        core = OneClientCore(circumstances, counts, lock: nil, woken: .all, clientsWait: .inPoll)
    }

    mutating func run() {
        core.start()
        while true {
            switch core.nextStep() {
            case .turn:
                core.wait(atMost: service.willWait(core.time))
                if core.mayAccept { acceptClient() }
            case .lookOnceMore: acceptClient()
            case .leave: return
            }
        }
    }

    private mutating func acceptClient() {
        switch service.willAccept() {
        case .retire(let why): return core.retire(why)
        case .goOn: break
        }
        guard var client = core.accept() else { return }
        service.clientArrived(&client.conversation)
        core.life.count(&client.conversation)
        while waitForRequest(client.conversation) == .some { serveRequest(&client.conversation) }
        service.clientLeft(client.conversation.client.id)
        core.end(client)
    }

    private mutating func serveRequest(_ client: inout BlockingClient) {
        let start = LoopTime(nanoseconds: Clock.monotonicNanoseconds())
        core.life.counts.count(.requests)
        service.serve(&client)
        core.life.count(&client)
        core.life.countTime(since: start)
    }

    private func waitForRequest(_ client: borrowing BlockingClient) -> Reception {
        Watchdog.waitBegins()
        defer { Watchdog.waitEnded() }
        return client.waitForRequest()
    }

    mutating func finish() { core.finish() }
}
