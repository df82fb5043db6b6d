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
        #expect(throws: SystemError(.getsockopt, .invalidArgument)) { try listener.number.tcpQueueLength() }
        try listener.number.listen(backlog: 10)
        #expect(try listener.number.tcpQueueLength() == 0)
        let port = try #require(try listener.number.name(ofPeer: false)).port
        let clients = try (0..<3).map { _ in try Caller(.port(port)) }
        // The last word of a handshake may be dealt with a little later.
        #expect(try eventually { try listener.number.tcpQueueLength() == clients.count })
        let accepted = accept(listener.number.rawValue, nil, nil)
        #expect(try listener.number.tcpQueueLength() == 2)
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
        #expect(try listener.number.unixQueueLength() == 0)
        let clients = try (0..<3).map { _ in try Caller(.path(home.path + "/socket")) }
        #expect(try listener.number.unixQueueLength() == clients.count)
        let accepted = accept(listener.number.rawValue, nil, nil)
        #expect(try listener.number.unixQueueLength() == 2)
        close(accepted)
    }

    @Test("what is no listening socket has no queue")
    func noQueue() throws {
        let pipe = try makePipe(nonBlocking: true)
        #expect(throws: SystemError(.getsockopt, Errno(rawValue: ENOTSOCK))) { try pipe.first.number.tcpQueueLength() }
        #expect(throws: SystemError.self) { try pipe.first.number.unixQueueLength() }
        let closed = DescriptorNumber(9999)
        #expect(throws: SystemError(.sockDiag, .badFileDescriptor)) { try closed.unixQueueLength() }
    }
}
