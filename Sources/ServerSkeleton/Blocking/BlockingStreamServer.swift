//===----------------------------------------------------------------------===//
// Quartermaster: BlockingStreamServer, runs a blocking stream service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import FixedMemory
import MasterProtocol
import SystemCalls

/// Runs a blocking stream service as a child of master(8): `BlockingStreamServer<MyService>.main()` is the whole of a
/// `main.swift`.
public enum BlockingStreamServer<S: BlockingStreamService & ~Copyable> {
    /// Starts, serves, and ends the process; never returns. Called from the top of `main.swift`, once.
    public static func main() -> Never {
        let started = startServer(S.self, as: .stream)
        let circumstances = started.circumstances
        switch S.clientsAtOnce {
        case _ where circumstances.isOneShot: serveOneShot(started.service, circumstances)
        case .one: serve(OneClientServer(circumstances, started.counts, started.service))
        case .many: serve(ManyClientsServer(circumstances, started.counts, started.service))
        }
        endServer()
    }

    static func serve(_ server: consuming OneClientServer<S>) {
        server.run()
        server.service.willExit()
        server.finish()
    }

    static func serve(_ server: consuming ManyClientsServer<S>) {
        server.run()
        server.service.willExit()
        server.finish()
    }

    /// One client on stdin and stdout, without master.
    private static func serveOneShot(_ service: consuming S, _ circumstances: Circumstances) {
        var client = BlockingClient(
            .oneShot,
            input: .standardInput,
            output: .standardOutput,
            milliseconds: circumstances.ipcTimeoutMilliseconds
        )
        service.clientArrived(&client)
        while client.waitForRequest() == .some { service.serve(&client) }
        service.clientLeft(client.client.id)
        service.willExit()
        circumstances.log.finish()
    }
}
