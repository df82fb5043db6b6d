//===----------------------------------------------------------------------===//
// Quartermaster: tests that an error names the call that failed, and of looks without waiting
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
import SystemCalls
import Testing

@Suite struct NamedCallTests {
    @Test("reading an option of what is no socket is an error of getsockopt(2)")
    func option() throws {
        let pipe = try makePipe(nonBlocking: true)
        #expect(throws: SystemError(.getsockopt, .notSocket)) { _ = try pipe.first.number.option(.keepAlive) }
        #expect(throws: SystemError(.getsockopt, .notSocket)) { _ = try pipe.first.number.pendingError() }
        #expect(throws: SystemError(.setsockopt, .notSocket)) { try pipe.first.number.setOption(.keepAlive, 1) }
    }

    @Test("the peer of a socket that has none is an error of getpeername(2), not of getsockname(2)")
    func peer() throws {
        let socket = try makeSocket(.ipv4, .stream)
        #expect(throws: SystemError(.getpeername, .socketNotConnected)) { _ = try socket.number.name(ofPeer: true) }
        let pipe = try makePipe(nonBlocking: true)
        #expect(throws: SystemError(.getsockname, .notSocket)) { _ = try pipe.first.number.name(ofPeer: false) }
    }

    @Test("a number that no descriptor can have is an error of dup2(2)")
    func duplicate() throws {
        let pipe = try makePipe(nonBlocking: true)
        #expect(throws: SystemError(.dup2, Errno(rawValue: EBADF))) {
            try pipe.first.number.copy(onto: DescriptorNumber(.max))
        }
    }

    @Test("the priority of a socket is kept with it, and its other end knows nothing of it")
    func priority() throws {
        let pair = try makeSocketPair()
        #expect(try pair.first.number.option(.priority) == 0)
        try pair.first.number.setOption(.priority, 6)
        #expect(try pair.first.number.option(.priority) == 6)
        #expect(try pair.second.number.option(.priority) == 0)
    }

    @Test("any of many descriptors that can be read is seen in one look", arguments: [1, 2, 300])
    func anyOfMany(_ count: Int) throws {
        #expect(try !anyReadable([]))
        let idle = try makeSocketPair()
        let quiet = Array(repeating: idle.first.number, count: count - 1)
        let pair = try makeSocketPair()
        let all = quiet + [pair.first.number]
        #expect(try !anyReadable(all))
        _ = try pair.second.number.write([1])
        #expect(try anyReadable(all))
        _ = try pair.first.number.read(atMost: 1)
        #expect(try !anyReadable(all))
    }

    @Test("a client that waits at a listener is seen without accepting it")
    func queue() throws {
        let listener = try makeSocket(.ipv4, .stream)
        try listener.number.bind(to: SocketAddress(ipv4: [127, 0, 0, 1], port: 0))
        try listener.number.listen(backlog: 5)
        #expect(try !anyReadable([listener.number]))
        let address = try #require(try listener.number.name(ofPeer: false))
        let client = try makeSocket(.ipv4, .stream)
        try client.number.connect(to: address)
        #expect(try listener.number.waitForInput(milliseconds: 90_000))
        #expect(try anyReadable([listener.number]))
        #expect(try anyReadable([listener.number]), "it still waits")
    }
}
