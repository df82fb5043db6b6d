//===----------------------------------------------------------------------===//
// Quartermaster: how processes with one client at a time end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

extension SingleTests {
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
        // There before the process, whose time begins when that does.
        let client = try room.connect()
        let child = try start(room, listener, ["-r", "2"], serve: "single-retires")
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
}
