//===----------------------------------------------------------------------===//
// Quartermaster: tests of services that are woken to do something
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct TriggerTests {
    /// The ways to a trigger service.
    enum Way: String, Sendable, CaseIterable { case unix, fifo, pass }

    /// An endpoint of that type, and how it is triggered.
    struct Door: ~Copyable {
        let way: Way
        let room: ServerRoom
        let endpoint: Descriptor

        init(_ way: Way, _ room: ServerRoom) throws {
            self.way = way
            self.room = room
            guard way == .fifo else {
                endpoint = try room.unixListener()
                return
            }
            let path = "\(room.queue)/endpoint"
            try makeFifo(path, mode: 0o600)
            // As master opens it: never without a writer.
            endpoint = try openFile(path, [.readWrite, .nonBlocking]).moved(atLeast: 64)
        }

        /// What the sender keeps, if it keeps a connection.
        func trigger(_ bytes: String) throws -> TestPeer? {
            switch way {
            case .fifo:
                let fifo = try openFile("\(room.queue)/endpoint", [.writeOnly, .nonBlocking])
                _ = try fifo.number.write(Array(bytes.utf8))
                return nil
            case .unix:
                let peer = try room.connect()
                try peer.send(bytes)
                return peer
            case .pass:
                let peer = try room.connect()
                // As master does: a pipe, without a list of attributes.
                let pipe = try makePipe(nonBlocking: true)
                try peer.socket.number.pass(pipe.first.number)
                _ = try pipe.second.number.write(Array(bytes.utf8))
                return peer
            }
        }
    }

    func start(
        _ door: borrowing Door,
        _ options: [String] = [],
        serve: String = "trigger",
        parent: Parent = .ours
    ) throws -> ServerChild {
        let child = try ServerChild(
            "test-service",
            ["-t", door.way.rawValue] + options + ["serve=\(serve)"],
            room: door.room,
            listeners: [door.endpoint.number],
            parent: parent
        )
        #expect(try eventually { try child.registration() != nil })
        return child
    }

    func closeGate(_ room: ServerRoom) throws { try room.directory.write("", to: "queue/gate") }

    func openGate(_ room: ServerRoom) throws {
        try FileManager.default.removeItem(atPath: "\(room.queue)/gate")
    }

    @Test("the service gets the bytes, between TAKEN and AVAIL", arguments: Way.allCases, [Parent.ours, .foreign])
    func bytes(_ way: Way, _ parent: Parent) throws {
        let room = try ServerRoom()
        let door = try Door(way, room)
        let child = try start(door, parent: parent)
        for (index, text) in ["W", "W\0", "IDA"].enumerated() {
            let peer = try door.trigger(text)
            #expect(try child.records(2) == [child.taken(), child.available()])
            let shown = text.replacingOccurrences(of: "\0", with: "?")
            #expect(room.log.contains("call \(index + 1): \(text.utf8.count) bytes, '\(shown)'"))
            if let peer { #expect(peer.isDisconnected(), "that is how it learns of the end") }
        }
        #expect(child.isRunning)
    }

    @Test("1024 bytes are read; of a FIFO the rest comes in the next call", arguments: Way.allCases)
    func longTrigger(_ way: Way) throws {
        let room = try ServerRoom()
        let door = try Door(way, room)
        let child = try start(door)
        let peer = try door.trigger(String(repeating: "x", count: 1500))
        #expect(room.log.contains("call 1: 1024 bytes"))
        if way == .fifo { #expect(room.log.contains("call 2: 476 bytes")) }
        if let peer { #expect(peer.isDisconnected()) }
        #expect(child.isRunning)
        #expect(room.log.text.contains("call 2") == (way == .fifo))
    }

    @Test(
        "the process is busy while the handler works, and its sender waits for the end",
        arguments: [Way.unix, .pass]
    )
    func busy(_ way: Way) throws {
        let room = try ServerRoom()
        let door = try Door(way, room)
        let child = try start(door)
        try closeGate(room)
        let first = try door.trigger("one")
        #expect(try child.records(1) == [child.taken()])
        let second = try door.trigger("two")
        #expect(try child.records(1, within: 200) == [])
        #expect(room.log.count("call ") == 1, "one after the other")
        // Who passes something on hears of its arrival, and no more.
        #expect(try first?.socket.number.waitForInput(milliseconds: 0) == (way == .pass))
        try openGate(room)
        #expect(first?.isDisconnected() == true && second?.isDisconnected() == true)
        #expect(try child.records(3) == [child.available(), child.taken(), child.available()])
        #expect(room.log.contains("call 2: 3 bytes, 'two'"))
    }

    @Test("one that hangs up without a byte is a trigger, one that says nothing for ten seconds is none")
    func nothingSent() throws {
        let room = try ServerRoom()
        let door = try Door(.unix, room)
        let child = try start(door, ["-m", "2"])
        do { _ = try room.connect() }
        #expect(try child.records(2) == [child.taken(), child.available()])
        #expect(room.log.contains("call 1: 0 bytes, ''"))
        let begin = ContinuousClock.now
        let silent = try room.connect()
        #expect(try child.records(1) == [child.taken()], "others are asked meanwhile")
        #expect(silent.isDisconnected())
        #expect(ContinuousClock.now - begin > .milliseconds(9900))
        #expect(try child.records(1) == [child.available()])
        #expect(room.log.count("call ") == 2, "the call and its end")
        #expect(child.isRunning, "it counts for nothing")
        _ = try door.trigger("last")
        #expect(child.exit() == 0)
    }

    @Test("a peer that passes nothing on is none", arguments: ["", "W"])
    func nothingPassed(_ text: String) throws {
        let room = try ServerRoom()
        let door = try Door(.pass, room)
        let child = try start(door)
        do {
            let peer = try room.connect()
            if !text.isEmpty { try peer.send(text) }
            #expect(shutdown(peer.socket.number.rawValue, Int32(SHUT_WR)) == 0)
            #expect(peer.isDisconnected())
        }
        #expect(room.log.contains("warning: service test-service: receive connection: "))
        #expect(try child.records(2) == [child.taken(), child.available()])
        _ = try door.trigger("good")
        #expect(room.log.contains("call 1: 4 bytes, 'good'"))
    }

    @Test("a service that joins triggers is called once for all that wait", arguments: Way.allCases)
    func joined(_ way: Way) throws {
        let room = try ServerRoom()
        let door = try Door(way, room)
        let child = try start(door, ["-m", "102"], serve: "triggers-joined")
        try closeGate(room)
        var kept = [try door.trigger("W")]
        #expect(room.log.contains("call 1: 0 bytes, ''"))
        // Of a FIFO, more than one read takes; of sockets, many clients; one of them says nothing, and nobody waits for
        // it.
        let text = String(repeating: "W", count: way == .fifo ? 50 : 1)
        for _ in 0..<99 { kept.append(try door.trigger(text)) }
        if way == .unix { kept.append(try room.connect()) }
        try openGate(room)
        #expect(room.log.contains("call 2 is over"))
        #expect(try child.records(4) == [child.taken(), child.available(), child.taken(), child.available()])
        #expect(!room.log.contains("call 3", within: .milliseconds(300)), "one more call, whatever came meanwhile")
        for peer in kept { if let peer { #expect(peer.isDisconnected()) } }
        kept = [try door.trigger("W")]
        #expect(room.log.contains("call 3 is over"))
        if way != .fifo {
            _ = try door.trigger("W")
            #expect(child.exit() == 0, "the limit counts triggers")
        }
    }

    @Test("a FIFO that nobody writes to costs a try each second and no more")
    func fifoWithoutWriters() throws {
        let room = try ServerRoom()
        let path = "\(room.queue)/endpoint"
        try makeFifo(path, mode: 0o600)
        let fifo = try openFile(path, [.readOnly, .nonBlocking]).moved(atLeast: 64)
        do {
            // Only now does the kernel take the absence of writers for an end.
            _ = try openFile(path, [.writeOnly, .nonBlocking])
        }
        let child = try ServerChild(
            "test-service",
            ["-t", "fifo", "-l", "serve=trigger"],
            room: room,
            listeners: [fifo.number]
        )
        #expect(room.log.contains("warning: read: Broken pipe -- taking no triggers for a moment"))
        #expect(try child.records(1) == [child.taken()])
        let writer = try openFile(path, [.writeOnly, .nonBlocking])
        _ = try writer.number.write(Array("x".utf8))
        #expect(room.log.contains("call 1: 1 bytes, 'x'"))
    }

    @Test("one-shot: standard input is the trigger, and nothing on it is fatal")
    func oneShot() throws {
        let room = try ServerRoom()
        for text in ["WID", ""] {
            let pipe = try makePipe(nonBlocking: false)
            if !text.isEmpty { _ = try pipe.second.number.write(Array(text.utf8)) }
            let input = pipe.keepingFirst()
            let child = try ServerChild(
                "test-service",
                ["-S", "serve=trigger"],
                room: room,
                input: input.number,
                hasMaster: false
            )
            #expect(child.exit() == (text.isEmpty ? 1 : 0))
        }
        #expect(room.log.contains("call 1: 3 bytes, 'WID'"))
        #expect(room.log.count("hook exit") == 1)
        #expect(room.log.contains("fatal: read: nothing on standard input"))
    }
}
