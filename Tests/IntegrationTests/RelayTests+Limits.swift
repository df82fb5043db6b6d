//===----------------------------------------------------------------------===//
// Quartermaster: relay: its limits of time and of clients
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension RelayTests {
    @Test("a connection in which nothing moves is closed on both sides; one in which something does is not")
    func idleTimeout() throws {
        let scene = try Scene(["relay_idle_timeout=2"])
        let server = try scene.server()
        // When this thread stands still for too long, the busy one is idle, too; then all begins anew.
        #expect(try (0..<10).contains { _ in try isQuietOneClosed(scene, server) })
    }

    /// - Returns: false when nothing can be said, because the busy one was idle for long, too.
    private func isQuietOneClosed(_ scene: Scene, _ server: StreamServerEnd) throws -> Bool {
        let (client, behind) = try scene.pair(server)
        let (busy, busyBehind) = try scene.pair(server)
        let start = ContinuousClock.now
        var last = start
        var longestPause = Duration.zero
        /// One direction is enough.
        func says(_ text: String, _ from: StreamEnd, _ to: StreamEnd) -> Bool {
            let isHeard = from.send(text) && to.read(exactly: 1) == text
            longestPause = max(longestPause, ContinuousClock.now - last)
            last = ContinuousClock.now
            return isHeard
        }
        var isBusyOneOpen = true
        let isClosed = eventually(every: .milliseconds(300)) {
            isBusyOneOpen = isBusyOneOpen && says("y", busyBehind, busy)
            var record = pollfd(fd: client.descriptor, events: Int16(POLLIN), revents: 0)
            return poll(&record, 1, 0) == 1
        }
        #expect(isClosed)
        #expect(ContinuousClock.now - start >= .seconds(1), "not at once")
        #expect(client.read() == .ended)
        #expect(behind.read() == .ended)
        isBusyOneOpen = isBusyOneOpen && says("z", busy, busyBehind)
        if longestPause > .milliseconds(1500) { return false }
        #expect(isBusyOneOpen)
        return true
    }

    @Test("a client that stops to read is reset when its time is over: it does not take what it has for the whole")
    func idleReader() throws {
        let scene = try Scene(port: FreePort.next(), ["relay_idle_timeout=2"])
        let server = try scene.server()
        let (client, behind) = try scene.pair(server)
        let pump = StreamPump(behind, seed: 3)
        // Until the relay hangs up.
        let sent = try #require(pump.stop(whenItFails: true))
        let (bytes, end) = client.readAll()
        #expect(end == .reset)
        #expect(bytes.count < sent.count, "\(bytes.count) of \(sent.count)")
    }

    @Test("an upstream that does not answer is given up in time, and the next one gets what was sent meanwhile")
    func connectTimeout() throws {
        let port = try FreePort.next()
        let scene = try Scene([
            "relay_upstreams=127.0.0.1:\(port),unix:BEHIND", "relay_connect_timeout=1", "relay_balance=first",
        ])
        // A queue that is full answers nobody.
        let full = try StreamServerEnd(.port(port), backlog: 0)
        let first = try StreamEnd(full.place)
        let waiting = FullQueue(port)
        defer { withExtendedLifetime((full, first, waiting)) {} }
        let server = try scene.server()
        let client = try scene.client()
        #expect(client.send("hello"))
        let behind = try #require(server.accept(), "\(scene.system.log)")
        #expect(behind.read(exactly: 5) == "hello")
        let text = "connect to upstream 127.0.0.1:\(port): Connection timed out -- leaving it alone for 1 s"
        #expect(scene.system.wait(for: text), "\(scene.system.log)")
    }

    @Test("a client that leaves before its upstream answers is forgotten")
    func earlyLeaver() throws {
        let port = try FreePort.next()
        let scene = try Scene(["relay_upstreams=127.0.0.1:\(port)", "relay_connect_timeout=2", "relay_retry_time=1"])
        let full = try StreamServerEnd(.port(port), backlog: 0)
        let first = try StreamEnd(full.place)
        let waiting = FullQueue(port)
        defer { withExtendedLifetime((full, first, waiting)) {} }
        try scene.client().close()
        #expect(scene.system.wait(for: "no upstream can be reached"), "\(scene.system.log)")
        #expect(scene.workers.count == 1)
    }

    @Test("clients beyond the limit wait until one has left")
    func clientLimit() throws {
        let scene = try Scene(["relay_client_limit=2"])
        let server = try scene.server()
        let (one, oneBehind) = try scene.pair(server)
        let (two, twoBehind) = try scene.pair(server)
        let third = try scene.client()
        #expect(third.send("me too"))
        for (client, behind) in [(one, oneBehind), (two, twoBehind)] {
            #expect(client.send("x"))
            #expect(behind.read(exactly: 1) == "x")
        }
        #expect(server.accept(within: .milliseconds(300)) == nil, "it waits in the queue")
        one.close()
        #expect(oneBehind.read() == .ended)
        oneBehind.close()
        let behind = try #require(server.accept(), "\(scene.system.log)")
        #expect(behind.read(exactly: 6) == "me too")
    }

    @Test("beyond the limit another process serves, where there may be one")
    func clientLimitOfSeveral() throws {
        let scene = try Scene(maxproc: 2, ["relay_client_limit=1"])
        let server = try scene.server()
        let pairs = try (0..<2).map { _ in try scene.pair(server) }
        for pair in pairs {
            #expect(pair.client.send("x"))
            #expect(pair.server.read(exactly: 1) == "x")
        }
        #expect(scene.workers.count == 2, "\(scene.system.log)")
    }
}

/// Connections that fill the queue of a listener, so that it answers nobody else.
private final class FullQueue {
    private var descriptors: [Int32] = []

    init(_ port: UInt16) {
        for _ in 0..<4 {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
            _ = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            descriptors.append(descriptor)
        }
    }

    deinit { for descriptor in descriptors { close(descriptor) } }
}
