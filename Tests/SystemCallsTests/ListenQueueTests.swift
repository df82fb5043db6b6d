//===----------------------------------------------------------------------===//
// Quartermaster: tests of counting the clients that wait
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@Suite struct ListenQueueTests {
    @Test("the clients that wait at a TCP socket are counted")
    func tcpQueue() throws {
        let address = try #require(SocketAddress(numeric: "127.0.0.1", port: 0))
        let listener = try makeSocket(.ipv4, .stream)
        try listener.number.bind(to: address)
        #expect(throws: SystemError(.getsockopt, .invalidArgument)) { try listener.number.tcpQueue() }
        try listener.number.listen(backlog: 10)
        #expect(try listener.number.tcpQueue().length == 0)
        let port = try #require(try listener.number.name(ofPeer: false)).port
        let clients = try (0..<3).map { _ in try Caller(.port(port)) }
        // The last word of a handshake may be dealt with a little later.
        #expect(try eventually { try listener.number.tcpQueue().length == clients.count })
        let accepted = accept(listener.number.rawValue, nil, nil)
        #expect(try listener.number.tcpQueue().length == 2)
        close(accepted)
    }

    @Test("the clients that wait at a UNIX socket are counted", .enabled(if: UnixQueue.isVisible))
    func unixQueue() throws {
        let home = try TemporaryDirectory("qm-queue")
        defer { home.remove() }
        let address = try #require(SocketAddress(unixPath: home.path + "/socket"))
        let listener = try makeSocket(.unix, .stream)
        try listener.number.bind(to: address)
        try listener.number.listen(backlog: 10)
        #expect(try listener.number.unixQueue().length == 0)
        let clients = try (0..<3).map { _ in try Caller(.path(home.path + "/socket")) }
        #expect(try listener.number.unixQueue().length == clients.count)
        let accepted = accept(listener.number.rawValue, nil, nil)
        #expect(try listener.number.unixQueue().length == 2)
        close(accepted)
    }

    @Test("a socket that was shut down is told from one with clients, and from an idle one", arguments: [false, true])
    func shutDown(isUnix: Bool) throws {
        let home = try TemporaryDirectory("qm-queue")
        defer { home.remove() }
        let listener = try makeSocket(isUnix ? .unix : .ipv4, .stream)
        let address =
            isUnix
            ? SocketAddress(unixPath: home.path + "/socket") : SocketAddress(numeric: "127.0.0.1", port: 0)
        try listener.number.bind(to: #require(address))
        try listener.number.listen(backlog: 10)
        #expect(try !listener.number.isShutDown())
        let place: Place =
            isUnix
            ? .path(home.path + "/socket") : .port(try #require(try listener.number.name(ofPeer: false)).port)
        let client = try Caller(place)
        #expect(try !listener.number.isShutDown())
        shutdown(listener.number.rawValue, Int32(SHUT_RD))
        #expect(try listener.number.isShutDown())
        withExtendedLifetime(client) {}
    }

    @Test("connections that find no room at a TCP socket are counted by the kernel")
    func dropped() throws {
        let listener = try makeSocket(.ipv4, .stream)
        try listener.number.bind(to: #require(SocketAddress(numeric: "127.0.0.1", port: 0)))
        try listener.number.listen(backlog: 2)
        #expect(try listener.number.tcpQueue() == WaitingQueue(length: 0, room: 2))
        #expect(try listener.number.droppedCount() == 0)
        let address = try #require(try listener.number.name(ofPeer: false))
        var clients = DescriptorList()
        for _ in 0..<6 {
            let client = try makeSocket(.ipv4, .stream)
            try client.number.setNonBlocking(true)
            _ = try? client.number.connect(to: address)
            clients.append(client)
        }
        #expect(try eventually { try listener.number.droppedCount() >= 3 })
        #expect(try listener.number.tcpQueue() == WaitingQueue(length: 3, room: 2))
        #expect(try listener.number.tcpQueue().isOverfull)
    }

    @Test("how many may wait at a UNIX socket is told", .enabled(if: UnixQueue.isVisible))
    func unixRoom() throws {
        let home = try TemporaryDirectory("qm-queue")
        defer { home.remove() }
        let address = try #require(SocketAddress(unixPath: home.path + "/socket"))
        let listener = try makeSocket(.unix, .stream)
        try listener.number.bind(to: address)
        try listener.number.listen(backlog: 2)
        let clients = try (0..<3).map { _ in try Caller(.path(home.path + "/socket")) }
        #expect(try listener.number.unixQueue() == WaitingQueue(length: 3, room: 2))
        #expect(try listener.number.unixQueue().isOverfull)
        let late = try makeSocket(.unix, .stream)
        try late.number.setNonBlocking(true)
        #expect(throws: SystemError(.connect, .resourceTemporarilyUnavailable)) { try late.number.connect(to: address) }
        #expect(clients.count == 3)
    }

    @Test("what is in a pipe is told")
    func pipe() throws {
        let pipe = try makePipe(nonBlocking: true)
        _ = try pipe.second.number.write(Array("WW".utf8))
        let queue = try pipe.first.number.pipeQueue()
        #expect(queue.length == 2 && queue.room >= 4096)
    }

    @Test("what is no listening socket has no queue")
    func noQueue() throws {
        let pipe = try makePipe(nonBlocking: true)
        #expect(throws: SystemError(.getsockopt, Errno(rawValue: ENOTSOCK))) { try pipe.first.number.tcpQueue() }
        #expect(throws: SystemError.self) { try pipe.first.number.unixQueue() }
        let closed = DescriptorNumber(9999)
        #expect(throws: SystemError(.sockDiag, Errno(rawValue: EBADF))) { try closed.unixQueue() }
    }
}
