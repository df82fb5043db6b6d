//===----------------------------------------------------------------------===//
// Quartermaster: what a datagram server and postlogd do with what they get
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct DatagramTests {
    @Test("waiting datagrams come in one batch, and with one report")
    func oneBatch() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let sender = try room.sender()
        for index in 0..<5 { try sender.send("datagram \(index)") }
        let child = try ServerChild(
            "test-service",
            ["-t", "unix-dgram", "-l", "serve=datagrams"],
            room: room,
            listeners: [socket.number]
        )
        #expect(try child.records(2) == [child.taken(), child.available()])
        #expect(try child.records(1, within: 200) == [], "no second report")
        #expect(room.log.contains("received 5: datagram 4"))
    }

    @Test("long datagrams are cut and empty ones arrive")
    func oddLengths() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix-dgram", "-l", "serve=datagrams"],
            room: room,
            listeners: [socket.number]
        )
        let sender = try room.sender()
        try sender.send(String(repeating: "y", count: 5000))
        #expect(try child.records(2).count == 2)
        #expect(room.log.contains("received 1: yyyy"))
        _ = try sender.socket.number.send([UInt8](), waiting: true)
        #expect(try child.records(2).count == 2)
        #expect(eventually { room.log.text.hasSuffix("received 1: ") }, "\(room.log.text)")
        #expect(child.isRunning)
    }

    @Test("the use limit counts datagrams")
    func useLimit() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix-dgram", "-l", "-m", "3", "serve=datagrams"],
            room: room,
            listeners: [socket.number]
        )
        let sender = try room.sender()
        for _ in 0..<3 { try sender.send("x") }
        #expect(child.exit() == 0)
    }

    @Test("siblings wait one at a time, with the service lock")
    func serviceLock() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let options = ["-t", "unix-dgram", "-n", "shared", "serve=datagrams"]
        let first = try ServerChild("test-service", options, room: room, listeners: [socket.number])
        let second = try ServerChild("test-service", options, room: room, listeners: [socket.number])
        let sender = try room.sender()
        try sender.send("for one of them")
        #expect(room.log.contains("received 1: for one of them"))
        #expect(FileManager.default.fileExists(atPath: "\(room.queue)/pid/unix-dgram.shared"))
        // One of them holds the lock now. Whichever loses its master, the other one goes on.
        var worker = second
        for _ in 0..<100 {
            worker = worker === first ? second : first
            if try worker.records(1, within: 50).first == worker.taken() { break }
        }
        #expect(try worker.records(1) == [worker.available()])
        let other = worker === first ? second : first
        worker.closeStatus()
        // If it holds the lock it ends now, else when it gets the lock, which the other one gives up with each
        // datagram and may take again at once.
        let hasEnded = try eventually {
            try sender.send("for either")
            _ = try other.records(100, within: 0)
            return worker.exit(within: .zero) != nil
        }
        #expect(hasEnded)
        #expect(worker.exit() == 0)
        #expect(room.log.contains(": for either"))
        #expect(other.isRunning)
    }

    @Test("a server that waits for the service lock obeys SIGTERM at once")
    func terminationWhileWaitingForTheLock() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let options = ["-t", "unix-dgram", "-n", "shared", "serve=datagrams"]
        let holder = try openFile("\(room.queue)/pid/unix-dgram.shared", [.readWrite, .create], mode: 0o600)
        #expect(try holder.number.tryExclusiveLock())
        let child = try ServerChild("test-service", options, room: room, listeners: [socket.number])
        let isInLock = eventually(within: .seconds(2)) {
            let calls = (try? String(contentsOfFile: "/proc/\(child.pid)/wchan", encoding: .utf8)) ?? ""
            return calls.contains("lock") || calls.contains("flock")
        }
        // Where the kernel does not say what a process waits for, time has to do.
        if !isInLock { rest(.milliseconds(500)) }
        kill(child.pid, SIGTERM)
        #expect(child.exit() == 1000 + SIGTERM)
    }

    @Test("a lock that the kernel refuses is asked for again after a second, and every datagram is received")
    func refusedLock() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let options = ["-t", "unix-dgram", "-n", "shared", "serve=datagrams"]
        let child = try ServerChild("test-service", options, room: room, listeners: [socket.number])
        let sender = try room.sender()
        try sender.send("refuse to lock")
        #expect(try child.records(3) == [child.taken(), child.available(), child.taken()], "busy without the lock")
        try sender.send("later")
        #expect(room.log.contains("warning: select lock: No locks available -- receiving no datagrams for a moment"))
        #expect(room.log.contains("received 1: later"))
        #expect(try child.records(3) == [child.available(), child.taken(), child.available()])
    }

    @Test("a lock that the kernel does not take back is given up with a later datagram")
    func refusedUnlock() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let options = ["-t", "unix-dgram", "-n", "shared", "serve=datagrams"]
        let child = try ServerChild("test-service", options, room: room, listeners: [socket.number])
        let sender = try room.sender()
        try sender.send("refuse to unlock")
        #expect(try child.records(2) == [child.taken(), child.available()])
        try sender.send("while it is held")
        #expect(room.log.contains("received 1: while it is held"))
        #expect(
            room.log.contains(
                "warning: select unlock: No locks available -- other processes of the service wait until it works"
            )
        )
        let sibling = try ServerChild("test-service", options, room: room, listeners: [socket.number])
        let hadItsTurn = try eventually {
            try sender.send("for either")
            _ = try child.records(100, within: 0)
            return try !sibling.records(100, within: 0).isEmpty
        }
        #expect(hadItsTurn)
    }

    // MARK: postlogd

    /// postlogd's own messages must not go to the socket that stands for other people's.
    private func start(
        _ room: ServerRoom,
        _ socket: borrowing Descriptor,
        _ options: [String] = []
    ) throws -> ServerChild {
        try ServerChild("postlogd", ["-t", "unix-dgram", "-l"] + options, room: room, listeners: [socket.number])
    }

    @Test("postlogd appends lines verbatim")
    func appendedLines() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let file = room.directory.file("mail.log")
        try "old line\n".write(toFile: file, atomically: false, encoding: .utf8)
        let child = try start(room, socket, ["-v"])
        let sender = try room.sender()
        let lines = (0..<40).map { "Mar 05 10:00:00 mx postfix/test[1]: line \($0) \u{e9}" }
        for line in lines { try sender.send(line) }
        let expected = "old line\n" + lines.map { $0 + "\n" }.joined()
        #expect(eventually { contents(file).hasPrefix(expected) }, "\(contents(file))")
        child.closeStatus()
        #expect(child.exit() == 0)
        let own = contents(file).dropFirst(expected.count)
        #expect(
            own.contains("/postlogd[\(child.pid)]: master disconnect -- exiting\n"),
            "its own messages go to the file"
        )
        #expect(room.log.count("master disconnect") == 0)
    }

    private func contents(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    @Test("postlogd makes its file as root and writes it as another user")
    func fileOfRoot() throws {
        guard getuid() == 0 else { return }
        let room = try ServerRoom("mail_owner = nobody\ndefault_privs = daemon")
        let socket = try room.datagramSocket()
        let file = room.directory.file("mail.log")
        let child = try start(room, socket, ["-u", "-c"])
        try room.sender().send("a line")
        #expect(eventually { contents(file) == "a line\n" })
        var facts = stat()
        #expect(stat(file, &facts) == 0)
        #expect(facts.st_uid == 0 && facts.st_mode & 0o777 == 0o600)
        #expect(child.isRunning)
    }

    @Test("postlogd refuses a file that a user prepared")
    func preparedFile() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let file = room.directory.file("mail.log")
        try "".write(toFile: room.directory.file("victim"), atomically: false, encoding: .utf8)
        #expect(link(room.directory.file("victim"), file) == 0)
        let child = try start(room, socket)
        #expect(child.exit() == 1)
        #expect(room.log.contains("fatal: open logfile '\(file)': file has 2 hard links"))
    }

    @Test("postlogd survives a full device")
    func fullDevice() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let child = try start(room, socket, ["-o", "maillog_file=/dev/full", "-o", "maillog_file_prefixes=/dev"])
        let sender = try room.sender()
        for index in 0..<20 { try sender.send("line \(index)") }
        #expect(try child.records(2).count == 2)
        #expect(child.exit(within: .milliseconds(300)) == nil)
    }

    @Test("postlogd writes to standard output")
    func standardOutput() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let pipe = try makePipe(nonBlocking: false)
        let child = try ServerChild(
            "postlogd",
            ["-t", "unix-dgram", "-l", "-o", "maillog_file=/dev/stdout", "-o", "maillog_file_prefixes=/dev"],
            room: room,
            listeners: [socket.number],
            output: pipe.second.number
        )
        try room.sender().send("to stdout")
        #expect(try pipe.first.number.waitForInput(milliseconds: 90_000))
        #expect(try pipe.first.number.read(atMost: 100) == Array("to stdout\n".utf8))
        #expect(child.isRunning)
    }

    @Test(
        "postlogd relays to the system's log with what a terminal would obey taken out, of the name as of the text",
        .enabled(if: geteuid() == 0, "SKIPPED: a /dev of its own needs root")
    )
    func relaysHarmlessLines() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        // Only the server sees this directory as /dev, in a mount namespace of its own.
        let devices = room.directory.file("dev")
        try FileManager.default.createDirectory(atPath: devices, withIntermediateDirectories: false)
        try room.directory.write("", to: "dev/null")
        let system = try LogCollector(path: devices + "/log")
        let script = "mount --make-rprivate / && mount --bind /dev/null $0/null && mount --rbind $0 /dev && exec \"$@\""
        let program = BuiltProducts.path("postlogd")
        let child = try ServerChild(
            "/usr/bin/unshare",
            ["-m", "/bin/sh", "-c", script, devices, program, "-t", "unix-dgram", "-l", "-o", "maillog_file="],
            room: room,
            listeners: [socket.number]
        )
        let sender = try room.sender()
        try sender.send("Mar 05 10:00:00 mx post\u{1b}[31m\u{7}\nfix/sm\u{9b}tpd[17]: te\u{1b}]0;xt\nMar 05 evil")
        #expect(system.contains("te?]0;xt?Mar 05 evil"), "\(system.text)")
        try sender.send("Mar 05 10:00:00 mx pl\u{ef}\u{7f}n: good")
        #expect(system.contains(": good"), "\(system.text)")
        let lines = system.text
        #expect(lines.contains(" post?[31m??fix/sm??tpd[17]: te?]0;xt?Mar 05 evil"), "\(lines)")
        #expect(lines.contains(" pl???n["), "\(lines)")
        #expect(lines.unicodeScalars.allSatisfy { $0 == "\n" || (32..<127).contains($0.value) }, "\(lines)")
        #expect(child.isRunning)
    }

    @Test("postlogd without a file comes to no harm")
    func withoutAFile() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let child = try start(room, socket, ["-o", "maillog_file="])
        let sender = try room.sender()
        for line in ["Mar 05 10:00:00 mx postfix/test[1]: text", "short", "", "a b c d", "a b c d :"] {
            try sender.send(line)
        }
        #expect(try child.records(2).count == 2)
        #expect(child.exit(within: .milliseconds(300)) == nil)
        #expect(!FileManager.default.fileExists(atPath: room.directory.file("mail.log")))
    }
}
