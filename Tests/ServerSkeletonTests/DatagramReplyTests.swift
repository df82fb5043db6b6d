//===----------------------------------------------------------------------===//
// Quartermaster: tests of datagram services that answer
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import MasterProtocol
import SystemCalls
import TestSupport
import Testing

/// A server on a UDP socket of all addresses, as master makes it.
private final class Scene {
    let room: ServerRoom
    let socket: Descriptor
    let port: UInt16
    private(set) var children: [ServerChild] = []

    init(_ family: SocketAddress.Family = .ipv4) throws {
        room = try ServerRoom()
        socket = try makeSocket(family, .datagram).moved(atLeast: 64)
        let address =
            family == .ipv4
            ? SocketAddress(ipv4: [0, 0, 0, 0], port: 0)
            : SocketAddress(ipv6: [UInt8](repeating: 0, count: 16), port: 0)
        if family == .ipv6 { try socket.number.setOption(.ipv6Only, 1) }
        try socket.number.tellDestinations(family)
        try socket.number.bind(to: address)
        try socket.number.setNonBlocking(true)
        let name = try socket.number.name(ofPeer: false)
        port = try #require(name).port
    }

    @discardableResult
    func start(_ options: [String] = ["-l"], serve: String = "udp-echo") throws -> ServerChild {
        let arguments = ["-t", "udp"] + options + ["serve=\(serve)"]
        let child = try ServerChild("test-service", arguments, room: room, listeners: [socket.number])
        children.append(child)
        return child
    }

    func peer(_ host: String = "127.0.0.1") throws -> DatagramPeer { try DatagramPeer(host, port: port) }
}

@Suite("Datagram services that answer") struct DatagramReplyTests {
    @Test("an answer comes from the address that was asked, and says who has asked")
    func addresses() throws {
        let scene = try Scene()
        try scene.start()
        for host in ["127.0.0.1", "127.0.0.2", "127.9.9.9"] {
            let peer = try scene.peer(host)
            #expect(peer.ask("hello") == DatagramPeer.Answer(text: "hello", host: host))
            let who = try #require(peer.ask("who"))
            #expect(who.text == "\(host) \(peer.port) \(host):\(peer.port) ipv4" || who.text.hasPrefix("127.0.0.1 "))
        }
    }

    @Test(
        "the same holds of IPv6",
        .enabled(if: Loopback.hasIPv6, "SKIPPED: this machine has no IPv6 loopback")
    )
    func ipv6() throws {
        let scene = try Scene(.ipv6)
        try scene.start()
        let peer = try scene.peer("::1")
        #expect(peer.ask("who") == DatagramPeer.Answer(text: "::1 \(peer.port) [::1]:\(peer.port) ipv6", host: "::1"))
    }

