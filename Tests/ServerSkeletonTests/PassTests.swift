//===----------------------------------------------------------------------===//
// Quartermaster: connections that another process passes on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import ServerSkeleton

struct PassTests {
    /// A server on a `pass` endpoint, the sender's connection to it, and a client's connection to be passed.
    final class Scene {
        let room: ServerRoom
        let listener: Descriptor
        let child: ServerChild
        let sender: TestPeer
        let client: TestPeer
        private let far: SocketEnds

        init(program: String = "test-service") throws {
            room = try ServerRoom()
            listener = try room.unixListener()
            child = try ServerChild(program, ["-t", "pass"], room: room, listeners: [listener.number])
            sender = try room.connect()
            let pair = try SocketEnds()
            client = try pair.peer()
            far = pair
        }

        func pass() throws {
            try sender.socket.number.pass(far.far)
            far.closeFar()
        }
    }

    @Test("a passed connection is served with its attributes")
    func attributesArrive() throws {
        let scene = try Scene()
        try scene.pass()
        try scene.sender.send("client_address\0192.0.2.1\0client_port\012345\0\0")
        #expect(scene.sender.isDisconnected(), "closing says that everything has arrived")
        let text = "client_address=192.0.2.1 client_port=12345\n"
        #expect(try scene.client.exchange("attributes\n", text.utf8.count) == text)
        #expect(try scene.child.records(2) == [scene.child.taken(), scene.child.available()])
    }

    @Test("the list may come in pieces")
    func listInPieces() throws {
        let scene = try Scene()
        try scene.pass()
        for piece in ["cli", "ent_address", "\0192.0", ".2.1\0", "\0"] {
            rest(.milliseconds(20))
            try scene.sender.send(piece)
        }
        #expect(scene.sender.isDisconnected())
        #expect(try scene.client.exchange("attributes\n", 25) == "client_address=192.0.2.1\n")
    }

    @Test("an empty list is no list")
    func emptyList() throws {
        let scene = try Scene()
        try scene.pass()
        try scene.sender.send("\0")
        #expect(scene.sender.isDisconnected())
        #expect(try scene.client.exchange("attributes\n", 5) == "none\n")
    }

    @Test("a sender that hangs up after the descriptor has no attributes")
    func noListAtAll() throws {
        let scene = try Scene()
        try scene.pass()
        #expect(shutdown(scene.sender.socket.number.rawValue, Int32(SHUT_WR)) == 0)
        #expect(try scene.client.exchange("attributes\n", 5) == "none\n")
    }

    @Test("a list that ends early loses the connection")
    func listEndsEarly() throws {
        let scene = try Scene()
        try scene.pass()
        try scene.sender.send("client_address\0")
        #expect(shutdown(scene.sender.socket.number.rawValue, Int32(SHUT_WR)) == 0)
        #expect(scene.client.isDisconnected())
        #expect(scene.room.log.contains("warning: service test-service: receive connection: attribute list ends early"))
    }

    @Test("a byte without a descriptor is refused")
    func noDescriptor() throws {
        let scene = try Scene()
        try scene.sender.send("W")
        #expect(scene.sender.isDisconnected())
        #expect(scene.room.log.contains("receive connection: no descriptor in the message"))
        #expect(scene.child.isRunning)
    }

    @Test("a silent sender does not hold up others")
    func silentSender() throws {
        let scene = try Scene()
        let other = try scene.room.connect()
        let pair = try SocketEnds()
        try other.socket.number.pass(pair.far)
        try other.send("\0")
        #expect(try pair.peer().exchange("hi\n", 3) == "hi\n")
    }

    @Test("a sender for whose watch there is no memory waits until there is")
    func unwatchedSender() throws {
        let scene = try Scene()
        try scene.pass()
        try scene.sender.send("\0")
        #expect(try scene.client.exchange("no memory for epoll\n", 1) == "\n")
        let other = try scene.room.connect()
        let pair = try SocketEnds()
        try other.socket.number.pass(pair.far)
        try other.send("\0")
        #expect(try pair.peer().exchange("hi\n", 3) == "hi\n")
        let reason = "watch sender of a connection: Cannot allocate memory -- trying again, and accepting no clients"
        #expect(scene.room.log.contains(reason))
    }

    @Test("what cannot be waited for is disconnected, and others are served", arguments: ["lines", "events"])
    func noConnections(_ kind: String) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let options = ["-t", "pass", "serve=\(kind)"]
        let child = try ServerChild("test-service", options, room: room, listeners: [listener.number])
        let directory = try openFile(room.queue, .readOnly)
        do {
            let sender = try room.connect()
            try sender.socket.number.pass(directory.number)
            try sender.send("\0")
            #expect(sender.isDisconnected())
        }
        let sender = try room.connect()
        let pair = try SocketEnds()
        try sender.socket.number.pass(pair.far)
        try sender.send("\0")
        #expect(try pair.peer().exchange("hi\n", 3) == "hi\n", "\(room.log.text)")
        let words = "warning: watch client: Operation not permitted -- disconnecting it"
        // An event service reads from it, as from a file on standard input, and hears why that cannot be.
        #expect(room.log.contains(kind == "lines" ? words : "hook left lost: Is a directory"), "\(room.log.text)")
        #expect(child.isRunning)
    }

    @Test("unknown attributes are mentioned")
    func unknownAttributes() throws {
        let scene = try Scene(program: "echo")
        try scene.pass()
        try scene.sender.send("client_address\0192.0.2.1\0\0")
        #expect(try scene.client.exchange("x", 1) == "x")
        #expect(scene.room.log.contains("warning: service ignores 'pass' connection attributes"))
    }

    @Test(
        "a list ends where its terminator is",
        arguments: [
            ("\0", 1), ("a\0b\0\0", 5), ("a\0\0\0", 4), ("{\0a\0b\0}\0\0", 9), ("a\0b\0\0rest", 5), ("a\0b\0", 4),
            ("a\0", 2),
        ]
    )
    func endOfAList(_ text: String, _ size: Int) {
        let bytes = Array(text.utf8)
        for split in 0...size {
            var list = PassList()
            let whole = bytes.span.bytes
            let first = list.read(whole.extracting(0..<split))
            let second = list.read(whole.extracting(split..<bytes.count))
            #expect(first == split && second == size - split)
            #expect(list.byteCount == size)
            #expect(list.isComplete == (size == 1 || bytes[size - 2] == 0))
        }
    }

    @Test("the content of a list includes that of tables")
    func tables() {
        let list = attributes("a\01\0{\0b\0two\0}\0a\03\0c\0\0\0")
        #expect(list?.names == ["a", "b", "a", "c"])
        #expect(list?["a"] == "1")
        #expect(list?["b"] == "two")
        #expect(list?["c"] == "")
        #expect(list?["d"] == nil)
        #expect(attributes("\0") == nil)
    }

    private func attributes(_ text: String) -> PassAttributes? {
        var list = PassList()
        _ = list.read(Array(text.utf8).span.bytes)
        return list.attributes
    }
}
