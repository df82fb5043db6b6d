//===----------------------------------------------------------------------===//
// Quartermaster: tests of services with one client a process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct SingleTests {
    func start(
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
}