    @Test("datagrams that wait are received with one system call, and answered with one")
    func batches() throws {
        let scene = try Scene()
        let child = try scene.start()
        let peers = try (0..<5).map { _ in try scene.peer() }
        #expect(peers[0].ask("warm")?.text == "warm")
        #expect(try child.records(2) == [child.taken(), child.available()])
        let traced = try Traced(child.pid, "-f", "-e", "trace=recvmmsg,sendmmsg")
        kill(child.pid, SIGSTOP)
        for round in 0..<8 { for peer in peers { peer.send("\(round)") } }
        kill(child.pid, SIGCONT)
        for peer in peers { for round in 0..<8 { #expect(peer.receive()?.text == "\(round)") } }
        #expect(try child.records(2) == [child.taken(), child.available()], "and one pair of reports")
        traced.end()
        let calls = traced.report.split(separator: "\n")
        #expect(calls.count { $0.contains("sendmmsg(") } == 1, "\(traced.report)")
        #expect(calls.count { $0.contains("recvmmsg(") } == 2, "the second finds nothing: \(traced.report)")
    }

    @Test("more answers than fit into one batch are all sent")
    func manyBatches() throws {
        let scene = try Scene()
        let child = try scene.start()
        let peer = try scene.peer()
        #expect(peer.ask("warm")?.text == "warm")
        kill(child.pid, SIGSTOP)
        for number in 0..<100 { peer.send("\(number)") }
        kill(child.pid, SIGCONT)
        for number in 0..<100 { #expect(peer.receive()?.text == "\(number)") }
    }

    @Test("a sender that is remembered is answered later; who appends nothing answers nothing")
    func laterAnswers() throws {
        let scene = try Scene()
        try scene.start()
        let (first, second) = (try scene.peer("127.0.0.7"), try scene.peer())
        #expect(first.ask("hello")?.text == "hello")
        second.send("first")
        #expect(first.receive() == DatagramPeer.Answer(text: "you were first", host: "127.0.0.7"))
        second.send("nothing")
        #expect(second.ask("hello")?.text == "hello", "the next answer is the first")
    }

    @Test("what cannot be sent is lost with one warning a minute, and the others are sent")
    func losses() throws {
        let scene = try Scene()
        try scene.start()
        let peer = try scene.peer()
        for _ in 0..<3 {
            peer.send("too much")
            #expect(peer.ask("hello")?.text == "hello")
        }
        let text = "warning: cannot send a datagram to 127.0.0.1:\(peer.port): Message too long -- not sent"
        #expect(scene.room.log.contains(text))
        #expect(scene.room.log.count("cannot send") == 1)
        // A shortage of memory that is over at the second try is none.
        #expect(peer.ask("refuse to send once")?.text == "refuse to send once")
        peer.send("refuse to send")
        #expect(peer.ask("after")?.text == "after")
        #expect(scene.room.log.count("cannot send") == 1)
    }

    @Test("what the network says of an earlier answer is no reason to pause")
    func networkErrors() throws {
        let scene = try Scene()
        let child = try scene.start()
        let peer = try scene.peer()
        #expect(peer.ask("refuse to receive")?.text == "refuse to receive")
        #expect(peer.ask("next")?.text == "next")
        #expect(scene.room.log.count("receiving no datagrams for a moment") == 0)
        #expect(child.isRunning)
    }

    @Test("the size of datagrams is the service's affair")
    func sizes() throws {
        let scene = try Scene()
        try scene.start(serve: "udp-large")
        let peer = try scene.peer()
        for size in [0, 1, 4097, 60_000] {
            let text = String(repeating: "x", count: size)
            peer.send(text)
            if size == 0 { continue }
            #expect(peer.receive()?.text == text)
        }
        peer.send(String(repeating: "y", count: 60_001))
        #expect(peer.receive()?.text == String(repeating: "y", count: 60_000), "cut")
    }

    @Test("processes of a udp service have no lock: each of them is at hand, and one is woken")
    func siblings() throws {
        let scene = try Scene()
        for _ in 0..<3 { try scene.start(["-n", "shared"]) }
        let peer = try scene.peer()
        // All of them wait before the first datagram comes.
        for child in scene.children { #expect(try eventually { try child.registration() != nil }) }
        let exclusively: UInt32 = 1 << 28
        for child in scene.children { #expect(try child.registration()! & exclusively != 0) }
        for number in 0..<100 { #expect(peer.ask("\(number)")?.text == "\(number)") }
        #expect(!FileManager.default.fileExists(atPath: "\(scene.room.queue)/pid/udp.shared"))
        // Each hears at once that its master is gone.
        for child in scene.children {
            child.closeStatus()
            #expect(child.exit() == 0)
        }
    }

    @Test("SIGTERM ends a process when what has come to it is answered")
    func termination() throws {
        let scene = try Scene()
        let child = try scene.start()
        let peer = try scene.peer()
        #expect(peer.ask("warm")?.text == "warm")
        kill(child.pid, SIGSTOP)
        for number in 0..<5 { peer.send("\(number)") }
        kill(child.pid, SIGTERM)
        kill(child.pid, SIGCONT)
        for number in 0..<5 { #expect(peer.receive()?.text == "\(number)") }
        #expect(child.exit() == 1000 + SIGTERM)
    }

    @Test("a UNIX-domain sender with a name is answered, and one without is told of")
    func unixDatagrams() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix-dgram", "-l", "serve=udp-echo"],
            room: room,
            listeners: [socket.number]
        )
        let own = room.directory.file("own")
        let peer = try DatagramPeer(path: "\(room.queue)/endpoint", own: own)
        #expect(peer.ask("hello")?.text == "hello")
        #expect(peer.ask("who")?.text == "\(own) 0 \(own) unix")
        try DatagramPeer(path: "\(room.queue)/endpoint", own: nil).send("anonymous")
        #expect(room.log.contains("nobody to answer: anonymous"))
        // Whose name is gone by now, and whose queue is full.
        let gone = room.directory.file("gone")
        try DatagramPeer(path: "\(room.queue)/endpoint", own: gone).send("slow")
        unlink(gone)
        #expect(peer.ask("after")?.text == "after")
        #expect(room.log.contains("warning: cannot send a datagram to \(gone): "))
        #expect(child.isRunning)
    }
}
