//===----------------------------------------------------------------------===//
// Quartermaster: relay: counters, and what only our master does
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing
import WorkerPage

@Suite("Relay", .timeLimit(.minutes(60))) struct RelayTests {
    /// A mail system with one relay on a UNIX socket or a port of TCP, and the path of its upstream.
    final class Scene {
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
