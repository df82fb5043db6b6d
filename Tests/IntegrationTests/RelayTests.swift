//===----------------------------------------------------------------------===//
// Quartermaster: relay: limits, memory, counters, and what only our master does
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing
import WorkerPage

@Suite("Relay", .timeLimit(.minutes(60))) struct RelayTests {
    /// A mail system with one relay on a UNIX socket or a port of TCP, and the path of its upstream.
    private final class Scene {
        let system: MailSystem
        let upstream: String
        private let place: Place
        private(set) var master: RunningProcess?

        /// - Parameter options: `BEHIND` is replaced by the upstream's path.
        init(port: UInt16? = nil, maxproc: Int = 1, _ options: [String] = [], programs: [String] = []) throws {
            system = try MailSystem([], programs: ["relay", "masterctl", "postlogd"] + programs)
            upstream = system.directory + "/behind"
            place = port.map { .port($0) } ?? .path(system.queueDirectory + "/public/relay")
            let line = port.map { "127.0.0.1:\($0) inet n" } ?? "relay unix n"
            let words = (["relay_upstreams=unix:BEHIND"] + options).map {
                "-o " + $0.replacing("BEHIND", with: upstream)
            }
            try system.setServices([
                "\(line) - n - \(maxproc) relay " + words.joined(separator: " "),
                "postlog unix-dgram n - n - 1 postlogd",
            ])
            master = try system.start()
        }

        deinit { system.end() }

        func server(backlog: Int32 = 128) throws -> StreamServerEnd {
            try StreamServerEnd(.path(upstream), backlog: backlog)
        }

        func client() throws -> StreamEnd { try StreamEnd(place) }

        func pair(_ server: StreamServerEnd) throws -> (client: StreamEnd, server: StreamEnd) {
            let client = try client()
            return (client, try #require(server.accept(), "\(system.log)"))
        }

        var workers: [Int32] { system.processes("relay").map(\.pid) }

        func worker() throws -> Int32 { try #require(workers.first) }
    }

    // MARK: the life of the process

    @Test("no byte is lost by upgrades, reloads, a retirement and a drain in the middle of transfers")
    func steering() throws {
        let scene = try Scene(maxproc: 3)
        let server = try scene.server()
        let first = try scene.pair(server)
        let traffic = StreamTraffic(client: first.client, server: first.server)
        #expect(traffic.flows())
        let master = try #require(scene.master)
        for _ in 0..<3 {
            let before = scene.system.count(" goes on where ")
            kill(master.pid, SIGUSR2)
            #expect(scene.system.wait(for: " goes on where ", count: before + 1), "\(scene.system.log)")
            #expect(traffic.flows())
        }
        #expect(try scene.system.reload())
        #expect(traffic.flows(), "\(scene.system.log)")
        let second = try scene.pair(server)
        let others = StreamTraffic(client: second.client, server: second.server, seed: 5)
        #expect(others.flows())
        let retired = try scene.system.masterctl("retire", "relay")
        #expect(retired.succeeded, "\(retired)")
        #expect(traffic.flows() && others.flows(), "\(scene.system.log)")
        let third = try scene.pair(server)
        let last = StreamTraffic(client: third.client, server: third.server, seed: 9)
        #expect(last.flows())
        kill(master.pid, SIGKILL)
        #expect(eventually { !master.isRunning })
        #expect(traffic.flows() && others.flows() && last.flows())
        #expect(traffic.isWhole())
        #expect(others.isWhole())
        #expect(last.isWhole())
        #expect(eventually { scene.workers.isEmpty })
    }

    @Test("what an upstream has still to take is delivered after its client and master are gone")
    func lastBytes() throws {
        let scene = try Scene()
        let server = try scene.server()
        let (client, behind) = try scene.pair(server)
        // The upstream has said all it will say, and reads nothing yet.
        behind.finish()
        #expect(client.read() == .ended)
        let pump = StreamPump(client, seed: 4, piece: 1000)
        var last = -1
        // Until nothing moves any more: all buffers on the way are full.
        #expect(
            eventually(every: .milliseconds(200)) {
                let sent = pump.sent
                defer { last = sent }
                return sent > 0 && sent == last
            }
        )
        let master = try #require(scene.master)
        kill(master.pid, SIGKILL)
        #expect(eventually { !master.isRunning })
        let sink = StreamSink(behind)
        let sent = pump.stop()
        #expect(sent != nil && sink.finish() == sent)
        client.close()
        #expect(eventually { scene.workers.isEmpty })
    }

    @Test("a process that is to leave is given its time, and no more")
    func drainTime() throws {
        let scene = try Scene(["relay_drain_time=1"])
        let server = try scene.server()
        let (client, behind) = try scene.pair(server)
        #expect(client.send("x"))
        #expect(behind.read(exactly: 1) == "x")
        #expect(try scene.system.reload())
        #expect(client.readAll().bytes == [])
        #expect(eventually { scene.workers.isEmpty }, "\(scene.system.log)")
        #expect(scene.system.wait(for: "1 clients are cut off"), "\(scene.system.log)")
    }

    // MARK: limits

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

    // MARK: memory

    @Test("a fast sender waits for a slow reader, and the memory of the relay has a bound")
    func backPressure() throws {
        let scene = try Scene(["relay_buffer_size=65536"])
        let server = try scene.server()
        let warm = try scene.pair(server)
        #expect(warm.client.send("x"))
        #expect(warm.server.read(exactly: 1) == "x")
        let before = try privateKilobytes(scene.worker())
        let pairs = try (0..<20).map { _ in try scene.pair(server) }
        let pumps = pairs.enumerated().map { StreamPump($1.server, seed: UInt64($0 + 1)) }
        var last = -1
        #expect(
            eventually(every: .milliseconds(300)) {
                let sent = pumps.reduce(0) { $0 + $1.sent }
                defer { last = sent }
                return sent > 0 && sent == last
            },
            "the senders are made to wait"
        )
        let taken = try privateKilobytes(scene.worker()) - before
        // Blocks come in chunks of sixteen.
        #expect(taken < 20 * 64 * 2 + 4096, "\(taken) KB for twenty buffers of 64 KB")
        let sinks = pairs.map { StreamSink($0.client) }
        for (pump, sink) in zip(pumps, sinks) {
            let sent = pump.stop()
            #expect(sent != nil && sink.finish() == sent)
        }
        withExtendedLifetime(warm) {}
    }

    @Test("what a TCP client does not read takes little of the kernel's memory, and new clients are served beside it")
    func unread() throws {
        let port = try FreePort.next()
        let scene = try Scene(port: port, ["relay_unsent_limit=16384"])
        let server = try scene.server()
        let (slow, source) = try scene.pair(server)
        let pump = StreamPump(source, seed: 1)
        var last = -1
        #expect(
            eventually(every: .milliseconds(300)) {
                let sent = pump.sent
                defer { last = sent }
                return sent > 0 && sent == last
            },
            "the sender is made to wait"
        )
        // What a client's window lets through is on its way; the kernel alone would keep 2.5 MB. While other sockets
        // come and go, one may be missing in the list.
        var waiting = 0
        let isListed = eventually {
            waiting = unsent(from: port)
            return waiting > 0
        }
        #expect(isListed && waiting < 400_000, "\(waiting) bytes")
        let (client, behind) = try scene.pair(server)
        #expect(behind.send("hello"))
        #expect(client.read(exactly: 5) == "hello")
        let sink = StreamSink(slow)
        let sent = pump.stop()
        #expect(sent != nil && sink.finish() == sent)
    }

    /// Bytes that the kernel has for the peers of connections that were accepted on a port of loopback.
    private func unsent(from port: UInt16) -> Int {
        // Foundation takes the first page of this file for the whole.
        let table = (try? run(["/bin/cat", "/proc/net/tcp"]).output) ?? ""
        let own = "0100007F:" + String(format: "%04X", Int(port))
        return table.split(separator: "\n").reduce(0) { sum, line in
            let words = line.split(separator: " ")
            // Established ones; the queue to send is the first of two numbers.
            guard words.count > 4, words[1] == own, words[3] == "01" else { return sum }
            return sum + (Int(words[4].prefix(8), radix: 16) ?? 0)
        }
    }

    private func privateKilobytes(_ pid: Int32) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("Anonymous:") })
        return try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) })
    }

    // MARK: what is counted

    @Test("a connection counts as a request, and the bytes of clients are counted in both directions")
    func counters() throws {
        let scene = try Scene()
        let server = try scene.server()
        for _ in 0..<3 {
            let (client, behind) = try scene.pair(server)
            #expect(client.send("12345"))
            #expect(behind.read(exactly: 5) == "12345")
            #expect(behind.send("abc"))
            #expect(client.read(exactly: 3) == "abc")
            client.close()
            #expect(behind.read() == .ended)
        }
        let page = scene.system.queueDirectory + "/" + WorkerPage.path
        let figures = { try WorkerReader.read(page).service("relay/unix") }
        let isCounted = try eventually {
            guard let found = try figures() else { return false }
            return found[.accepted] == 3 && found[.requests] == 3 && found[.received] == 15 && found[.sent] == 9
        }
        let last = try figures()
        #expect(isCounted, "\(String(describing: last))")
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
