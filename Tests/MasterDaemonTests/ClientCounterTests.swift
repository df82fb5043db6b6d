//===----------------------------------------------------------------------===//
// Quartermaster: tests of asking the kernel for clients, and of not asking again
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import MasterConfig
import MasterProtocol
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

/// A listening UNIX-domain socket with two clients.
private final class Queue {
    let home: TemporaryDirectory
    let clients: [Caller]
    let endpoint: EndpointPlan
    let list: DescriptorList

    init() throws {
        home = try TemporaryDirectory("qm-counter")
        let path = home.path + "/socket"
        endpoint = .path(path, .unix)
        let listener = try makeSocket(.unix, .stream)
        try listener.number.bind(to: #require(SocketAddress(unixPath: path)))
        try listener.number.listen(backlog: 5)
        clients = try (0..<2).map { _ in try Caller(.path(path)) }
        var list = DescriptorList()
        list.append(listener)
        self.list = list
    }

    deinit { home.remove() }
}

@Suite struct ClientCounterTests {
    @Test("a failure that passes is forgotten", .enabled(if: UnixQueue.isVisible))
    func passingFailure() async {
        await #expect(processExitsWith: .success) {
            for code in [Errno.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .noBufferSpace] {
                let queue = try Queue()
                var counter = ClientCounter()
                FaultPlan.fail(.sockDiag, with: code)
                #expect(counter.count(queue.list, queue.endpoint) == 0)
                #expect(counter.count(queue.list, queue.endpoint) == 2)
            }
        }
    }

    @Test("a refusal is remembered")
    func refusal() async {
        await #expect(processExitsWith: .success) {
            for code in [Errno.noSuchFileOrDirectory, .permissionDenied, .protocolNotSupported] {
                let queue = try Queue()
                var counter = ClientCounter()
                FaultPlan.fail(.sockDiag, with: code)
                counter.tryOut(queue.list, queue.endpoint)
                // Who would be asked again would answer 2.
                #expect(counter.count(queue.list, queue.endpoint) == 0)
                FaultPlan.clear()
            }
        }
    }

    @Test("the queues of FIFOs, of datagrams and of no sockets are not known")
    func unknownQueues() throws {
        let queue = try Queue()
        var counter = ClientCounter()
        for endpoint in [EndpointPlan.path("fifo", .fifo), .path("datagrams", .unixDatagram), .inet([])] {
            let count = counter.count(queue.list, endpoint)
            #expect(count == 0)
        }
    }
}
