//===----------------------------------------------------------------------===//
// Quartermaster: tests of services that may block
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct BlockingTests {
    private func start(
        _ room: ServerRoom,
        _ listener: borrowing Descriptor,
        _ options: [String] = ["serve=blocking"],
        parent: Parent = .ours
    ) throws -> ServerChild {
        try ServerChild(
            "test-service",
            ["-t", "unix"] + options,
            room: room,
            listeners: [listener.number],
            parent: parent
        )
    }

    @Test("one client at a time: the next one stays in the queue until the first has left")
    func oneAtATime() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(room, listener)
        let first = try room.connect()
        #expect(try first.receive(6) == "hello\n")
        #expect(try child.records(1) == [child.taken()])
        let second = try room.connect()
        #expect(try second.receive(1, within: 200) == "")
        #expect(try first.exchange("ping", 4) == "ping")
        #expect(try first.exchange("pong", 4) == "pong")
        #expect(try child.records(1, within: 0) == [], "busy from the client's arrival to its end")
        try first.send("q")
        #expect(first.isDisconnected())
        #expect(try second.receive(6) == "hello\n")
        #expect(try child.records(2) == [child.available(), child.taken()])
    }

    /// A worker says TAKEN once for a client that may stay for an hour. Were the channel full by then, master would
    /// count on a worker that does not come.
    @Test("an AVAIL leaves room in the status channel for the TAKEN that follows it")
    func roomForTaken() throws {
        let room = try ServerRoom("max_use = 1000")
        let listener = try room.unixListener()
        let child = try start(room, listener)
        // Twice as many reports as the channel holds, if all were sent; master reads none of them.
        for _ in 0..<300 {
            let client = try room.connect()
            #expect(try client.receive(6) == "hello\n")
            try client.send("q")
            #expect(client.isDisconnected())
        }
        let last = try room.connect()
        #expect(try last.receive(6) == "hello\n")
        var said: Record?
        while let record = try child.records(1, within: 300).first { said = record }
        #expect(said == child.taken())
    }

    @Test("as many clients as idle processes: each has one of its own", arguments: [Parent.ours, .foreign])
    func oneEach(_ parent: Parent) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let children = try (0..<5).map { _ in try start(room, listener, parent: parent) }
        for child in children { #expect(try eventually { try child.registration() != nil }) }
        let clients = try (0..<5).map { _ in try room.connect() }
        // None of them leaves before the last one was greeted.
        for client in clients { #expect(try client.receive(6) == "hello\n") }
        for child in children { #expect(try child.records(1) == [child.taken()]) }
    }

    @Test("a client that hangs up, or is silent for the time limit, makes room for the next one")
    func silence() throws {
        let room = try ServerRoom("ipc_timeout = 1s")
        let listener = try room.unixListener()
        let child = try start(room, listener)
        do { #expect(try room.connect().receive(6) == "hello\n") }
        let silent = try room.connect()
        #expect(try silent.receive(6) == "hello\n")
        #expect(silent.isDisconnected())
        #expect(try room.connect().receive(6) == "hello\n")
        #expect(room.log.contains("hook left"))
        #expect(child.isRunning)
    }

    @Test("an alarm in the middle of a wait does not extend the time limit")
    func alarmWhileWaiting() throws {
        try inTime(.seconds(5)) { clock in
            let room = try ServerRoom("ipc_timeout = 3s")
            let listener = try room.unixListener()
            let child = try start(room, listener)
            let client = try room.connect()
            #expect(try client.receive(6) == "hello\n")
            // The service waits for the rest of the request.
            clock.start()
            let begin = ContinuousClock.now
            try client.send("w")
            rest(.milliseconds(2500))
            kill(child.pid, SIGALRM)
            #expect(client.isDisconnected())
            #expect(ContinuousClock.now - begin > .milliseconds(2900))
            #expect(ContinuousClock.now - begin < .milliseconds(5400), "3 s after the alarm it would be 5.5 s")
            #expect(child.isRunning)
        }
    }

    @Test("the client at hand is served to its end although master is gone")
    func masterGone() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(room, listener)
        let client = try room.connect()
        #expect(try client.receive(6) == "hello\n")
        child.closeStatus()
        #expect(try client.exchange("ping", 4) == "ping")
        try client.send("q")
        #expect(child.exit() == 0)
    }

    @Test("the use limit counts clients, and the idle limit begins when the last one leaves")
    func limits() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let used = try start(room, listener, ["-m", "2", "serve=blocking"])
        for _ in 0..<2 {
            let client = try room.connect()
            #expect(try client.receive(6) == "hello\n")
            try client.send("q")
        }
        #expect(used.exit() == 0)
        // There before the server, which might be idle for too long otherwise.
        let client = try room.connect()
        let idle = try start(room, listener, ["-i", "1", "serve=blocking"])
        #expect(try client.receive(6) == "hello\n")
        rest(.milliseconds(1500))
        let start = ContinuousClock.now
        try client.send("q")
        #expect(idle.exit() == 0)
        #expect(ContinuousClock.now - start > .milliseconds(900))
    }

    @Test("passed connections are served one after the other")
    func passed() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "pass", "serve=blocking"],
            room: room,
            listeners: [listener.number]
        )
        for _ in 0..<2 {
            let sender = try room.connect()
            let pair = try SocketEnds()
            try sender.socket.number.pass(pair.far)
            try sender.send("client_address\0192.0.2.1\0\0")
            pair.closeFar()
            let client = try pair.peer()
            #expect(try client.receive(6) == "hello\n")
            #expect(sender.isDisconnected())
            try client.send("q")
            #expect(client.isDisconnected())
        }
        let stranger = try room.connect()
        try stranger.send("W")
        #expect(stranger.isDisconnected())
        #expect(room.log.contains("receive connection: no descriptor in the message"))
        #expect(child.isRunning)
    }

    @Test("many clients that are passed on at the same time: each keeps what came along with it")
    func introductions() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "pass", "serve=blocking-introductions"],
            room: room,
            listeners: [listener.number]
        )
        let early = try Passing(room)
        try early.pass("192.0.2.99")
        #expect(try early.client.receive(11) == "192.0.2.99\n")
        let passings = try (0..<8).map { _ in try Passing(room) }
        // Their senders have been taken out of the queue when this one is.
        let last = try Passing(room)
        try last.pass("192.0.2.98")
        #expect(try last.client.receive(11) == "192.0.2.98\n")
        // All of it is there when the process looks next, and a request of an older client among it.
        kill(child.pid, SIGSTOP)
        #expect(eventually { ProcessSnapshot(child.pid)?.state == "T" })
        try early.client.send("?")
        for (index, passing) in passings.enumerated() { try passing.pass("192.0.2.\(index)") }
        kill(child.pid, SIGCONT)
        for (index, passing) in passings.enumerated() {
            #expect(try passing.client.receive(10) == "192.0.2.\(index)\n")
            #expect(passing.sender.isDisconnected())
        }
        #expect(try early.client.receive(5) == "none\n", "told at its arrival, and of itself only")
        #expect(child.isRunning)
    }

    /// A sender's connection, and a client's that it is to pass on.
    private final class Passing {
        let sender: TestPeer
        let client: TestPeer
        private let ends: SocketEnds

        init(_ room: ServerRoom) throws {
            sender = try room.connect()
            ends = try SocketEnds()
            client = try ends.peer()
        }

        func pass(_ address: String) throws {
            try sender.socket.number.pass(ends.far)
            try sender.send("client_address\0\(address)\0\0")
            ends.closeFar()
        }
    }

    @Test("many clients, for a service that says so: one request after the other")
    func manyClients() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(room, listener, ["serve=blocking-crowd"])
        let clients = try (0..<3).map { _ in try room.connect() }
        for client in clients { #expect(try client.receive(6) == "hello\n") }
        for client in clients { #expect(try client.exchange("ping", 4) == "ping") }
        #expect(try child.records(2) == [child.taken(), child.available()])
        try clients[0].send("q")
        #expect(clients[0].isDisconnected())
        #expect(try clients[1].exchange("pong", 4) == "pong")
    }

    @Test("one-shot: standard input and output are the client")
    func oneShot() throws {
        let room = try ServerRoom()
        let pair = try SocketEnds()
        let child = try ServerChild(
            "test-service",
            ["-S", "serve=blocking"],
            room: room,
            input: pair.far,
            output: pair.far,
            hasMaster: false
        )
        pair.closeFar()
        let client = try pair.peer()
        #expect(try client.receive(6) == "hello\n")
        #expect(try client.exchange("ping", 4) == "ping")
        #expect(shutdown(client.socket.number.rawValue, Int32(SHUT_WR)) == 0)
        #expect(child.exit() == 0)
        #expect(room.log.contains("hook left"))
    }
}
