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
        core = DatagramCore(started.circumstances, started.counts, lock: started.lock.take())
        datagrams = Datagrams(capacity: capacity, datagramSize: ProtocolLimit.datagramBytes)
        service = started.service
    }

    private mutating func run() {
        while true {
            switch core.nextStep() {
            case .turn:
                core.wait(atMost: service.willWait(core.time))
                if core.mayReceive { receive() }
            case .lookOnceMore: receive()
            case .leave: return
            }
        }
    }

    private mutating func receive() {
        switch service.willAccept() {
        case .retire(let why): return core.retire(why)
        case .goOn: break
        }
        while core.receive(into: &datagrams) == .some { service.received(&datagrams) }
        core.finishRequests()
    }
}
