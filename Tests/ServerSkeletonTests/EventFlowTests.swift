//===----------------------------------------------------------------------===//
// Quartermaster: an event server with clients that are slow, half closed, or too much
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct EventFlowTests {
    // MARK: back-pressure

    @Test("a long reply flows as its reader takes it, in bounded memory, and holds up nobody")
    func longReply() throws {
        let scene = try EventScene()
        let slow = try scene.room.connect()
        #expect(try slow.ask("hi") == "hi")
        let before = try scene.residentKilobytes()
        let size = 50_000_000
        try slow.send("big \(size)\n")
        #expect(try scene.room.connect().ask("quick") == "quick")
        rest(.milliseconds(300))
        let after = try scene.residentKilobytes()
        #expect(after - before < 3000, "of 50 MB, \(after - before) KB are here")
        #expect(try slow.receive(size).utf8.count == size)
        #expect(try slow.line() == "")
        #expect(try slow.ask("more") == "more")
    }

    @Test("a service that does not look is stopped: a client that is too slow is ended, with a warning")
    func flood() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        try client.send("flood 500000\n")
        #expect(
            scene.room.log.contains(
                "warning: service test-service: too much output waits for a client -- disconnecting it"
            )
        )
        #expect(client.isDisconnected())
        #expect(scene.room.log.contains("hook left overrun"))
        #expect(try scene.room.connect().ask("next") == "next")
    }

    @Test("a service is told what becomes of what it sends")
    func sending() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        #expect(try client.ask("sends 100").hasSuffix("sssent"))
        // The kernel holds less than this.
        try client.send("sends 5000000\n")
        _ = try client.receive(5_000_000)
        #expect(client.isDisconnected(), "the word that it waits found no room")
        let other = try scene.room.connect()
        try other.send("fill\n")
        let text = try other.line()
        #expect(text.drop { $0 == " " } == "waits full full 32768 0")
        #expect(scene.child.isRunning)
    }

    @Test(
        "a client that takes nothing is given up after ipc_timeout, and so is one that ends in mid-request",
        arguments: [[], ["hears"]]
    )
    func noReader(_ arguments: [String]) throws {
        let scene = try EventScene(arguments, settings: "ipc_timeout = 1s")
        let slow = try scene.room.connect()
        try slow.send("big 10000000\n")
        // One that will say nothing more owes as much.
        let finished = try scene.room.connect()
        try finished.send("big 10000000\n")
        #expect(eventually { (try? finished.socket.number.unreadBytes()) ?? 0 > 10_000 })
        #expect(shutdown(finished.socket.number.rawValue, Int32(SHUT_WR)) == 0)
        let half = try scene.room.connect()
        try half.send("half")
        let quiet = try scene.room.connect()
        #expect(half.isDisconnected())
        #expect(eventually { scene.room.log.count("hook left timed out") == 3 }, "\(scene.room.log.text)")
        #expect(try quiet.ask("still here") == "still here", "who owes nothing may stay")
    }

    @Test("a peer that goes away in the middle of a long reply costs nobody else anything", arguments: [[], ["hears"]])
    func goneInTheMiddle(_ arguments: [String]) throws {
        let scene = try EventScene(arguments)
        let other = try scene.room.connect()
        for count in 1...30 {
            let client = try scene.room.connect()
            try client.send("big 3000000\n")
            // Some leave before they have got anything, some afterwards.
            if count % 2 == 0 { _ = try client.receive(count * 1000) }
        }
        #expect(eventually { scene.room.log.count("hook left") == 30 }, "\(scene.room.log.text)")
        #expect(try other.ask("still here") == "still here")
        #expect(scene.child.isRunning)
    }

    @Test("silence is limited where a service wants it to be")
    func silence() throws {
        let scene = try EventScene(["limits-silence"], settings: "ipc_timeout = 1s")
        let client = try scene.room.connect()
        let start = ContinuousClock.now
        #expect(try client.ask("hi") == "hi")
        #expect(client.isDisconnected())
        #expect(ContinuousClock.now - start > .milliseconds(900))
        #expect(scene.room.log.contains("hook left timed out"))
    }

    @Test("reading is paused and resumed, and what was sent meanwhile is heard then", arguments: [[], ["hears"]])
    func pausing(_ arguments: [String]) throws {
        let scene = try EventScene(arguments)
        let client = try scene.room.connect()
        let start = ContinuousClock.now
        #expect(try client.ask("pause 400\nfirst\nsecond") == "first")
        #expect(ContinuousClock.now - start > .milliseconds(390))
        try client.send("\n")
        #expect(try client.line() == "second")
    }

    @Test("more than the kernel's buffers hold comes through in order")
    func pausedFlow() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        let lines = (0..<60_000).map { "line \($0)" }
        try client.send("pause 100\n")
        let socket = client.socket.number
        let writer = Thread { _ = try? socket.send(Array((lines.joined(separator: "\n") + "\n").utf8), waiting: true) }
        writer.start()
        let size = lines.reduce(0) { $0 + $1.utf8.count + 1 }
        #expect(try client.receive(size).split(separator: "\n").elementsEqual(lines) { $0 == $1 })
    }

    // MARK: half-closed

    @Test("a client may end its side and still get its late reply, if the service wants it so")
    func inputEnds() throws {
        let scene = try EventScene(["half-open"])
        let client = try scene.room.connect()
        try client.send("later 200 at last\n")
        try client.socket.number.shutdownWriting()
        #expect(scene.room.log.contains("hook input ended"))
        #expect(try client.line() == "at last")
        let other = try EventScene()
        let second = try other.room.connect()
        try second.send("big 3000000\n")
        try second.socket.number.shutdownWriting()
        #expect(try second.receive(3_000_001).utf8.count == 3_000_001, "replies come first, and then the end")
        #expect(second.isDisconnected())
    }

    @Test("a service may end its side, and still hear; when both have ended, the connection is over")
    func outputEnds() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        #expect(try client.exchange("half\n", 100) == "half\n")
        let other = try scene.room.connect()
        #expect(try other.ask("here") == "here")
        try client.send("all who can hear\n")
        #expect(try other.line() == "who can hear", "a word of the client that is half closed")
        #expect(scene.room.log.count("hook left") == 0)
        try client.socket.number.shutdownWriting()
        #expect(scene.room.log.contains("hook left ended"))
    }

    // MARK: too much

    @Test("requests that never end and replies that do not fit end the connection, and nothing else")
    func tooLong() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        try client.send(String(repeating: "x", count: 300))
        #expect(client.isDisconnected())
        #expect(
            scene.room.log.contains(
                "warning: service test-service: request exceeds 256 bytes -- disconnecting the client"
            )
        )
        let other = try scene.room.connect()
        try other.send("overfull\n")
        #expect(other.isDisconnected())
        #expect(
            scene.room.log.contains("warning: service test-service: reply does not fit -- disconnecting the client")
        )
        #expect(eventually { scene.room.log.count("hook left overrun") == 2 })
        #expect(try scene.room.connect().ask("hi") == "hi")
    }

    @Test("a client without a token waits for the in-flow delay")
    func inFlowDelay() throws {
        let scene = try EventScene(["demand-flow"], settings: "in_flow_delay = 1s")
        _ = try scene.child.flow.second.number.write([0])
        #expect(try scene.room.connect().ask("token") == "token")
        let start = ContinuousClock.now
        #expect(try scene.room.connect().ask("none") == "none")
        #expect(ContinuousClock.now - start > .milliseconds(900))
    }

    // MARK: shortages

    #if DEBUG
    @Test("what the kernel has no memory for is tried again, or told")
    func noMemory() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        #expect(try client.ask("fault epoll\nx") == "x")
        let late = try scene.room.connect()
        #expect(try late.ask("watched in the end") == "watched in the end")
        #expect(
            scene.room.log.contains(
                "watch client: Cannot allocate memory -- trying again, and accepting no clients for a moment"
            )
        )
        #expect(try client.ask("fault epoll\npipe") == "cannot watch: Cannot allocate memory")
        #expect(try client.ask("resume pipe") == "resumed")
        #expect(scene.room.log.contains("watch descriptor: Cannot allocate memory -- trying again in a second"))
        #expect(try client.line() == "through the pipe")
        #expect(try client.ask("fault socket\nconnect 1000 127.0.0.1:1") == "cannot: Too many open files")
    }
    #endif

    @Test("running out of descriptors is survived without spinning")
    func noDescriptors() throws {
        let scene = try EventScene()
        let first = try scene.room.connect()
        #expect(try first.ask("a") == "a")
        try scene.child.limitDescriptors(toMore: 2)
        var clients = try (0..<10).map { _ in try scene.room.connect() }
        #expect(scene.room.log.contains("warning: accept connection: Too many open files"))
        #expect(try first.ask("b") == "b", "who is connected is served")
        while !clients.isEmpty {
            let client = clients.removeFirst()
            #expect(try client.ask("c") == "c")
        }
        #expect(scene.child.isRunning)
    }

    // MARK: passed connections

    @Test("a passed connection comes with its attributes")
    func passed() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "pass", "serve=events"],
            room: room,
            listeners: [listener.number]
        )
        let sender = try room.connect()
        let pair = try SocketEnds()
        try sender.socket.number.pass(pair.far)
        pair.closeFar()
        try sender.send("client_address\0192.0.2.1\0" + "\0")
        #expect(sender.isDisconnected(), "everything has arrived")
        #expect(try pair.peer().ask("attributes") == "client_address=192.0.2.1")
        #expect(child.isRunning)
    }
}
