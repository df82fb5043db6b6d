//===----------------------------------------------------------------------===//
// Quartermaster: what an event server does with its connections, timers and descriptors
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// A server with the service that `Tests/TestService/EventLineService.swift` describes.
final class EventScene {
    let room: ServerRoom
    let listener: Descriptor
    let child: ServerChild

    /// - Parameter before: what is done when there is an endpoint, and no server yet.
    init(
        _ arguments: [String] = [],
        options: [String] = [],
        settings: String = "",
        parent: Parent = .ours,
        before: (ServerRoom) throws -> Void = { _ in }
    ) throws {
        room = try ServerRoom(settings)
        listener = try room.unixListener()
        try before(room)
        child = try ServerChild(
            "test-service",
            ["-t", "unix"] + options + arguments + ["serve=events"],
            room: room,
            listeners: [listener.number],
            parent: parent
        )
    }

    func residentKilobytes() throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(child.pid)/status", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return Int(line.split(whereSeparator: { $0 == " " || $0 == "\t" })[1]) ?? 0
    }
}

extension ProcessTable {
    /// Whether it has ended, buried by whoever has become its parent or not.
    static func hasEnded(_ pid: Int32) -> Bool {
        guard let process = ProcessSnapshot(pid) else { return true }
        return process.state == "Z" || process.state == "X"
    }
}

extension TestPeer {
    /// The next line, without its end; what there is when the server hangs up or is silent for too long.
    func line() throws -> String {
        var text = ""
        while let next = try? receive(1), !next.isEmpty {
            if next == "\n" { return text }
            text += next
        }
        return text + "<end>"
    }

    func ask(_ request: String) throws -> String {
        try send(request + "\n")
        return try line()
    }
}

struct EventTests {
    // MARK: requests and replies

