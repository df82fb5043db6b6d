//===----------------------------------------------------------------------===//
// Quartermaster: tests of how async services come to their end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct AsyncLeavingTests {
    @Test("nobody is connected: idle limit, use limit and the end of master end the process at once")
    func withoutClients() throws {
        let idle = try AsyncScene(["-i", "1s"])
        #expect(idle.child.exit() == 0)
        #expect(idle.room.log.contains("hook exit after 0"))

        let used = try AsyncScene(["-m", "2"])
        for _ in 0..<2 { #expect(try used.ask("hello", "hello")) }
        #expect(used.child.exit() == 0)

        let orphan = try AsyncScene()
        #expect(orphan.room.log.contains("made by uid"))
        orphan.child.closeStatus()
        #expect(orphan.child.exit() == 0)
    }

    @Test("master is gone in the middle of a request: it is finished, and no byte is lost", arguments: 0..<4)
    func masterGone(_ step: Int) throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        let size = 3_000_000
        switch step {
        case 0:
            // Half of a request.
            #expect(try client.ask("hello") == "hello")
            try client.send("half of ")
            scene.child.closeStatus()
            rest(.milliseconds(200))
            #expect(try client.ask("it") == "half of it")
        case 1:
            // A handler at work.
            #expect(try client.ask("hello") == "hello")
            try client.send("sleep 300\n")
            scene.child.closeStatus()
            #expect(try client.line() == "slept")
        case 2:
            // A reply that the client does not take yet.
            try client.send("big \(size)\n")
            #expect(try client.receive(1) == "x")
            scene.child.closeStatus()
            rest(.milliseconds(200))
            var left = size
            while left > 0 {
                let text = try client.receive(min(left, 1_000_000))
                if text.isEmpty { break }
                left -= text.utf8.count
            }
            #expect(left == 0)
        default:
            // Bytes that the handler has not read yet.
            #expect(try client.ask("hello") == "hello")
            try client.send("nap 300\ncount 4000\n" + String(repeating: "a", count: 2000))
            rest(.milliseconds(50))
            scene.child.closeStatus()
            try client.send(String(repeating: "a", count: 2000))
            #expect(try client.line() == "awake")
            #expect(try client.line() == "4000 bytes, sum \(4000 * 97)")
        }
        // Still served, until it leaves.
        #expect(try client.ask("on") == "on")
        try client.send("quit\n")
        #expect(client.isDisconnected())
        #expect(scene.room.log.contains("hook exit"))
        #expect(scene.child.exit() == 0)
    }

    @Test("a reply that waits for its client when the handler has returned is sent to its end")
    func replyBehindItsHandler() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        let size = 3_000_000
        try client.send("big \(size)\nquit\n")
        #expect(try client.receive(1) == "x")
        scene.child.closeStatus()
        // What is left is more than the kernel holds and less than the handler has to wait for.
        var left = size
        func take(downTo rest: Int) throws {
            while left > rest {
                let text = try client.receive(min(left - rest, 100_000))
                if text.isEmpty { break }
                left -= text.utf8.count
            }
        }
        try take(downTo: 250_000)
        rest(.milliseconds(500))
        try take(downTo: 0)
        #expect(left == 0)
        #expect(scene.child.exit() == 0)
    }

    @Test("clients that wait for a request are dismissed; what they had sent is answered before")
    func dismissal() throws {
        let scene = try AsyncScene(serve: "polite")
        let silent = try scene.connect()
        #expect(try silent.exchange("1\n2\n", 4) == "1+2\n")
        let busy = try scene.connect()
        #expect(try busy.exchange("a\nb\n", 4) == "a+b\n")
        try busy.send("first\n")
        // It finds both at the same time.
        kill(scene.child.pid, SIGSTOP)
        try silent.send("3\n4\n")
        scene.child.closeStatus()
        kill(scene.child.pid, SIGCONT)
        #expect(try silent.receive(4) == "3+4\n", "it was sent in time")
        #expect(silent.isDisconnected())
        rest(.milliseconds(100))
        #expect(try busy.exchange("second\n", 13) == "first+second\n", "it was in the middle of a request")
        #expect(busy.isDisconnected())
        #expect(scene.child.exit() == 0)
        #expect(scene.room.log.contains("dismissed, leaving true"))
    }

    @Test("a client that connects at the last moment is served, or left to the next process", arguments: 0..<4)
    func lastMoment(_ round: Int) throws {
        let scene = try AsyncScene(serve: "polite")
        let busy = try scene.connect()
        #expect(try busy.exchange("a\nb\n", 4) == "a+b\n")
        try busy.send("first\n")
        rest(.milliseconds(20))
        kill(scene.child.pid, SIGSTOP)
        let late = try scene.connect()
        try late.send("c\nd\n")
        scene.child.closeStatus()
        kill(scene.child.pid, SIGCONT)
        rest(.milliseconds(round * 30))
        let next = try ServerChild(
            "test-async-service",
            ["-t", "unix", "serve=polite"],
            room: scene.room,
            listeners: [scene.listener.number]
        )
        #expect(try late.receive(4) == "c+d\n")
        #expect(try busy.exchange("second\n", 13) == "first+second\n")
        #expect(busy.isDisconnected())
        #expect(next.isRunning)
    }

    @Test("who is being passed on when the process is to end is served, though it has others to finish")
    func passing() throws {
        let scene = try PassTests.Scene(program: "test-async-service")
        func pass(_ sender: TestPeer) throws -> TestPeer {
            let pair = try SocketEnds()
            try sender.socket.number.pass(pair.far)
            try sender.send("\0")
            return try pair.peer()
        }
        // Senders come in their order: this one has been accepted when the client of the next one is served.
        let late = scene.sender
        let client = try pass(try scene.room.connect())
        #expect(try client.ask("hello") == "hello")
        scene.child.closeStatus()
        // It goes on in a child, for as long as it takes.
        #expect(scene.child.exit() == 0)
        let other = try pass(late)
        #expect(late.isDisconnected(), "closing says that everything has arrived")
        #expect(try other.ask("served") == "served")
        for each in [other, client] { try each.send("quit\n") }
        #expect(other.isDisconnected())
        #expect(scene.room.log.contains("hook exit after"))
    }

    @Test("when the time to finish is over, tasks are cancelled, and the process ends")
    func timeIsOver() throws {
        let scene = try AsyncScene(["-o", "test_finish_seconds=1"])
        let client = try scene.connect()
        let start = ContinuousClock.now
        try client.send("wait\n")
        #expect(try scene.ask("hello", "hello"))
        scene.child.closeStatus()
        #expect(try client.line() == "cancelled")
        #expect(client.isDisconnected())
        #expect(ContinuousClock.now - start > .milliseconds(900))
        #expect(scene.child.exit() == 0)
        #expect(scene.room.log.contains("handler ended, cancelled"))
        #expect(scene.room.log.contains("hook exit"))
    }

    @Test("a process that is replaced while another thread works for it answers, and goes on in a child after that")
    func threadAtWork() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        try client.send("outside 700\n")
        #expect(try scene.ask("hello", "hello"))
        scene.child.closeStatus()
        #expect(try client.line() == "back")
        #expect(scene.child.exit() == 0, "master waits for its end")
        #expect(try client.ask("still here") == "still here")
        try client.send("quit\n")
        #expect(try client.line() == "bye")
    }

    @Test("a handler that does not heed its cancellation does not keep the process")
    func stubborn() throws {
        let scene = try AsyncScene(["-o", "test_finish_seconds=0"])
        let client = try scene.connect()
        #expect(try client.ask("hello") == "hello")
        // A deadline within which the work ignores cancellation.
        try client.send("stubborn 100000000\n")
        #expect(try scene.ask("hello", "hello"))
        scene.child.closeStatus()
        #expect(client.isDisconnected())
        #expect(scene.child.exit() == 0)
    }

    @Test(
        "SIGTERM: a handler that is soon done finishes; the exit status is that of the signal",
        arguments: [1, 10_000]
    )
    func terminated(_ milliseconds: Int) throws {
        let isSoonDone = milliseconds == 1
        // It does not use up its time, which is three seconds.
        try inTime(isSoonDone ? .milliseconds(2500) : .seconds(3600)) { clock in
            let scene = try AsyncScene()
            let client = try scene.connect()
            #expect(try client.ask("hello") == "hello")
            try client.send("sleep \(isSoonDone ? 300 : 100_000_000)\n")
            #expect(try scene.ask("hello", "hello"), "the handler is at work")
            let start = ContinuousClock.now
            kill(scene.child.pid, SIGTERM)
            if isSoonDone {
                #expect(try client.line() == "slept")
                try client.send("quit\n")
                #expect(client.isDisconnected())
            }
            #expect(scene.child.exit() == 1000 + SIGTERM)
            if isSoonDone { #expect(ContinuousClock.now - start < .seconds(3), "it does not use up its time") }
            clock.stop()
            #expect(scene.room.log.contains("hook exit"))
        }
    }

    @Test("a service that wants to be replaced leaves its clients to the next process")
    func retiring() throws {
        let scene = try AsyncScene(serve: "retiring")
        let client = try scene.connect()
        try client.send("hello\n")
        #expect(scene.child.exit() == 0)
        #expect(scene.room.log.contains("table has changed -- restarting"))
        let next = try ServerChild(
            "test-async-service",
            ["-t", "unix"],
            room: scene.room,
            listeners: [scene.listener.number]
        )
        #expect(try client.line() == "hello")
        #expect(next.isRunning)
    }
}
