//===----------------------------------------------------------------------===//
// Quartermaster: the program around a datagram service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

/// Runs a datagram service as a child of master(8): `DatagramServer<MyService>.main()` is the whole of a `main.swift`.
public struct DatagramServer<S: DatagramService & ~Copyable>: ~Copyable {
    private var service: S
    private var core: DatagramCore
    private var datagrams: Datagrams

    /// Starts, serves, and ends the process; never returns. Called from the top of `main.swift`, once.
    public static func main() -> Never {
        serve()
        endServer()
    }

    private static func serve() {
        var server = DatagramServer()
        server.run()
        server.service.willExit()
        server.core.finish()
    }

    private init() {
        let capacity = DatagramCore.batchCapacity()
        var started = startServer(S.self, as: .datagram)
        core = DatagramCore(started.log, started.limits, started.status, lock: started.lock.take())
        core.start(started)
        datagrams = Datagrams(capacity: capacity, datagramSize: ProtocolLimit.datagramBytes)
        service = started.service
    }

    private mutating func run() {
        while core.goesOn() {
            core.wait(atMost: service.willWait(core.time))
            guard core.hasWork() else { continue }
            switch service.willAccept() {
            case .retire(let why):
                core.retire(why)
                continue
            case .goOn: break
            }
            while core.receive(into: &datagrams) { service.received(&datagrams) }
            core.finishRequests()
        }
    }
}
