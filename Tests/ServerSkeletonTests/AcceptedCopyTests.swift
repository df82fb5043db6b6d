//===----------------------------------------------------------------------===//
// Quartermaster: tests of servers that start with a main.cf that cannot be used
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Foundation
import SystemCalls
import TestSupport
import Testing

struct AcceptedCopyTests {
    /// A room whose main.cf was accepted, and then spoilt.
    private func spoiltRoom(_ line: String) throws -> ServerRoom {
        let room = try ServerRoom("max_idle = 99s")
        let path = room.directory.file("main.cf")
        let bytes = [UInt8](try #require(FileManager.default.contents(atPath: path)))
        try AcceptedMainConfig(directory: room.directory.path, bytes: bytes).write(to: copy(room))
        try (String(decoding: bytes, as: UTF8.self) + line + "\n").write(
            toFile: path,
            atomically: false,
            encoding: .utf8
        )
        let old = Date(timeIntervalSinceNow: -3600)
        try FileManager.default.setAttributes([.modificationDate: old], ofItemAtPath: path)
        return room
    }

    private func copy(_ room: ServerRoom) -> String { "\(room.queue)/\(AcceptedMainConfig.path)" }

    @Test(
        "syntax errors, bad values of shared parameters and of the service's own: the copy is used",
        arguments: [
            ("no equals sign", "missing '=' after attribute name"), ("max_use = many", "max_use = many"),
            ("queue_directory = $", "main.cf"), ("anvil_rate_time_unit = 5x", "anvil_rate_time_unit"),
        ]
    )
    func anvilStarts(_ line: String, _ text: String) throws {
        let room = try spoiltRoom(line)
        let listener = try room.unixListener()
        let child = try ServerChild("anvil", ["-t", "unix", "-l"], room: room, listeners: [listener.number])
        #expect(try room.connect().receive(25) == "protocol=anvil_protocol\n\n")
        #expect(child.isRunning)
        #expect(room.log.contains("warning: "))
        let warning = room.log.text.split(separator: "\n").first { $0.contains("warning: ") }
        #expect(warning?.contains("/main.cf") == true && warning?.contains(text) == true, "\(room.log.text)")
        #expect(warning?.hasSuffix("-- using pid/main.cf.accepted, the copy that master accepted last") == true)
        #expect(room.log.count("warning: ") == 1)
    }

    @Test("postlogd writes the log while main.cf is spoilt")
    func postlogdStarts() throws {
        let room = try spoiltRoom("max_idle = 5x")
        let socket = try room.datagramSocket()
        let child = try ServerChild("postlogd", ["-t", "unix-dgram", "-l"], room: room, listeners: [socket.number])
        try room.sender().send("a line")
        let file = room.directory.file("mail.log")
        #expect(eventually { (try? String(contentsOfFile: file, encoding: .utf8))?.contains("a line\n") == true })
        #expect(child.isRunning)
    }

    @Test("a file that is gone counts as one that cannot be used")
    func missingFile() throws {
        let room = try spoiltRoom("")
        try FileManager.default.removeItem(atPath: room.directory.file("main.cf"))
        let listener = try room.unixListener()
        let child = try ServerChild("echo", ["-t", "unix"], room: room, listeners: [listener.number])
        #expect(try room.connect().exchange("x", 1) == "x")
        #expect(child.isRunning)
    }

    @Test("what the command line says wrong is fatal all the same")
    func badOption() throws {
        let room = try spoiltRoom("")
        let child = try ServerChild("echo", ["-t", "unix", "-o", "max_idle=5x"], room: room)
        #expect(child.exit() == 1)
        #expect(room.log.contains("fatal: parameter max_idle: bad time value or unit: 5x (Set max_idle to"))
        #expect(room.log.contains(" It is in an option of the service, in master.cf.)"))
    }

    @Test("under another master a bad main.cf is fatal, whatever lies there")
    func foreignMaster() throws {
        let room = try spoiltRoom("max_idle = 5x")
        let child = try ServerChild("echo", ["-t", "unix"], room: room, parent: .foreign)
        #expect(child.exit() == 1)
        #expect(room.log.contains("/main.cf, line 6: parameter max_idle: bad time value or unit: 5x (Set max_idle to"))
        #expect(room.log.count("main.cf.accepted") == 0)
    }

    @Test("a planted copy is not used", arguments: ["link", "stranger"])
    func planted(_ how: String) throws {
        if how == "stranger", getuid() != 0 { return }
        let room = try spoiltRoom("max_idle = 5x")
        if how == "link" {
            try FileManager.default.moveItem(atPath: copy(room), toPath: room.directory.file("elsewhere"))
            try FileManager.default.createSymbolicLink(
                atPath: copy(room),
                withDestinationPath: room.directory.file("elsewhere")
            )
        } else {
            #expect(chown(copy(room), 65534, 65534) == 0)
        }
        let child = try ServerChild("echo", ["-t", "unix"], room: room)
        #expect(child.exit() == 1)
        #expect(room.log.contains("warning: pid/main.cf.accepted: "))
        #expect(room.log.contains("/main.cf, line 6: parameter max_idle: bad time value or unit: 5x"))
    }
}
