//===----------------------------------------------------------------------===//
// Quartermaster: tests of udp services under a real master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("Services for UDP", .timeLimit(.minutes(60))) struct DatagramServiceTests {
    /// One service that says again what it hears.
    private final class Scene {
        let system: MailSystem
        let port: UInt16
        private(set) var master: RunningProcess?

        init(
            _ host: String? = nil,
            maxproc: Int = 3,
            main: [String: String] = [:],
            command: String = "test-service serve=udp-echo"
        ) throws {
            let port = try FreePort.next()
            let name = host.map { "\($0):\(port)" } ?? "\(port)"
            system = try MailSystem(
                ["\(name) udp n - n - \(maxproc) \(command)", "postlog unix-dgram n - n - 1 postlogd"],
                main: ["inet_interfaces": "all", "max_idle": "100s", "max_use": "1000000"].merging(main) { $1 },
                programs: ["test-service", "postlogd", "masterctl"]
            )
            self.port = port
        }

        deinit { system.end() }

        func start(prefix: [String] = []) throws { master = try system.start(prefix: prefix) }

        func peer(_ host: String = "127.0.0.1", isConnected: Bool = false) throws -> DatagramPeer {
            try DatagramPeer(host, port: port, isConnected: isConnected)
        }

        var pid: Int32 { master?.pid ?? -1 }
        var workers: [Int32] { system.processes("test-service").map(\.pid) }
    }

    @Test("a service of all addresses answers from the one that was asked, and whoever looks sees its type")
    func answers() throws {
        let scene = try Scene(main: ["inet_protocols": Loopback.hasIPv6 ? "all" : "ipv4"])
        try scene.start()
        for host in ["127.0.0.1", "127.0.0.2"] + (Loopback.hasIPv6 ? ["::1"] : []) {
            let peer = try scene.peer(host)
            #expect(peer.ask("hello") == DatagramPeer.Answer(text: "hello", host: host), "\(scene.system.log)")
        }
        let name = "\(scene.port)/udp"
        let status = try scene.system.masterctl("status", "\(scene.port)")
        #expect(status.output.contains("service        \(name) (\(scene.port)), program test-service"), "\(status)")
        #expect(try scene.system.masterctl("why", name).output.hasPrefix("\(name): fine"))
        let metrics = try scene.system.masterctl("metrics").output
        #expect(metrics.contains("{service=\"\(scene.port)\",type=\"udp\"}"), "\(metrics)")
        #expect(try scene.system.masterctl("top", "--once").output.contains(name))
        let json = try scene.system.masterctl("status", "--json").output
        #expect(json.contains("\"type\":\"udp\""), "\(json)")
        // The kernel would give a datagram to either of two sockets of one address.
        let check = try scene.system.runMaster("--check")
        #expect(check.succeeded, "\(check)")
        #expect(scene.system.complaints == [], "\(scene.system.log)")
    }

    @Test("reloads, upgrades and retirements in the middle of a storm lose no datagram")
    func storm() throws {
        let scene = try Scene("127.0.0.1", maxproc: 4)
        let system = scene.system
        try scene.start()
        let peers = try (0..<4).map { _ in try scene.peer() }
        #expect(peers[0].ask("warm")?.text == "warm", "\(system.log)")
        var (sent, answered) = (Set<String>(), Set<String>())
        for round in 0..<120 {
            switch round % 12 {
            case 2: kill(scene.pid, SIGHUP)
            case 5: kill(scene.pid, SIGUSR2)
            case 8: _ = try system.masterctl("retire", "\(scene.port)")
            case 10: for worker in scene.workers.prefix(1) { kill(worker, SIGTERM) }
            default: break
            }
            for (place, peer) in peers.enumerated() {
                for number in 0..<20 {
                    let text = "\(round) \(place) \(number)"
                    #expect(peer.send(text) == 0)
                    sent.insert(text)
                }
            }
            for peer in peers {
                for _ in 0..<20 {
                    guard let answer = peer.receive() else { break }
                    #expect(answer.host == "127.0.0.1")
                    answered.insert(answer.text)
                }
            }
            try #require(sent == answered, "round \(round): \(sent.subtracting(answered).sorted()) \(system.log)")
        }
        #expect(system.wait(for: " reload accepted: ", count: 5), "\(system.log)")
        #expect(system.wait(for: " goes on where ", count: 5), "\(system.log)")
        #expect(scene.master?.isRunning == true)
    }

    @Test("what waits when a worker is killed is answered by the next one")
    func killed() throws {
        let scene = try Scene("127.0.0.1", maxproc: 1, main: ["service_throttle_time": "1s"])
        try scene.start()
        let peer = try scene.peer()
        for round in 0..<10 {
            let worker = try #require((peer.ask("pid")?.text).flatMap { Int32($0) }, "\(scene.system.log)")
            kill(worker, SIGSTOP)
            for number in 0..<50 { peer.send("\(round) \(number)") }
            kill(worker, SIGKILL)
            let answers = (0..<50).compactMap { _ in peer.receive()?.text }
            #expect(answers == (0..<50).map { "\(round) \($0)" }, "\(scene.system.log)")
        }
    }

    @Test("a datagram whose worker hangs is answered by another")
    func stranded() throws {
        let scene = try Scene("127.0.0.1", maxproc: 3)
        try scene.start()
        let peer = try scene.peer()
        let first = try #require((peer.ask("pid")?.text).flatMap { Int32($0) }, "\(scene.system.log)")
        kill(first, SIGSTOP)
        defer { kill(first, SIGKILL) }
        let second = try #require((peer.ask("pid")?.text).flatMap { Int32($0) }, "\(scene.system.log)")
        #expect(second != first)
        // Slow ones keep one worker busy; the others take what comes meanwhile.
        for _ in 0..<3 { peer.send("slow") }
        #expect(peer.receive()?.text == "slow")
        #expect(scene.workers.count <= 3)
    }

    @Test("a drain with --refuse tells senders that nobody is there, answers those who waited, and ends with resume")
    func drain() throws {
        let scene = try Scene(maxproc: 1)
        let system = scene.system
        try scene.start()
        let early = try scene.peer("127.0.0.2")
        let worker = try #require((early.ask("pid")?.text).flatMap { Int32($0) }, "\(system.log)")
        // New datagrams wait.
        #expect(try system.masterctl("drain", "\(scene.port)").output.contains("is drained: new clients wait"))
        early.send("waits")
        #expect(early.receive(within: 300) == nil)
        #expect(try system.masterctl("resume", "\(scene.port)").succeeded)
        #expect(early.receive() == DatagramPeer.Answer(text: "waits", host: "127.0.0.2"))
        #expect(eventually { !scene.workers.contains(worker) })

        let next = try #require((early.ask("pid")?.text).flatMap { Int32($0) }, "\(system.log)")
        kill(next, SIGSTOP)
        for number in 0..<10 { early.send("early \(number)") }
        let draining = try system.beginMasterctl("drain", "\(scene.port)", "--refuse")
        #expect(system.wait(for: "asks: drain \(scene.port) refuse=yes"), "\(system.log)")
        try system.settle()
        for _ in 0..<3 {
            let late = try scene.peer(isConnected: true)
            late.send("late")
            #expect(late.pendingError() == ECONNREFUSED)
        }
        kill(next, SIGCONT)
        for number in 0..<10 {
            #expect(early.receive() == DatagramPeer.Answer(text: "early \(number)", host: "127.0.0.2"))
        }
        #expect(eventually { !draining.isRunning })
        #expect(draining.output.contains("is drained: new clients are turned away"), "\(draining.output)")
        // It outlives an upgrade.
        kill(scene.pid, SIGUSR2)
        #expect(system.wait(for: " goes on where "), "\(system.log)")
        let late = try scene.peer(isConnected: true)
        late.send("late")
        #expect(late.pendingError() == ECONNREFUSED)
        #expect(try system.masterctl("resume", "\(scene.port)").succeeded)
        #expect(early.ask("hello") == DatagramPeer.Answer(text: "hello", host: "127.0.0.2"), "\(system.log)")
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test(
        "addresses come and go at reloads, and what waits at one that goes is answered",
        .enabled(if: Loopback.hasIPv6, "SKIPPED: this machine has no IPv6 loopback, so no second address")
    )
    func addresses() throws {
        let scene = try Scene(
            maxproc: 1,
            main: ["inet_interfaces": "127.0.0.1, [::1]", "inet_protocols": "all"]
        )
        let system = scene.system
        try scene.start()
        let (stays, goes) = (try scene.peer(), try scene.peer("::1"))
        #expect(stays.ask("a")?.text == "a" && goes.ask("b")?.text == "b", "\(system.log)")
        for _ in 0..<3 {
            let worker = try #require((stays.ask("pid")?.text).flatMap { Int32($0) })
            kill(worker, SIGSTOP)
            stays.send("stays")
            goes.send("goes")
            try system.setMain(["inet_interfaces": "127.0.0.1"])
            #expect(try system.reload(), "\(system.log)")
            let late = try scene.peer("::1", isConnected: true)
            late.send("late")
            #expect(late.pendingError() == ECONNREFUSED)
            kill(worker, SIGCONT)
            #expect(stays.receive()?.text == "stays", "\(system.log)")
            #expect(goes.receive() == DatagramPeer.Answer(text: "goes", host: "::1"), "\(system.log)")
            try system.setMain(["inet_interfaces": "127.0.0.1, [::1]"])
            #expect(try system.reload(), "\(system.log)")
            #expect(goes.ask("again")?.text == "again", "\(system.log)")
        }
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test("a socket that a service manager has opened is served, with answers from the address that was asked")
    func adopted() throws {
        let scene = try Scene()
        let system = scene.system
        let variables = [
            "OFFER_PORT=\(scene.port)", "OFFER_PATH=\(system.directory)/talk", "OFFER_UDP=yes",
            "LISTEN_FDNAMES=a:b:udp:c",
        ]
        let child = system.daemonDirectory + "/test-child"
        try scene.start(prefix: ["/usr/bin/env"] + variables + [child, "start-offered"])
        let text = "service \(scene.port): the service manager has opened 0.0.0.0 UDP port \(scene.port)"
        #expect(system.count(text) == 1, "\(system.log)")
        #expect(system.count("no service wants descriptor 3 \"a\"") == 1, "an inet socket is none: \(system.log)")
        for host in ["127.0.0.1", "127.0.0.2"] {
            #expect(
                try scene.peer(host).ask("hello") == DatagramPeer.Answer(text: "hello", host: host),
                "\(system.log)"
            )
        }
        #expect(try system.reload())
        #expect(try scene.peer().ask("hello")?.text == "hello")
        #expect(try system.masterctl("drain", "\(scene.port)", "--refuse").succeeded)
        let late = try scene.peer(isConnected: true)
        late.send("late")
        #expect(late.pendingError() == ECONNREFUSED)
        #expect(try system.masterctl("resume", "\(scene.port)").succeeded)
        #expect(try scene.peer("127.0.0.2").ask("hello")?.host == "127.0.0.2")
    }

    @Test("what finds no room is counted, and told of with what helps; a reload gives more room")
    func overflow() throws {
        let scene = try Scene(
            "127.0.0.1",
            maxproc: 1,
            main: ["master_receive_buffer": "4000"],
            command: "test-child mode=busy"
        )
        let system = scene.system
        try scene.start()
        let peer = try scene.peer()
        for number in 0..<100 { peer.send("\(number)") }
        let text = " dropped, because the receive buffer of 8000 bytes was full"
        #expect(system.wait(for: text), "\(system.log)")
        #expect(system.count("; a larger buffer has more room: master_receive_buffer in main.cf") == 1)
        #expect(system.wait(for: "has reached its process limit \"1\": datagrams wait"), "\(system.log)")
        // Whether it overflows now is a matter of seconds.
        var why = ""
        let isAdvised = try eventually(every: .milliseconds(300)) {
            for number in 0..<100 { peer.send("\(number)") }
            why = try system.masterctl("why", "\(scene.port)").output
            return why.contains("Give it more room (master_receive_buffer in main.cf)")
        }
        #expect(isAdvised, "\(why)")
        let status = try system.masterctl("status", "\(scene.port)")
        #expect(status.output.contains("room for 8000 bytes, overflowed"), "\(status)")
        let events = try system.masterctl("events", "--kind", "overflow")
        #expect(events.output.contains("127.0.0.1:\(scene.port)/udp: queue overflowed"), "\(events)")
        try system.setMain(["127.0.0.1:\(scene.port)_udp_master_receive_buffer": "100000"])
        let reload = try system.masterctl("reload")
        #expect(reload.output.contains("another length of the queue: 127.0.0.1:\(scene.port)/udp\n"), "\(reload)")
        let sockets = try run(["/usr/bin/ss", "-Hluanm", "sport = :\(scene.port)"]).output
        #expect(sockets.contains("rb200000,"), "\(sockets)")
    }

    @Test("lines that cannot work are refused with place and cure")
    func refusedLines() throws {
        let scene = try Scene()
        try scene.system.setServices(["7 udp - - n - 1 test-service", "8 udp n - n 60 1 test-service"])
        let check = try scene.system.runMaster("--check")
        #expect(check.status == 1)
        for text in [
            "line 1: udp service cannot be private", "Put n in the third field",
            "line 2: udp service cannot be woken up", "Put 0 in the sixth field",
        ] { #expect(check.output.contains(text), "\(check)") }
        try scene.system.setServices(["no-such-port udp n - n - 1 test-service"])
        let named = try scene.system.runMaster("--check")
        #expect(named.output.contains("add the name to /etc/services, for udp"), "\(named)")
    }
}
