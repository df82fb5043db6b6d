//===----------------------------------------------------------------------===//
// Quartermaster: tests of services with one client a process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct SingleTests {
    private func start(
        _ room: ServerRoom,
        _ listener: borrowing Descriptor,
        _ options: [String] = [],
        serve: String = "single",
        parent: Parent = .ours,
        tokens: Int = 0
    ) throws -> ServerChild {
        let child = try ServerChild(
            "test-service",
            ["-t", "unix"] + options + ["serve=\(serve)"],
            room: room,
            listeners: [listener.number],
            tokens: tokens,
            parent: parent
        )
        #expect(try eventually { try child.registration() != nil })
        return child
    }

    @Test("a client is greeted before it asks, TAKEN follows the accept and AVAIL the client's end")
    func oneClient() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(room, listener)
        for _ in 0..<3 {
            let client = try room.connect()
            #expect(try client.receive(6) == "hello\n")
            #expect(try child.records(1) == [child.taken()])
            #expect(try client.exchange("one\ntwo\n", 8) == "one\ntwo\n", "one conversation, whatever it is made of")
            #expect(try child.records(1, within: 0) == [], "busy from the client's arrival to its end")
            try client.send("quit\n")
            #expect(client.isDisconnected())
            #expect(try child.records(1) == [child.available()])
        }
    }

    @Test("the next client stays in the queue until the first has left", arguments: [Parent.ours, .foreign])
    func oneAtATime(_ parent: Parent) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(room, listener, parent: parent)
        let first = try room.connect()
        #expect(try first.receive(6) == "hello\n")
        let second = try room.connect()
        #expect(try second.receive(1, within: 200) == "")
        try first.send("quit\n")
        #expect(try second.receive(6) == "hello\n")
        #expect(try child.records(3) == [child.taken(), child.available(), child.taken()])
    }

    @Test("as many clients as idle processes: each has one of its own", arguments: [Parent.ours, .foreign])
    func oneEach(_ parent: Parent) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let children = try (0..<5).map { _ in try start(room, listener, parent: parent) }
        let clients = try (0..<5).map { _ in try room.connect() }
        // None of them leaves before the last one was greeted.
        for client in clients { #expect(try client.receive(6) == "hello\n") }
        for child in children { #expect(try child.records(1) == [child.taken()]) }
    }

    @Test(
        "two processes, and a client that opens its next connection before it closes the last: none is stranded",
        arguments: [Parent.ours, .foreign]
    )
    func overlappingConnections(_ parent: Parent) throws {
        let room = try ServerRoom("max_use = 1000")
        let listener = try room.unixListener()
        let children = try (0..<2).map { _ in try start(room, listener, parent: parent) }
        var last = try room.connect()
        for round in 0..<200 {
            let next = try room.connect()
            #expect(try next.receive(6) == "hello\n", "round \(round)")
            try last.send("quit\n")
            #expect(last.isDisconnected())
            last = next
        }
        for child in children { #expect(child.isRunning) }
    }

    @Test(
        "a process that is used up serves the client that it finds, and then leaves",
        arguments: [Parent.ours, .foreign]
    )
    func usedUp(_ parent: Parent) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(room, listener, ["-m", "1"], parent: parent)
        let first = try room.connect()
        #expect(try first.receive(6) == "hello\n")
        let second = try room.connect()
        try first.send("quit\n")
        #expect(try second.receive(6) == "hello\n")
        #expect(child.isRunning)
        try second.send("quit\n")
        #expect(child.exit() == 0)
        #expect(room.log.contains("hook exit"))
    }

    @Test(
        "processes that are used up one after the other: every client is served, by the next one at the latest",
        arguments: [Parent.ours, .foreign]
    )
    func usedUpOneAfterTheOther(_ parent: Parent) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let children = try (0..<6).map { _ in try start(room, listener, ["-m", "2"], parent: parent) }
        var clients = try (0..<6).map { _ in try room.connect() }
        for index in 0..<12 {
            let client = clients.removeFirst()
            #expect(try client.receive(6) == "hello\n", "client \(index)")
            if index < 6 { clients.append(try room.connect()) }
            try client.send("quit\n")
            #expect(client.isDisconnected())
        }
        // Who was the last to look may have served three.
        for child in children { child.closeStatus() }
        for child in children { #expect(child.exit() == 0) }
        #expect(room.log.count("served") == 12)
    }

    @Test("siblings take turns with the lock under another master, and need none under ours")
    func serviceLock() throws {
        let room = try ServerRoom("max_use = 1000")
        let listener = try room.unixListener()
        let lock = "\(room.queue)/pid/unix.shared"
        let ours = try start(room, listener, ["-n", "shared"])
        ours.closeStatus()
        #expect(ours.exit() == 0)
        let alone = try start(room, listener, ["-n", "shared", "-l"], parent: .foreign)
        alone.closeStatus()
        #expect(alone.exit() == 0)
        #expect(!FileManager.default.fileExists(atPath: lock))

        let children = try (0..<2).map { _ in try start(room, listener, ["-n", "shared"], parent: .foreign) }
        let mode = try FileManager.default.attributesOfItem(atPath: lock)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        // Who is woken gives the lock up as soon as it has its client, so that the other one waits next.
        let first = try room.connect()
        #expect(try first.receive(6) == "hello\n")
        let second = try room.connect()
        #expect(try second.receive(6) == "hello\n")
        // Now both are busy, and nobody has the lock.
        let file = try openFile(lock, .readWrite)
        #expect(try file.number.tryExclusiveLock())
        for client in [first, second] {
            try client.send("quit\n")
            #expect(client.isDisconnected())
        }
        let third = try room.connect()
        #expect(try third.receive(1, within: 300) == "", "we have the lock")
        try file.number.unlock()
        #expect(try third.receive(6) == "hello\n")
        // The end of the one that waits with the lock makes the other one go on.
        try third.send("quit\n")
        for child in children { child.closeStatus() }
        for child in children { #expect(child.exit() == 0) }
    }

    @Test("a lock that cannot be opened is fatal")
    func noLock() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "-n", "no/such", "serve=single"],
            room: room,
            listeners: [listener.number],
            parent: .foreign
        )
        #expect(child.exit() == 1)
        #expect(room.log.contains("fatal: open lock file pid/unix.no/such: "))
    }

    // MARK: retirement

    @Test("a service that retires by time leaves after -r seconds")
    func retirement() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let begin = ContinuousClock.now
        let child = try start(room, listener, ["-r", "1", "-v"], serve: "single-retires")
        #expect(child.exit() == 0)
        #expect(ContinuousClock.now - begin > .milliseconds(950))
        #expect(room.log.contains("time to retire -- exiting"))
        #expect(room.log.contains("hook exit"))
    }

    @Test("the client at hand when it is time to retire is served to its end, the next one is left to others")
    func retirementWithAClient() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(room, listener, ["-r", "2"], serve: "single-retires")
        let client = try room.connect()
        #expect(try client.receive(6) == "hello\n")
        rest(.milliseconds(2300))
        #expect(try client.exchange("still there?\n", 13) == "still there?\n")
        let next = try room.connect()
        try client.send("quit\n")
        #expect(child.exit() == 0)
        #expect(try next.receive(1, within: 0) == "")
        let fresh = try start(room, listener)
        #expect(try next.receive(6) == "hello\n")
        #expect(fresh.isRunning)
    }

    @Test("a service that does not retire takes -r and lives on")
    func noRetirement() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(room, listener, ["-r", "1"])
        #expect(child.exit(within: .milliseconds(1500)) == nil)
    }

    // MARK: the client

    @Test("the descriptor blocks, and programs do not inherit it", arguments: [Parent.ours, .foreign])
    func descriptor(_ parent: Parent) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(room, listener, parent: parent)
        let client = try room.connect()
        #expect(try client.receive(6) == "hello\n")
        let expected = "blocks=true inherited=false same=true\n"
        #expect(try client.exchange("descriptor\n", expected.utf8.count) == expected)
        #expect(child.isRunning)
    }

    @Test("a client that is silent, or does not read, is given up after ipc_timeout", arguments: ["silent", "big\n"])
    func timeout(_ request: String) throws {
        let room = try ServerRoom("ipc_timeout = 1s")
        let listener = try room.unixListener()
        let child = try start(room, listener)
        let client = try room.connect()
        #expect(try client.receive(6) == "hello\n")
        // The answer has more bytes than any socket holds.
        try client.send(request)
        #expect(room.log.contains("conversation over: timeout"))
        #expect(try child.records(2) == [child.taken(), child.available()])
        #expect(try room.connect().receive(6) == "hello\n", "others are served")
    }

    @Test("a client that reads slowly gets all of it")
    func slowReader() throws {
        let room = try ServerRoom("ipc_timeout = 10s")
        let listener = try room.unixListener()
        let child = try start(room, listener)
        let client = try room.connect()
        #expect(try client.receive(6) == "hello\n")
        try client.send("big\n")
        var count = 0
        for _ in 0..<5 {
            rest(.milliseconds(50))
            count += try client.receive(100_000).utf8.count
        }
        count += try client.receive(4_000_001 - count).utf8.count
        #expect(count == 4_000_001)
        #expect(child.isRunning)
    }

    @Test("a client that hangs up in the middle of an answer ends its conversation and nothing else")
    func hangUp() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(room, listener)
        do {
            let client = try room.connect()
            #expect(try client.receive(6) == "hello\n")
            try client.send("big\n")
            #expect(try client.receive(10) == "xxxxxxxxxx")
        }
        #expect(room.log.contains("conversation over: "))
        #expect(try room.connect().receive(6) == "hello\n")
        #expect(child.isRunning)
    }

    @Test("a conversation may last for longer than the watchdog's limit, a call that hangs may not")
    func watchdog() throws {
        let room = try ServerRoom("daemon_timeout = 3s")
        let listener = try room.unixListener()
        let child = try start(room, listener)
        let client = try room.connect()
        #expect(try client.receive(6) == "hello\n")
        for _ in 0..<5 {
            rest(.seconds(1))
            #expect(try client.exchange("ping\n", 5) == "ping\n")
        }
        try client.send("stuck\n")
        #expect(child.exit() == 1)
        #expect(room.log.contains("watchdog timeout"))
    }

    @Test("a passed connection comes with its attributes, and blocks as any other")
    func passed() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "pass", "serve=single"],
            room: room,
            listeners: [listener.number]
        )
        for (list, expected) in [
            ("client_address\0192.0.2.1\0client_port\012345\0\0", "client_address=192.0.2.1 client_port=12345\n"),
            ("\0", "none\n"),
        ] {
            let sender = try room.connect()
            let pair = try SocketEnds()
            try sender.socket.number.pass(pair.far)
            try sender.send(list)
            pair.closeFar()
            let client = try pair.peer()
            #expect(try client.receive(6) == "hello\n")
            #expect(sender.isDisconnected(), "the sender knows that it has arrived")
            #expect(try client.exchange("attributes\n", expected.utf8.count) == expected)
            let flags = "blocks=true inherited=false same=true\n"
            #expect(try client.exchange("descriptor\n", flags.utf8.count) == flags)
            try client.send("quit\n")
            #expect(client.isDisconnected())
            #expect(try child.records(2) == [child.taken(), child.available()])
        }
        let stranger = try room.connect()
        try stranger.send("W")
        #expect(stranger.isDisconnected())
        #expect(room.log.contains("receive connection: no descriptor in the message"))
        #expect(try child.records(2) == [child.taken(), child.available()])
        #expect(child.isRunning)
    }

    // MARK: the end

    @Test(
        "the client at hand is served to its end although master is gone or reloads",
        arguments: [Parent.ours, .foreign]
    )
    func masterGone(_ parent: Parent) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(room, listener, ["-v"], parent: parent)
        let client = try room.connect()
        #expect(try client.receive(6) == "hello\n")
        child.closeStatus()
        #expect(try client.exchange("ping\n", 5) == "ping\n")
        try client.send("last\nquit\n")
        #expect(try client.receive(6) == "last\n")
        #expect(client.isDisconnected())
        #expect(child.exit() == 0)
        #expect(room.log.contains("master disconnect -- exiting"))
        #expect(room.log.contains("hook exit"))
    }

    /// How far a client has come when master goes.
    enum Step: String, Sendable, CaseIterable { case queued, held, greeted, halfRequest, halfReply, passing }

    @Test("master goes at any step of a conversation, and the client loses no byte", arguments: Step.allCases)
    func masterGone(_ step: Step) throws {
        let room = try ServerRoom("in_flow_delay = 1s")
        let listener = try room.unixListener()
        let options = step == .passing ? ["-t", "pass"] : []
        let child = try start(room, listener, options, serve: step == .held ? "single-flow" : "single")
        if step == .queued {
            kill(child.pid, SIGSTOP)
            #expect(eventually { ProcessSnapshot(child.pid)?.state == "T" })
        }
        var client = try room.connect()
        switch step {
        case .queued: try client.send("one\nquit\n")
        case .held: #expect(try child.records(1) == [child.taken()])
        case .greeted, .halfRequest, .halfReply: #expect(try client.receive(6) == "hello\n")
        case .passing: #expect(try child.records(1) == [child.taken()])
        }
        if step == .halfRequest { try client.send("on") }
        if step == .halfReply {
            try client.send("big\n")
            #expect(try client.receive(1000).utf8.count == 1000)
        }
        child.closeStatus()
        kill(child.pid, SIGCONT)
        var next: ServerChild?
        switch step {
        case .queued:
            #expect(child.exit() == 0)
            next = try start(room, listener)
            #expect(try client.receive(10) == "hello\none\n")
        case .held: #expect(try client.receive(6) == "hello\n")
        case .greeted: break
        case .halfRequest: #expect(try client.exchange("e\n", 4) == "one\n")
        case .halfReply: #expect(try client.receive(3_999_001).utf8.count == 3_999_001)
        case .passing:
            let pair = try SocketEnds()
            try client.socket.number.pass(pair.far)
            try client.send("\0")
            pair.closeFar()
            client = try pair.peer()
            #expect(try client.receive(6) == "hello\n")
        }
        if step != .queued { #expect(try client.exchange("last\nquit\n", 5) == "last\n") }
        #expect(client.isDisconnected())
        if step != .queued { #expect(child.exit() == 0) }
        withExtendedLifetime(next) {}
    }

    @Test("a service that wants a fresh process leaves its client to that one")
    func leaving() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(room, listener, serve: "single-leaving")
        let client = try room.connect()
        #expect(child.exit() == 0)
        #expect(room.log.contains("table has changed -- restarting"))
        let next = try start(room, listener)
        #expect(try client.receive(6) == "hello\n")
        #expect(next.isRunning)
    }

    // MARK: one-shot

    @Test("one-shot: standard input and output are the client, whether sockets or pipes")
    func oneShot() throws {
        let room = try ServerRoom()
        let pair = try SocketEnds()
        let child = try ServerChild(
            "test-service",
            ["-S", "serve=single"],
            room: room,
            input: pair.far,
            output: pair.far,
            hasMaster: false
        )
        pair.closeFar()
        let client = try pair.peer()
        #expect(try client.receive(6) == "hello\n")
        #expect(try client.exchange("one\n", 4) == "one\n")
        #expect(shutdown(client.socket.number.rawValue, Int32(SHUT_WR)) == 0)
        #expect(child.exit() == 0)
        #expect(room.log.contains("hook exit"))
    }

    @Test("one-shot: a pipe that is read slowly gets all of it, and one that is not read is given up")
    func oneShotPipes() throws {
        let room = try ServerRoom("ipc_timeout = 1s")
        for isRead in [true, false] {
            let input = try makePipe(nonBlocking: false)
            let output = try makePipe(nonBlocking: false)
            _ = try input.second.number.write(Array("big\nquit\n".utf8))
            let child = try ServerChild(
                "test-service",
                ["-S", "serve=single"],
                room: room,
                input: input.first.number,
                output: output.second.number,
                hasMaster: false
            )
            let reader = TestPeer(try output.first.number.duplicate(atLeast: 100))
            if isRead {
                rest(.milliseconds(300))
                #expect(try reader.receive(4_000_007).utf8.count == 4_000_007)
                #expect(!room.log.text.contains("conversation over"))
            } else {
                #expect(room.log.contains("conversation over: timeout"))
            }
            #expect(child.exit() == 0)
        }
    }
}
