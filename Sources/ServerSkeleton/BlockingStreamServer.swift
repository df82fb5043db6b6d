//===----------------------------------------------------------------------===//
// Quartermaster: the program around a blocking stream service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import MasterProtocol
import SystemCalls

/// Runs a blocking stream service as a child of master(8): `BlockingStreamServer<MyService>.main()` is the whole of a
/// `main.swift`.
public struct BlockingStreamServer<S: BlockingStreamService & ~Copyable>: ~Copyable {
    private var service: S
    private var core: StreamCore

    /// Starts, serves, and ends the process; never returns. Called from the top of `main.swift`, once.
    public static func main() -> Never {
        serve()
        endServer()
    }

    private static func serve() {
        var server = BlockingStreamServer()
        if server.core.isOneShot { server.serveOneClient() } else { server.run() }
        server.service.willExit()
        server.core.finish()
    }

    private init() {
        let started = startServer(S.self, as: DaemonOptions.Skeleton.stream)
        core = StreamCore(StreamCore.Circumstances(started, ignoresPassAttributes: false), blockSize: 16)
        core.status.waitsForRoom = true
        service = started.service
    }

    private mutating func run() {
        core.start()
        while core.goesOn() {
            core.wait(atMost: service.willWait(core.time))
            while let event = core.nextEvent() { handle(event) }
            core.finishRequests()
            if core.mayAccept {
                acceptClients()
                core.finishRequests()
            }
        }
    }

    private mutating func handle(_ event: StreamEvent) {
        switch event {
        case .input(let id): work(id)
        case .arrived(let id): greet(id)
        case .lost(let id): leave(id)
        case .resumed: break
        }
    }

    private mutating func work(_ id: ClientID) {
        guard core.hasInput(id) else { return leave(id) }
        core.beginRequests()
        var client = core.blockingClient(id)
        service.serve(&client)
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
        var client = core.blockingClient(id)
        service.clientArrived(&client)
        if client.isOver { leave(id) }
    }

    private mutating func leave(_ id: ClientID) {
        service.clientLeft(id)
        core.remove(id)
    }

    private mutating func serveOneClient() {
        var client = BlockingClient(
            core.oneShotClient,
            input: .standardInput,
            output: .standardOutput,
            milliseconds: core.circumstances.ipcTimeoutMilliseconds
        )
        service.clientArrived(&client)
        while !client.isOver { service.serve(&client) }
        service.clientLeft(client.client.id)
    }
}

extension StreamCore {
    /// Whether a client that became readable has sent something rather than hung up.
    mutating func hasInput(_ id: ClientID) -> Bool {
        guard let number = connections.withElement(id.slot, { $0.descriptor.number }) else { return false }
        return (try? number.unreadBytes()) ?? 0 > 0
    }

    mutating func blockingClient(_ id: ClientID) -> BlockingClient {
        let client = client(id)
        return BlockingClient(
            client,
            input: client.descriptor,
            output: client.descriptor,
            milliseconds: circumstances.ipcTimeoutMilliseconds
        )
    }
}
