//===----------------------------------------------------------------------===//
// Quartermaster: clients of a stream server in the middle of something when it is to leave
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// Master goes away at each step of a request. A process that loses its master finishes what was begun, and only that.
struct FinishingTests {
    /// A server without siblings, and a client.
    private final class Scene {
        let room: ServerRoom
        let listener: Descriptor
        let child: ServerChild
        let client: TestPeer

        init(_ arguments: String...) throws {
            room = try ServerRoom()
            listener = try room.unixListener()
            child = try ServerChild(
                "test-service",
                ["-t", "unix", "-v"] + arguments,
                room: room,
                listeners: [listener.number]
            )
            client = try room.connect()
        }

        /// The process has noticed, and goes on.
        func closesChannel() -> Bool {
            child.closeStatus()
            return eventually { endpointIsGivenUp } && child.isRunning
        }

        private var endpointIsGivenUp: Bool {
            let numbers = ["0", "6"].map {
                try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child.pid)/fd/\($0)")
            }
            return numbers[0] == numbers[1]
        }
    }

    @Test("half a request: the rest is waited for, and answered")
    func halfRequest() throws {
        try inTime(.seconds(8)) { clock in
            let scene = try Scene()
            #expect(try scene.client.exchange("first\nsec", 6) == "first\n")
            #expect(scene.closesChannel())
            #expect(try scene.client.exchange("ond\n", 7) == "second\n")
            #expect(scene.client.isDisconnected())
            #expect(scene.child.exit() == 0)
            #expect(scene.room.log.contains("hook exit"))
        }
    }

    @Test("replies that the client has not taken yet: it gets every byte of them")
    func unreadReplies() throws {
        try inTime(.seconds(8)) { clock in
            let scene = try Scene()
            let (requests, size) = (40, 64 * 1024)
            try scene.client.send(String(repeating: "big\n", count: requests))
            // What the sockets hold is less than that.
            let first = try scene.client.receive(size)
            #expect(scene.closesChannel())
            let rest = try scene.client.receive(size * (requests - 1))
            #expect(first.utf8.count + rest.utf8.count == requests * size)
            #expect(scene.client.isDisconnected())
            #expect(scene.child.exit() == 0)
        }
    }

    @Test(
        "a client that was accepted and has not asked yet is answered",
        arguments: ["serve=lines", "serve=blocking-crowd"]
    )
    func newClient(_ service: String) throws {
        try inTime(.seconds(8)) { clock in
            let scene = try Scene(service)
            if service == "serve=blocking-crowd" { #expect(try scene.client.receive(6) == "hello\n") }
            // It is taken when the one behind it is served.
            let other = try scene.room.connect()
            #expect(try other.exchange("x\n", 2).count == 2)
            #expect(scene.closesChannel())
            #expect(try scene.client.exchange("late\n", 5) == "late\n")
            #expect(scene.client.isDisconnected())
            #expect(scene.child.exit() == 0)
        }
    }

    @Test("a client that has its answer does not keep the process", arguments: ["serve=lines", "serve=blocking-crowd"])
    func answeredClient(_ service: String) throws {
        try inTime(.seconds(8)) { clock in
            let scene = try Scene(service)
            if service == "serve=blocking-crowd" { #expect(try scene.client.receive(6) == "hello\n") }
            #expect(try scene.client.exchange("done\n", 5) == "done\n")
            let start = ContinuousClock.now
            scene.child.closeStatus()
            #expect(scene.client.isDisconnected())
            #expect(scene.child.exit() == 0)
            #expect(ContinuousClock.now - start < .seconds(9), "it did not wait")
            #expect(!scene.room.log.contains("are cut off", within: .zero))
        }
    }

    @Test("a request that is never completed keeps the process for ten seconds, and no longer")
    func deadline() throws {
        let scene = try Scene()
        #expect(try scene.client.exchange("first\nsec", 6) == "first\n")
        let start = ContinuousClock.now
        #expect(scene.closesChannel())
        #expect(scene.child.exit() == 0)
        #expect(ContinuousClock.now - start > .milliseconds(9900))
        #expect(scene.room.log.contains("clients in the middle of a request are cut off"))
    }

    @Test("a client that asked for a fresh process does not cost the others their answers")
    func retirement() throws {
        try inTime(.seconds(8)) { clock in
            let room = try ServerRoom()
            let listener = try room.unixListener()
            let table = try room.directory.write("one", to: "table")
            let child = try ServerChild(
                "test-service",
                ["-t", "unix", "table=\(table)", "serve=table"],
                room: room,
                listeners: [listener.number]
            )
            let first = try room.connect()
            #expect(try first.exchange("a", 1) == "a")
            let second = try room.connect()
            // The second one is taken when a third one is.
            let third = try room.connect()
            #expect(try third.exchange("c", 1) == "c")
            // While the old one is there, so that it cannot be the same.
            #expect(rename(try room.directory.write("two", to: "new"), table) == 0)
            let fourth = try room.connect()
            #expect(room.log.contains("has changed -- restarting"))
            #expect(try second.exchange("b", 1) == "b")
            #expect(second.isDisconnected() && first.isDisconnected() && third.isDisconnected())
            #expect(child.exit() == 0)
            withExtendedLifetime(fourth) {}
        }
    }
}
