//===----------------------------------------------------------------------===//
// Quartermaster: tests of asking the kernel for clients, and of not asking again
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import MasterConfig
import MasterPolicy
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
                #expect(counter.waiting(at: queue.list, queue.endpoint) == 0)
                #expect(counter.waiting(at: queue.list, queue.endpoint) == 2)
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
                #expect(counter.waiting(at: queue.list, queue.endpoint) == 0)
                FaultPlan.clear()
            }
        }
    }

    @Test("of a full UNIX queue it is told that nobody else has room", .enabled(if: UnixQueue.isVisible))
    func fullUnixQueue() throws {
        let queue = try Queue()
        var counter = ClientCounter()
        #expect(counter.census(of: queue.list, queue.endpoint) == QueueCount(waiting: 2, room: 5))
        let more = try (0..<4).map { _ in try Caller(.path(queue.home.path + "/socket")) }
        #expect(counter.census(of: queue.list, queue.endpoint) == QueueCount(waiting: 6, room: 5, isFull: true))
        #expect(more.count == 4)
    }

    @Test("of a full TCP queue it is told who found no room")
    func fullTCPQueue() throws {
        let listener = try makeSocket(.ipv4, .stream)
        try listener.number.bind(to: #require(SocketAddress(numeric: "127.0.0.1", port: 0)))
        try listener.number.listen(backlog: 1)
        let address = try #require(try listener.number.name(ofPeer: false))
        var list = DescriptorList()
        list.append(listener)
        var clients = DescriptorList()
        for _ in 0..<5 {
            let client = try makeSocket(.ipv4, .stream)
            try client.number.setNonBlocking(true)
            _ = try? client.number.connect(to: address)
            clients.append(client)
        }
        var counter = ClientCounter()
        #expect(eventually { counter.census(of: list, .inet([address])).turnedAway >= 3 })
        let count = counter.census(of: list, .inet([address]))
        #expect(count.waiting == 2 && count.room == 1 && !count.isFull)
    }

    @Test("what waits in a FIFO, or as a datagram, is told as far as it can be")
    func others() throws {
        let home = try TemporaryDirectory("qm-counter")
        defer { home.remove() }
        #expect(mkfifo(home.path + "/fifo", 0o600) == 0)
        let fifo = try openFile(home.path + "/fifo", [.readWrite, .nonBlocking])
        let writer = fifo.number
        _ = try writer.write(Array("WW".utf8))
        var list = DescriptorList()
        list.append(fifo)
        var counter = ClientCounter()
        let count = counter.census(of: list, .path("fifo", .fifo))
        #expect(count.waiting == 2 && count.room >= 4096 && !count.isFull)
        // Triggers are single bytes.
        while case .bytes? = try? writer.write([87]) {}
        #expect(counter.census(of: list, .path("fifo", .fifo)).isFull)
        #expect(counter.census(of: list, .path("datagrams", .unixDatagram)) == QueueCount(waiting: 1))
    }

    @Test("the queues of FIFOs, of datagrams and of no sockets do not lead to more starts")
    func unknownQueues() throws {
        let queue = try Queue()
        var counter = ClientCounter()
        for endpoint in [EndpointPlan.path("fifo", .fifo), .path("datagrams", .unixDatagram), .inet([])] {
            let count = counter.waiting(at: queue.list, endpoint)
            #expect(count == 0)
        }
    }
}
