//===----------------------------------------------------------------------===//
// Quartermaster: tests that tasks stay on the thread of the event loop
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// A server for async tests.
final class AsyncScene {
    let room: ServerRoom
    let listener: Descriptor
    let child: ServerChild

    init(_ options: [String] = [], serve kind: String = "commands", parent: Parent = .ours) throws {
        room = try ServerRoom()
        listener = try room.unixListener()
        child = try ServerChild(
            "test-async-service",
            ["-t", "unix", "-v"] + options + ["serve=\(kind)"],
            room: room,
            listeners: [listener.number],
            parent: parent
        )
    }

    func connect() throws -> TestPeer { try room.connect() }

    /// What a new client is answered.
    func ask(_ line: String, _ answer: String) throws -> Bool {
        try connect().exchange(line + "\n", answer.utf8.count + 1) == answer + "\n"
    }
}

struct AsyncThreadTests {
    @Test("sleeps, child tasks, actors, the main actor, detached tasks: one thread")
    func oneThread() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        #expect(try client.ask("threads") == "1")
        #expect(try client.ask("spread 100") == "101 steps, 1 threads")
        #expect(try client.ask("deadline 10000 5") == "in time")
        #expect(try client.ask("threads") == "1")
        #expect(try threads(scene.child.pid) == 1, "as the kernel sees it")
    }

    @Test("one thread under load, with each client in the middle of something else")
    func underLoad() throws {
        let scene = try AsyncScene()
        let clients = try (0..<50).map { _ in try scene.connect() }
        for round in 0..<10 {
            for (number, client) in clients.enumerated() {
                try client.send(["spread 20\n", "sleep 3\n", "deadline 1 1000\n", "hello\n"][(number + round) % 4])
            }
            #expect(try threads(scene.child.pid) == 1)
            for (number, client) in clients.enumerated() {
                let answer = ["21 steps, 1 threads", "slept", "too late", "hello"][(number + round) % 4]
                #expect(try client.line() == answer)
            }
        }
        #expect(try threads(scene.child.pid) == 1)
    }

    private func threads(_ pid: Int32) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").count
    }

    @Test("a task that another thread resumes goes on on the thread of the loop, also when the loop sleeps")
    func fromOutside() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        for _ in 0..<20 {
            #expect(try client.ask("outside") == "back")
        }
        #expect(eventually { (try? threads(scene.child.pid)) == 1 })
        #expect(try client.ask("threads") == "1", "the handler itself has never left it")
    }

    @Test("a handler that is always ready to run keeps nobody from being accepted and served")
    func fairness() throws {
        let scene = try AsyncScene()
        let busy = try scene.connect()
        try busy.send("spin 100000000\n")
        for _ in 0..<20 { #expect(try scene.ask("hello", "hello")) }
        #expect(scene.child.isRunning)
    }

    @Test("an idle process sleeps: no turns while tasks wait")
    func idle() throws {
        let scene = try AsyncScene()
        let client = try scene.connect()
        try client.send("sleep 100000000\n")
        let other = try scene.connect()
        #expect(try other.ask("hello") == "hello")
        func switches() throws -> Int {
            let text = try String(contentsOfFile: "/proc/\(scene.child.pid)/status", encoding: .utf8)
            let line = text.split(separator: "\n").first { $0.hasPrefix("voluntary_ctxt_switches") }
            return line?.split(separator: "\t").last.flatMap { Int($0) } ?? -1
        }
        // The watchdog may look once.
        let quiet = eventually {
            guard let before = try? switches() else { return false }
            rest(.milliseconds(500))
            return (try? switches()).map { $0 - before <= 1 } ?? false
        }
        #expect(quiet)
    }
}
