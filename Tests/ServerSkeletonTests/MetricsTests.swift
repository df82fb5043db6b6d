//===----------------------------------------------------------------------===//
// Quartermaster: tests of processes that count for themselves, with a hand-made parent
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing
import WorkerPage

@Suite("Processes with figures of their own") struct MetricsTests {
    /// A room with the page that our master would have made.
    private final class Scene {
        let room: ServerRoom
        let listener: Descriptor
        var table: MetricsTable
        var path: String { "\(room.queue)/\(MetricsPage.path)" }

        init(_ settings: String = "", owner: UserAccount? = nil, master: Int32 = processID()) throws {
            room = try ServerRoom(settings)
            table = try MetricsTable(
                at: "\(room.queue)/\(MetricsPage.path)",
                owner: owner,
                master: master,
                nowMilliseconds: 0
            )
            listener = try room.unixListener()
        }

        func start(_ more: [String] = [], parent: Parent = .ours) throws -> ServerChild {
            let options = ["-t", "unix", "-n", "own"] + more + ["measures"]
            return try ServerChild("test-service", options, room: room, listeners: [listener.number], parent: parent)
        }

        func figures() throws -> OwnFigures? { try MetricsReader.read(path).service("own/unix") }
    }

    @Test("what a killed process counted is there before and after master buries it; its gauge is not")
    func killed() throws {
        let scene = try Scene()
        for round in UInt64(1)...3 {
            let child = try scene.start()
            let client = try scene.room.connect()
            #expect(try client.exchange("one\nthree\n", 10) == "one\nthree\n")
            let before = try #require(try scene.figures())
            #expect(before["lines"]?.integer == 2 * round && before["line_bytes"]?.real == Double(8 * round))
            #expect(before.series.contains { $0.name.family == "line_length" && $0.real == 5 })
            kill(child.pid, SIGKILL)
            #expect(child.exit() == 1000 + SIGKILL)
            #expect(try scene.figures() == before)
            #expect(scene.table.processEnded(child.pid, of: "own/unix") == .moved)
            let after = try #require(try scene.figures())
            #expect(after["lines"]?.integer == 2 * round && after.series.map(\.name.text) == ["line_bytes", "lines"])
        }
    }

    @Test(
        "without privileges and in a chroot, it counts as well",
        .enabled(if: geteuid() == 0, "needs root")
    )
    func unprivileged() throws {
        let owner = try #require(try userAccount(named: "nobody"))
        let scene = try Scene("mail_owner = nobody\ndefault_privs = daemon", owner: owner)
        chmod(scene.room.directory.path, 0o755)
        let child = try scene.start(["-u", "-c"])
        #expect(try scene.room.connect().exchange("one\n", 4) == "one\n")
        #expect(try scene.figures()?["lines"]?.integer == 1)
        #expect(child.isRunning)
    }

    @Test("under a master that is not ours, and with the page of another one, everything is as without a page")
    func foreign() throws {
        for (parent, master) in [(Parent.foreign, processID()), (.ours, 1)] {
            let scene = try Scene(master: master)
            let child = try scene.start(parent: parent)
            #expect(try scene.room.connect().exchange("one\n", 4) == "one\n")
            #expect(try MetricsReader.read(scene.path).services == [])
            #expect(!scene.room.log.text.contains("warning"), "\(scene.room.log.text)")
            #expect(child.isRunning)
        }
    }

    @Test("one client on standard input and output is served by a service that counts")
    func oneShot() throws {
        let room = try ServerRoom()
        let talk = "echo one | '\(BuiltProducts.path("test-service"))' -S measures"
        let result = try run(["/bin/sh", "-c", talk], environment: ["MAIL_CONFIG": room.directory.path])
        #expect(result.succeeded && result.output == "one\n", "\(result)")
    }

    @Test("a full page is told once, and is no reason not to serve")
    func full() throws {
        let scene = try Scene()
        let file = try openFile(scene.path, .readWrite)
        try file.number.seek(to: 4096)
        _ = try file.number.write([UInt8](repeating: 1, count: 1024 * 8))
        let child = try scene.start()
        #expect(try scene.room.connect().exchange("one\n", 4) == "one\n")
        #expect(scene.room.log.contains("warning: pid/master.metrics: 1024 processes count already"))
        #expect(scene.room.log.count("pid/master.metrics") == 1)
        #expect(try MetricsReader.read(scene.path).refused == 1)
        #expect(child.isRunning)
    }
}
