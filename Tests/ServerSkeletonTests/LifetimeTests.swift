//===----------------------------------------------------------------------===//
// Quartermaster: when servers end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct LifetimeTests {
    @Test("an idle server ends after the idle limit")
    func idleLimit() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let start = ContinuousClock.now
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "-v", "-i", "1s"],
            room: room,
            listeners: [listener.number]
        )
        #expect(child.exit() == 0)
        #expect(ContinuousClock.now - start > .milliseconds(950))
        #expect(room.log.contains("idle timeout -- exiting"))
        #expect(room.log.contains("hook exit"))
    }

    @Test("a connected client keeps the server from being idle")
    func connectedClient() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        // There before the server, which might be idle for too long otherwise.
        var client: TestPeer? = try room.connect()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "-i", "1"],
            room: room,
            listeners: [listener.number]
        )
        #expect(try client?.exchange("hi\n", 3) == "hi\n")
        rest(.milliseconds(1500))
        #expect(child.isRunning)
        let start = ContinuousClock.now
        client = nil
        #expect(child.exit() == 0)
        #expect(ContinuousClock.now - start > .milliseconds(900), "the limit counts from the last client's end")
    }

    @Test("a service may switch the idle limit off")
    func noIdleLimit() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "-i", "1", "unlimited"],
            room: room,
            listeners: [listener.number]
        )
        #expect(room.log.contains("hook init"))
        #expect(child.exit(within: .milliseconds(1800)) == nil)
    }

    @Test("the use limit counts connections that are over")
    func useLimit() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "-m", "2"],
            room: room,
            listeners: [listener.number]
        )
        var kept: TestPeer? = try room.connect()
        #expect(try kept?.exchange("a\nb\nc\n", 6) == "a\nb\nc\n")
        for _ in 0..<3 { #expect(try room.connect().exchange("x\n", 2) == "x\n", "used up, but in use") }
        #expect(child.isRunning)
        kept = nil
        #expect(child.exit() == 0)
    }

    @Test("clients that were not accepted stay for the next process")
    func clientsThatStay() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let first = try ServerChild(
            "test-service",
            ["-t", "unix", "-m", "1"],
            room: room,
            listeners: [listener.number]
        )
        do { #expect(try room.connect().exchange("x\n", 2) == "x\n") }
        #expect(first.exit() == 0)
        let client = try room.connect()
        try client.send("waiting\n")
        let second = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        #expect(try client.receive(8) == "waiting\n")
        #expect(second.isRunning)
    }

    @Test("an idle server ends when master is gone")
    func idleWithoutMaster() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix", "-v"], room: room, listeners: [listener.number])
        #expect(room.log.contains("hook init"))
        child.closeStatus()
        #expect(child.exit() == 0)
        #expect(room.log.contains("master disconnect -- exiting"))
        #expect(room.log.contains("hook exit"))
    }

    @Test("a server with clients ends when master is gone")
    func clientsWithoutMaster() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        let client = try room.connect()
        #expect(try client.exchange("x\n", 2) == "x\n")
        child.closeStatus()
        #expect(child.exit() == 0)
        #expect(client.isDisconnected())
    }

    @Test("a request that came before master went is still answered")
    func lastRequest() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        let client = try room.connect()
        #expect(try client.exchange("x\n", 2) == "x\n")
        #expect(try child.records(2) == [child.taken(), child.available()])
        // Both are there when the server looks again.
        kill(child.pid, SIGSTOP)
        try client.send("last\n")
        child.closeStatus()
        kill(child.pid, SIGCONT)
        #expect(try client.receive(5) == "last\n")
        #expect(child.exit() == 0)
    }

    @Test("a master that is gone from the start ends the server")
    func noMasterAtAll() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        child.closeStatus()
        #expect(child.exit() == 0)
    }

    @Test("a datagram server finishes its batch when master is gone")
    func lastBatch() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix-dgram", "-l", "serve=datagrams"],
            room: room,
            listeners: [socket.number]
        )
        #expect(try room.sender().sendAndSettle("first", child) == [child.taken(), child.available()])
        kill(child.pid, SIGSTOP)
        try room.sender().send("last")
        child.closeStatus()
        kill(child.pid, SIGCONT)
        #expect(child.exit() == 0)
        #expect(room.log.contains("received 1: last"))
    }

    @Test("a one-shot server serves standard input without a master")
    func oneShot() throws {
        let room = try ServerRoom()
        let pair = try SocketEnds()
        let child = try ServerChild(
            "test-service",
            ["-S"],
            room: room,
            input: pair.far,
            output: pair.far,
            hasMaster: false
        )
        pair.closeFar()
        let client = try pair.peer()
        #expect(try client.exchange("one\ntw", 4) == "one\n")
        #expect(try client.exchange("o\n", 4) == "two\n")
        #expect(shutdown(client.socket.number.rawValue, Int32(SHUT_WR)) == 0)
        #expect(child.exit() == 0)
        #expect(room.log.contains("hook exit"))
    }

    @Test("a one-shot server ends when the service disconnects")
    func oneShotEnd() throws {
        let room = try ServerRoom()
        let pair = try SocketEnds()
        let child = try ServerChild(
            "test-service",
            ["-S"],
            room: room,
            input: pair.far,
            output: pair.far,
            hasMaster: false
        )
        pair.closeFar()
        let client = try pair.peer()
        #expect(try client.exchange("quit\n", 4) == "bye\n")
        #expect(child.exit() == 0)
    }
}

extension TestPeer {
    /// Sends a datagram and waits for what the server says about it.
    func sendAndSettle(_ text: String, _ child: ServerChild) throws -> [Record] {
        try send(text)
        return try child.records(2)
    }
}
