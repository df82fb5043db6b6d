//===----------------------------------------------------------------------===//
// Quartermaster: what a stream server does with its clients
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct StreamTests {
    @Test("one TAKEN and one AVAIL stand around the requests of a turn")
    func onePair() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        let client = try room.connect()
        #expect(try child.records(1, within: 200) == [], "accepting alone says nothing")
        #expect(try client.exchange("one\ntwo\nthree\n", 14) == "one\ntwo\nthree\n")
        #expect(try child.records(2) == [child.taken(), child.available()])
        #expect(try child.records(1, within: 200) == [], "one turn, one report")
    }

    @Test("turns of a crowd that follow one another share one pair")
    func pairOfACrowd() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("echo", ["-t", "unix"], room: room, listeners: [listener.number])
        let clients = try (0..<6).map { _ in try room.connect() }
        for client in clients {
            #expect(try client.exchange("x\n", 2) == "x\n")
            #expect(try child.records(2) == [child.taken(), child.available()])
        }
        // More than one turn reads from a client; all of it waits before the first turn begins.
        let much = String(repeating: "some line\n", count: 4000)
        kill(child.pid, SIGSTOP)
        #expect(eventually { ProcessSnapshot(child.pid)?.state == "T" })
        for client in clients { try client.send(much) }
        kill(child.pid, SIGCONT)
        for client in clients { #expect(try client.receive(much.utf8.count) == much) }
        #expect(try child.records(2) == [child.taken(), child.available()])
        #expect(try child.records(1, within: 200) == [], "busy from the first turn to the last")
        #expect(try clients[0].exchange("x\n", 2) == "x\n")
        #expect(try child.records(2) == [child.taken(), child.available()], "and idle again after the crowd")
    }

    @Test("a client that only hangs up is not reported")
    func hangUp() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        do { _ = try room.connect() }
        #expect(room.log.contains("hook left"))
        #expect(try child.records(1, within: 200) == [])
    }

    @Test("a request in pieces is one request")
    func requestInPieces() throws {
        let room = try ServerRoom()
        let listener = try room.inetListener()
        let child = try ServerChild("test-service", ["-t", "inet"], room: room, listeners: [listener.number])
        let address = try #require(try listener.number.name(ofPeer: false))
        let client = try TestPeer(to: address, .stream)
        let other = try TestPeer(to: address, .stream)
        try client.send("hel")
        #expect(try child.records(2) == [child.taken(), child.available()])
        #expect(try other.exchange("other\n", 6) == "other\n", "half a request is not in the way of others")
        try client.send("lo")
        try client.send("\nagain")
        #expect(try client.receive(6) == "hello\n")
        #expect(try client.exchange("\n", 6) == "again\n")
    }

    @Test("a service may ask where a client comes from")
    func peerAddress() throws {
        let room = try ServerRoom()
        let listener = try room.inetListener()
        let child = try ServerChild("test-service", ["-t", "inet"], room: room, listeners: [listener.number])
        let address = try #require(try listener.number.name(ofPeer: false))
        #expect(try TestPeer(to: address, .stream).exchange("x\n", 2) == "x\n")
        #expect(room.log.contains("hook arrived from 127.0.0.1"))
        #expect(child.isRunning)
    }

    @Test("accepted sockets keep the connection alive")
    func keepAlive() throws {
        let room = try ServerRoom()
        let listener = try room.inetListener()
        let child = try ServerChild("echo", ["-t", "inet"], room: room, listeners: [listener.number])
        let address = try #require(try listener.number.name(ofPeer: false))
        let client = try TestPeer(to: address, .stream)
        #expect(try client.exchange("x", 1) == "x")
        #expect(try listener.number.option(.keepAlive) == 1)
        #expect(child.isRunning)
    }

    @Test("a request that never ends is refused")
    func endlessRequest() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        let client = try room.connect()
        try client.send(String(repeating: "x", count: 100))
        #expect(client.isDisconnected())
        #expect(
            room.log.contains("warning: service test-service: request exceeds 64 bytes -- disconnecting the client")
        )
        #expect(try room.connect().exchange("hi\n", 3) == "hi\n")
        #expect(child.isRunning)
    }

    @Test("a reply that does not fit ends the connection and nothing else")
    func overfullReply() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        let client = try room.connect()
        try client.send("overfull\n")
        #expect(client.isDisconnected())
        #expect(room.log.contains("warning: service test-service: reply does not fit -- disconnecting the client"))
        #expect(try room.connect().exchange("number\n", 9) == "-1234567\n")
        #expect(child.isRunning)
    }

    @Test("a service may end a connection after its reply")
    func lastReply() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        let client = try room.connect()
        #expect(try client.exchange("quit\nnever\n", 100) == "bye\n")
        #expect(client.isDisconnected())
        #expect(child.isRunning)
    }

    @Test("a slow reader gets everything and does not hold up others")
    func slowReader() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        let slow = try room.connect()
        let rounds = 100
        for _ in 0..<rounds { try slow.send("big\n") }
        try slow.send("last\n")
        #expect(try room.connect().exchange("quick\n", 6) == "quick\n")
        let size = rounds * 64 * 1024 + 5
        let text = try slow.receive(size)
        #expect(text.utf8.count == size)
        #expect(text.hasSuffix("x\nlast\n"))
        #expect(try slow.exchange("more\n", 5) == "more\n")
        #expect(child.isRunning)
    }

    @Test("a client that never reads is given up after the time limit")
    func noReader() throws {
        let room = try ServerRoom("ipc_timeout = 1s")
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        let slow = try room.connect()
        for _ in 0..<20 { try slow.send("big\n") }
        let half = try room.connect()
        try half.send("half")
        let quiet = try room.connect()
        #expect(half.isDisconnected())
        #expect(eventually { room.log.count("hook left") == 2 })
        #expect(try quiet.exchange("still here\n", 11) == "still here\n", "who owes nothing may stay")
        #expect(child.isRunning)
    }

    @Test("a server answers many clients at once")
    func manyClients() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("echo", ["-t", "unix"], room: room, listeners: [listener.number])
        let clients = try (0..<300).map { _ in
            // A full queue makes a client wait; the server empties it meanwhile.
            try room.connect()
        }
        for (index, client) in clients.enumerated() { try client.send("client \(index)\n") }
        for (index, client) in clients.enumerated() {
            let text = "client \(index)\n"
            #expect(try client.receive(text.utf8.count) == text)
        }
        #expect(child.isRunning)
    }

    @Test("running out of descriptors is survived without spinning")
    func noDescriptors() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("echo", ["-t", "unix"], room: room, listeners: [listener.number])
        let first = try room.connect()
        #expect(try first.exchange("a", 1) == "a")
        try child.limitDescriptors(toMore: 2)
        let start = ContinuousClock.now
        var clients = try (0..<10).map { _ in try room.connect() }
        #expect(room.log.contains("warning: accept connection: Too many open files"))
        // Busy as far as master is concerned: others are asked.
        #expect(try child.records(3) == [child.taken(), child.available(), child.taken()])
        #expect(try first.exchange("b", 1) == "b", "who is connected is served")
        let before = try ticks(child.pid)
        rest(.milliseconds(500))
        #expect(try ticks(child.pid) - before < 10, "no spinning")
        while !clients.isEmpty {
            let client = clients.removeFirst()
            #expect(try client.exchange("c", 1) == "c")
        }
        #expect(child.isRunning)
        // One message a minute.
        #expect(room.log.count("accept connection") <= 1 + Int((ContinuousClock.now - start).components.seconds / 60))
    }

    /// Hundredths of a second of processor time.
    private func ticks(_ pid: Int32) throws -> Int {
        let stat = try String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
        let fields = stat.split(separator: " ")
        return (Int(fields[13]) ?? 0) + (Int(fields[14]) ?? 0)
    }

    @Test("a client without a token waits for the in-flow delay")
    func inFlowDelay() throws {
        let room = try ServerRoom("in_flow_delay = 1s")
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "serve=flow"],
            room: room,
            listeners: [listener.number]
        )
        _ = try child.flow.second.number.write([0])
        let first = try room.connect()
        #expect(try first.exchange("token", 5) == "token")
        let start = ContinuousClock.now
        let second = try room.connect()
        #expect(try second.exchange("none", 4) == "none")
        #expect(ContinuousClock.now - start > .milliseconds(900))
    }

    @Test("a service may retire its process before that accepts a client")
    func retiring() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "serve=retiring"],
            room: room,
            listeners: [listener.number]
        )
        let client = try room.connect()
        #expect(child.exit() == 0)
        #expect(room.log.contains("table has changed -- restarting"))
        // The client is still in the queue, for the next process.
        guard case .client = try listener.number.accept() else {
            Issue.record("the client was lost")
            return
        }
        _ = client
    }
}
