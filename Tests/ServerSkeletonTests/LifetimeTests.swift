//===----------------------------------------------------------------------===//
// Quartermaster: when servers end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct LifetimeTests {
    @Test func anIdleServerEndsAfterTheIdleLimit() throws {
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

    @Test func aConnectedClientKeepsTheServerFromBeingIdle() throws {
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

    @Test func aServiceMaySwitchTheIdleLimitOff() throws {
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

    @Test func theUseLimitCountsConnectionsThatAreOver() throws {
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

    @Test func clientsThatWereNotAcceptedStayForTheNextProcess() throws {
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

    @Test func anIdleServerEndsWhenMasterIsGone() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix", "-v"], room: room, listeners: [listener.number])
        #expect(room.log.contains("hook init"))
        child.closeStatus()
        #expect(child.exit() == 0)
        #expect(room.log.contains("master disconnect -- exiting"))
        #expect(room.log.contains("hook exit"))
    }

    @Test func aServerWithClientsEndsWhenMasterIsGone() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        let client = try room.connect()
        #expect(try client.exchange("x\n", 2) == "x\n")
        child.closeStatus()
        #expect(child.exit() == 0)
        #expect(client.isDisconnected())
    }

    @Test func aRequestThatCameBeforeMasterWentIsStillAnswered() throws {
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

    @Test func aMasterThatIsGoneFromTheStartEndsTheServer() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        child.closeStatus()
        #expect(child.exit() == 0)
    }

    @Test func aDatagramServerFinishesItsBatchWhenMasterIsGone() throws {
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

    @Test func oneShotServesStandardInputWithoutAMaster() throws {
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

    @Test func oneShotEndsWhenTheServiceDisconnects() throws {
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