    @Test("requests in pieces, several at a time, and one pair of reports around the requests of a turn")
    func requests() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        #expect(try scene.child.records(1, within: 200) == [], "accepting alone says nothing")
        #expect(try client.exchange("one\ntwo\nthree\n", 14) == "one\ntwo\nthree\n")
        #expect(try scene.child.records(2) == [scene.child.taken(), scene.child.available()])
        #expect(try scene.child.records(1, within: 200) == [])
        try client.send("wh")
        #expect(try scene.child.records(2) == [scene.child.taken(), scene.child.available()])
        try client.send("ole\n")
        #expect(try client.line() == "whole")
    }

    @Test("a reply may come later, and to whoever is still there")
    func later() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        let start = ContinuousClock.now
        #expect(try client.ask("later 300 here it is") == "here it is")
        #expect(ContinuousClock.now - start > .milliseconds(290))
        do {
            let other = try scene.room.connect()
            try other.send("later 100 for nobody\nabort\n")
            #expect(other.isDisconnected())
        }
        #expect(try client.ask("later 200 second") == "second")
        #expect(scene.child.isRunning)
    }

    @Test("one client's word reaches all, those of the service's own connections apart")
    func push() throws {
        let scene = try EventScene()
        let clients = try (0..<50).map { _ in try scene.room.connect() }
        for client in clients { #expect(try client.ask("hi") == "hi") }
        #expect(try clients[7].ask("clients") == "50")
        try clients[3].send("all to everybody\n")
        for client in clients { #expect(try client.line() == "to everybody") }
    }

    @Test("a connection may be ended after its reply, or at once")
    func ends() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        #expect(try client.exchange("quit\nnever\n", 100) == "bye\n")
        #expect(client.isDisconnected())
        let other = try scene.room.connect()
        try other.send("abort\n")
        #expect(other.isDisconnected())
        #expect(eventually { scene.room.log.count("hook left ended") == 2 })
        #expect(scene.child.isRunning)
    }

    // MARK: timers and descriptors

    @Test("timers ring once or again and again, to the millisecond, until they are cancelled")
    func timers() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        let start = ContinuousClock.now
        try client.send("tick 40\n")
        for _ in 0..<10 { #expect(try client.line() == "tick") }
        let time = ContinuousClock.now - start
        #expect(time > .milliseconds(395), "ten times forty milliseconds: \(time)")
        try client.send("stop\nlater 200 forgotten\nforget\n")
        #expect(try client.ask("later 400 quiet") == "quiet")
    }

    @Test("a timer that was missed rings once, and then as it would have")
    func missedTimer() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        try client.send("tick 100\nblock 550\nlater 1 back\n")
        let text = try client.receive(25)
        let ticks = text.split(separator: "\n").prefix { $0 != "back" }
        #expect(ticks.count <= 1, "five were missed, and not made up for: \(text)")
        #expect(text.contains("tick\ntick\n"))
    }

    @Test("descriptors of the service are watched for reading and for writing")
    func descriptors() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        #expect(try client.ask("pipe") == "through the pipe")
        #expect(try client.ask("still well") == "still well")
    }

    // MARK: connections of its own

    @Test("a connection that is given up before it is there costs nobody anything")
    func connectionGivenUp() throws {
        let scene = try EventScene()
        let upstream = try scene.room.inetListener()
        let port = try #require(try upstream.number.name(ofPeer: false)).port
        let client = try scene.room.connect()
        #expect(try client.ask("connect-closing 10000 127.0.0.1:\(port)") == "gone ended")
        // This one has something to send before it closes.
        #expect(try client.ask("connect-closing 10000 127.0.0.1:\(port) sent early") == "connected")
        #expect(try client.line() == "gone ended")
        #expect(try client.ask("hello") == "hello")
        #expect(scene.child.isRunning)
    }

    @Test("an outgoing connection is like a client's, and what was sent to it before it was there is not lost")
    func outgoing() throws {
        let scene = try EventScene()
        let upstream = try scene.room.inetListener()
        let port = try #require(try upstream.number.name(ofPeer: false)).port
        let client = try scene.room.connect()
        #expect(try client.ask("connect 10000 127.0.0.1:\(port) sent early") == "connected")
        let peer = try #require(try accepted(upstream.number))
        #expect(try peer.receive(10) == "sent early")
        try peer.send("answer\nand more\n")
        #expect(try [client.line(), client.line()] == ["got answer", "got and more"])
        #expect(try client.ask("clients") == "1", "it is no client")
        try peer.socket.number.shutdownWriting()
        #expect(try [client.line(), client.line()] == ["ended", "gone ended"])
        #expect(peer.isDisconnected())
    }

    @Test("so is one to a UNIX socket")
    func outgoingUnix() throws {
        let scene = try EventScene()
        let upstream = try scene.room.unixListener("upstream")
        let client = try scene.room.connect()
        #expect(try client.ask("connect 10000 unix:upstream hello") == "connected")
        let peer = try #require(try accepted(upstream.number))
        #expect(try peer.receive(5) == "hello")
        #expect(try client.ask("connect 10000 unix:nothing-there") == "failed: No such file or directory")
    }

    @Test("a connection that is refused, or takes too long, is told as such")
    func failing() throws {
        let scene = try EventScene()
        let client = try scene.room.connect()
        #expect(try client.ask("connect 10000 127.0.0.1:\(try FreePort.next())") == "failed: Connection refused")
        // A queue that is full, and stays so.
        let full = try makeSocket(.unix, .stream)
        let path = "\(scene.room.queue)/full"
        try full.number.bind(to: try #require(SocketAddress(unixPath: path)))
        try full.number.listen(backlog: 0)
        let waiting = try TestPeer(to: try #require(SocketAddress(unixPath: path)), .stream)
        let start = ContinuousClock.now
        #expect(try client.ask("connect 300 unix:full") == "failed: timed out")
        #expect(ContinuousClock.now - start > .milliseconds(290))
        // With room it comes about, however late.
        try client.send("connect 30000 unix:full patient\n")
        rest(.milliseconds(100))
        _ = try accepted(full.number)
        #expect(try client.line() == "connected")
        _ = waiting
    }

    private func accepted(_ listener: DescriptorNumber) throws -> TestPeer? {
        guard try listener.waitForInput(milliseconds: 90_000) else { return nil }
        guard case .client(let socket) = try listener.accept() else { return nil }
        return TestPeer(socket)
    }
}
