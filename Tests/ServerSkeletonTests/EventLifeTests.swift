//===----------------------------------------------------------------------===//
// Quartermaster: how an event server comes to its end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct EventLifeTests {
    // MARK: limits

    @Test("an idle server ends, with the reason, and connections of its own do not keep it")
    func idle() throws {
        // It is idle for too long if nobody is there when it comes.
        var early: TestPeer?
        var upstream: Descriptor?
        let scene = try EventScene(options: ["-v", "-i", "1"]) { room in
            upstream = try room.unixListener("upstream")
            early = try room.connect()
        }
        #expect(try early?.ask("connect 5000 unix:upstream") == "connected")
        early = nil
        #expect(scene.child.exit() == 0)
        #expect(scene.room.log.contains("hook leave idle clients=0"))
        #expect(scene.room.log.contains("idle timeout -- exiting"))
        #expect(scene.room.log.contains("hook exit"))
        _ = upstream
    }

    @Test("a used up server ends when its last client has left; connections of its own are no clients")
    func usedUp() throws {
        let scene = try EventScene(options: ["-m", "2"])
        let upstream = try scene.room.unixListener("upstream")
        var kept: TestPeer? = try scene.room.connect()
        #expect(try kept?.ask("connect 5000 unix:upstream") == "connected")
        #expect(try kept?.ask("connect 5000 unix:nowhere") == "failed: No such file or directory")
        do { #expect(try scene.room.connect().ask("x") == "x") }
        #expect(try scene.room.connect().ask("y") == "y", "used up, but in use")
        #expect(scene.child.isRunning)
        kept = nil
        #expect(scene.child.exit() == 0)
        #expect(scene.room.log.contains("hook leave usedUp clients=0"))
        _ = upstream
    }

    @Test("a service that retires ends after its time: who is connected is served to the end by a child")
    func retirement() throws {
        let scene = try EventScene(["demand-retires"], options: ["-v", "-r", "3"])
        let client = try scene.room.connect()
        #expect(try client.ask("pid") == "\(scene.child.pid)")
        #expect(scene.child.exit() == 0)
        #expect(scene.room.log.contains("hook leave retired clients=1"))
        let heir = try #require(Int32(try client.ask("pid")))
        #expect(heir != scene.child.pid)
        try client.send("quit\n")
        #expect(client.isDisconnected())
        #expect(eventually { ProcessTable.hasEnded(heir) })
    }

    // MARK: SIGTERM

    @Test("SIGTERM ends the process at once, by that signal, unless the service wants to finish")
    func terminated() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        #expect(try client.ask("x") == "x")
        kill(scene.child.pid, SIGTERM)
        #expect(scene.child.exit() == 1000 + SIGTERM)
        #expect(client.isDisconnected())
        #expect(scene.room.log.contains("hook leave terminated clients=1"))
        #expect(scene.room.log.contains("hook exit"))
    }

    @Test("a service that finishes after SIGTERM says when it is done")
    func toldAfterTermination() throws {
        let scene = try EventScene(["told=30"])
        let client = try scene.room.connect()
        #expect(try client.ask("x") == "x")
        kill(scene.child.pid, SIGTERM)
        #expect(scene.room.log.contains("hook leave terminated clients=1"))
        #expect(try client.ask("still served") == "still served")
        #expect(scene.child.exit() == 1000 + SIGTERM)
        #expect(scene.room.log.contains("hook told to leave"))
    }

    @Test("a second SIGTERM is not discussed")
    func terminatedTwice() throws {
        let scene = try EventScene(["finish=300"])
        let client = try scene.room.connect()
        #expect(try client.ask("x") == "x")
        kill(scene.child.pid, SIGTERM)
        #expect(try client.ask("still served") == "still served")
        #expect(scene.room.log.contains("hook leave terminated"))
        kill(scene.child.pid, SIGTERM)
        #expect(scene.child.exit() == 1000 + SIGTERM)
    }

    @Test("a time without an end is one of many years: to finish, to connect and until a timer rings")
    func longTimes() throws {
        let scene = try EventScene(["finish=\(Int.max)"], settings: "ipc_timeout = 2147483647s")
        let upstream = try scene.room.unixListener("upstream")
        let client = try scene.room.connect()
        #expect(try client.ask("connect \(Int64.max) unix:upstream") == "connected")
        try client.send("later \(Int64.max) never\n")
        kill(scene.child.pid, SIGTERM)
        #expect(scene.room.log.contains("hook leave terminated clients=1"))
        #expect(try client.ask("still served") == "still served")
        try client.send("quit\n")
        #expect(scene.child.exit() == 1000 + SIGTERM)
        _ = upstream
    }

    // MARK: replaced

    @Test("a process that master replaces ends; a child of it goes on with requests, timers and connections")
    func replaced() throws {
        let scene = try EventScene(["finish=300"], options: ["-v"])
        let upstream = try scene.room.unixListener("upstream")
        let client = try scene.room.connect()
        let other = try scene.room.connect()
        #expect(try client.ask("connect 5000 unix:upstream early") == "connected")
        guard case .client(let socket) = try upstream.number.accept() else { throw TestSupportError("nobody came") }
        let peer = TestPeer(socket)
        #expect(try peer.receive(5) == "early")
        #expect(try other.ask("x") == "x")
        // In the middle of a request, of a wait for a timer, and of a long reply.
        try client.send("later 3000 a reply that was promised\npart of a req")
        try other.send("big 2000000\n")
        #expect(eventually { (try? other.socket.number.unreadBytes()) ?? 0 > 10_000 })
        scene.child.closeStatus()
        #expect(scene.child.exit() == 0)
        #expect(scene.room.log.contains("hook leave replaced clients=2"))
        #expect(scene.room.log.contains("draining"))
        try client.send("uest\n")
        #expect(try client.line() == "part of a request")
        #expect(try client.line() == "a reply that was promised")
        try peer.send("from upstream\n")
        #expect(try client.line() == "got from upstream")
        #expect(try other.receive(2_000_001).utf8.count == 2_000_001)
        // What it begins now works as well: another watch, another timer, another connection.
        #expect(try other.ask("pipe") == "through the pipe")
        #expect(try other.ask("later 10 soon") == "soon")
        #expect(try other.ask("connect 5000 unix:upstream") == "connected")
        let heir = try #require(Int32(try client.ask("pid")))
        #expect(heir != scene.child.pid)
        // The endpoint is left to others.
        let next = try scene.room.connect()
        #expect(try next.receive(1, within: 200) == "")
        try client.send("quit\n")
        try other.send("quit\n")
        #expect(client.isDisconnected() && other.isDisconnected())
        #expect(eventually { ProcessTable.hasEnded(heir) }, "the last client has left")
    }

    @Test("a request that came before master's channel ended is answered")
    func lastRequest() throws {
        let scene = try EventScene(["at-once"])
        let client = try scene.room.connect()
        #expect(try client.ask("x") == "x")
        #expect(try scene.child.records(2) == [scene.child.taken(), scene.child.available()])
        kill(scene.child.pid, SIGSTOP)
        try client.send("last\n")
        scene.child.closeStatus()
        kill(scene.child.pid, SIGCONT)
        #expect(try client.line() == "last")
        #expect(scene.child.exit() == 0)
        #expect(client.isDisconnected())
    }

    @Test("the time to finish is limited")
    func deadline() throws {
        let scene = try EventScene(["finish=1"])
        let client = try scene.room.connect()
        #expect(try client.ask("x") == "x")
        let start = ContinuousClock.now
        scene.child.closeStatus()
        #expect(client.isDisconnected())
        #expect(ContinuousClock.now - start > .milliseconds(950))
        #expect(scene.room.log.contains("1 clients are cut off: the time to finish is over"))
        #expect(scene.child.exit() == 0)
    }

    @Test("a service may end its process")
    func leaving() throws {
        let scene = try EventScene(["finish=300"])
        let client = try scene.room.connect()
        try client.send("leave\n")
        #expect(scene.child.exit() == 0)
        #expect(client.isDisconnected())
        #expect(scene.room.log.contains("hook exit"))
    }

    // MARK: one client on standard input and output

    @Test("a one-shot server has timers and long replies, too", arguments: ["socket", "pipe", "file"])
    func oneShot(_ kind: String) throws {
        let room = try ServerRoom()
        let requests = "one\nbig 300000\nlater 50 soon\n"
        let expected = "one\n" + String(repeating: "x", count: 300_000) + "\nsoon\n"
        // With "half-open" the service waits for its timer, and then we end it.
        let options = ["-S", "half-open", "quits-after-later", "serve=events"]
        switch kind {
        case "socket":
            let pair = try SocketEnds()
            let child = try ServerChild(
                "test-service",
                options,
                room: room,
                input: pair.far,
                output: pair.far,
                hasMaster: false
            )
            pair.closeFar()
            let client = try pair.peer()
            try client.send(requests)
            try client.socket.number.shutdownWriting()
            #expect(try client.receive(expected.utf8.count) == expected)
            #expect(client.isDisconnected())
            #expect(child.exit() == 0)
        case "pipe":
            let input = try makePipe(nonBlocking: false)
            let output = try makePipe(nonBlocking: false)
            let child = try ServerChild(
                "test-service",
                options,
                room: room,
                input: input.first.number,
                output: output.second.number,
                hasMaster: false
            )
            let writer = input.keepingSecond()
            _ = try writer.number.write(Array(requests.utf8))
            try writer.close()
            let client = TestPeer(output.keepingFirst())
            #expect(try client.receive(expected.utf8.count) == expected)
            #expect(client.isDisconnected())
            #expect(child.exit() == 0)
        default:
            try room.directory.write(requests, to: "requests")
            let input = try openFile(room.directory.file("requests"), .readOnly)
            let output = try openFile(room.directory.file("replies"), [.writeOnly, .create], mode: 0o600)
            let child = try ServerChild(
                "test-service",
                options,
                room: room,
                input: input.number,
                output: output.number,
                hasMaster: false
            )
            #expect(child.exit() == 0)
            #expect(try String(contentsOfFile: room.directory.file("replies"), encoding: .utf8) == expected)
        }
        #expect(room.log.contains("hook started one-shot=true"))
        #expect(room.log.contains("hook leave usedUp clients=0"))
        #expect(room.log.contains("hook exit"))
    }
}
