//===----------------------------------------------------------------------===//
// Quartermaster: the program around a datagram service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

/// Runs a datagram service as a child of master(8): `DatagramServer<MyService>.main()` is the whole of a `main.swift`.
public struct DatagramServer<S: DatagramService & ~Copyable>: ~Copyable {
    var service: S
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
        let queueLength = DatagramCore.queueLength()
        self.init(startServer(S.self, as: .datagram), queueLength: queueLength)
    }

    init(_ started: consuming StartedServer<S>, queueLength: Int = DatagramCore.queueLength()) {
        let (size, replySize) = (S.maximumDatagramSize, S.maximumReplySize)
        precondition((1...65_535).contains(size), "maximumDatagramSize is from 1 to 65535")
        precondition((1...65_507).contains(replySize), "maximumReplySize is from 1 to 65507")
        let capacity = DatagramCore.batchCapacity(
            started.circumstances.transport,
            queueLength: queueLength,
            datagramSize: size
        )
        core = DatagramCore(started.circumstances, started.counts, lock: started.lock.take())
        datagrams = Datagrams(capacity: capacity, datagramSize: size, replySize: replySize)
        service = started.service
    }

    mutating func run() {
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
        datagrams.begin(core.time)
        while core.receive(into: &datagrams) == .some {
            service.received(&datagrams)
            core.sendReplies(of: &datagrams)
        }
        core.finishRequests()
    }
}
