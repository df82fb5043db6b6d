//===----------------------------------------------------------------------===//
// Quartermaster: what one client at a time may do, and standard input and output in its place
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

extension SingleTests {
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
        try inTime(.milliseconds(900)) { clock in
            let room = try ServerRoom("ipc_timeout = 1s")
            let listener = try room.unixListener()
            let child = try start(room, listener)
            let client = try room.connect()
            #expect(try client.receive(6) == "hello\n")
            clock.start()
            // The answer has more bytes than any socket holds.
            try client.send(request)
            clock.stop()
            #expect(room.log.contains("conversation over: timeout"))
            #expect(try child.records(2) == [child.taken(), child.available()])
            #expect(try room.connect().receive(6) == "hello\n", "others are served")
        }
    }

    @Test("a client that reads slowly gets all of it")
    func slowReader() throws {
        let room = try ServerRoom("ipc_timeout = 1000s")
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
        try inTime(.milliseconds(7500)) { clock in
            let room = try ServerRoom("daemon_timeout = 3s")
            let listener = try room.unixListener()
            let child = try start(room, listener)
            let client = try room.connect()
            #expect(try client.receive(6) == "hello\n")
            clock.start()
            for _ in 0..<5 {
                rest(.seconds(1))
                #expect(try client.exchange("ping\n", 5) == "ping\n")
            }
            try client.send("stuck\n")
            clock.stop()
            #expect(child.exit() == 1)
            #expect(room.log.contains("watchdog timeout"))
        }
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
        for isRead in [true, false] {
            let room = try ServerRoom("ipc_timeout = \(isRead ? 1000 : 1)s")
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
