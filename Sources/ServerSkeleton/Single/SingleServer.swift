//===----------------------------------------------------------------------===//
// Quartermaster: SingleServer, runs a service with one client a process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import MasterProtocol
import SystemCalls
import WorkerPage

/// Runs a single service as a child of master(8): `SingleServer<MyService>.main()` is the whole of a `main.swift`.
public struct SingleServer<S: SingleService & ~Copyable>: ~Copyable {
    var service: S
    private var core: OneClientCore

    /// Starts, serves, and ends the process; never returns. Called from the top of `main.swift`, once.
    public static func main() -> Never {
        serve()
        endServer()
    }

    private static func serve() {
        var server = SingleServer()
        if server.core.life.circumstances.isOneShot { server.serveOneShot() } else { server.run() }
        server.service.willExit()
        server.core.finish()
    }

    private init() { self.init(startServer(S.self, as: .single)) }

    init(_ started: consuming StartedServer<S>) {
        // Who is woken accepts at once: nothing that may block stands between. So one is enough.
        core = OneClientCore(
            started.circumstances,
            started.counts,
            lock: started.lock.take(),
            woken: .one,
            clientsWait: .inCalls
        )
        service = started.service
    }

    mutating func run() {
        core.start()
        while true {
            switch core.nextStep() {
            case .turn:
                core.wait(atMost: service.willWait(core.time))
                if core.mayAccept { serveNext() }
            case .lookOnceMore: serveNext()
            case .leave: return
            }
        }
    }

    private mutating func serveNext() {
        switch service.willAccept() {
        case .retire(let why): return core.retire(why)
        case .goOn: break
        }
        guard var client = core.accept() else { return }
        let start = LoopTime(nanoseconds: Clock.monotonicNanoseconds())
        core.life.counts.count(.requests)
        service.serve(&client.conversation)
        core.life.count(&client.conversation)
        core.life.countTime(since: start)
        core.end(client)
    }

    /// One client on stdin and stdout, without master.
    private mutating func serveOneShot() {
        var client = BlockingClient(
            .oneShot,
            input: .standardInput,
            output: .standardOutput,
            milliseconds: core.life.circumstances.ipcTimeoutMilliseconds,
            waiting: .inCalls
        )
        service.serve(&client)
    }
}
