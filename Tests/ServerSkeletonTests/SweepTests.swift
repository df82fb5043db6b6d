//===----------------------------------------------------------------------===//
// Quartermaster: tests of sweep, which runs a command when it is woken
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct SweepTests {
    /// A command that says when it begins and ends, and that it is not alone; it waits while there is a file `gate`.
    private static let script = """
        mkdir running 2>/dev/null || echo 'NOT ALONE'
        echo "begin $1"
        while [ -e gate ]; do sleep 0.05; done
        rmdir running 2>/dev/null
        echo "end $1"
        """

    private func room(_ settings: String = "") throws -> ServerRoom {
        let room = try CommandAccount.room(settings)
        // The command makes a directory there.
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: room.queue)
        return room
    }

    private func start(
        _ room: ServerRoom,
        _ endpoint: DescriptorNumber,
        _ command: [String] = ["/bin/sh", "-c", script, "sh", "it"],
        options: [String] = [],
        type: String = "unix",
        parent: Parent = .ours
    ) throws -> ServerChild {
        let arguments = ["user=\(CommandAccount.user)", "argv=\(command[0])"] + command.dropFirst()
        let child = try ServerChild(
            "sweep",
            ["-t", type, "-l"] + options + arguments,
            room: room,
            listeners: [endpoint],
            parent: parent
        )
        #expect(try eventually { try child.registration() != nil }, "\(room.log.text)")
        return child
    }

    private func closeGate(_ room: ServerRoom) throws { try room.directory.write("", to: "queue/gate") }

    private func openGate(_ room: ServerRoom) throws {
        try FileManager.default.removeItem(atPath: "\(room.queue)/gate")
    }

    private func wake(_ room: ServerRoom) throws -> TestPeer {
        let peer = try room.connect()
        try peer.send("W\0")
        return peer
    }

    @Test("a wake-up runs the command, whose output goes to the log", arguments: [Parent.ours, .foreign])
    func oneRun(_ parent: Parent) throws {
        let room = try room()
        let listener = try room.unixListener()
        let child = try start(room, listener.number, parent: parent)
        let peer = try wake(room)
        #expect(peer.isDisconnected())
        #expect(room.log.contains("]: /bin/sh: begin it"))
        #expect(room.log.contains("]: /bin/sh: end it"))
        #expect(try child.records(2) == [child.taken(), child.available()])
        #expect(child.isRunning)
    }

    @Test("a FIFO wakes it as well")
    func fifo() throws {
        let room = try room()
        let path = "\(room.queue)/endpoint"
        try makeFifo(path, mode: 0o600)
        let fifo = try openFile(path, [.readWrite, .nonBlocking]).moved(atLeast: 64)
        let child = try start(room, fifo.number, type: "fifo")
        defer { #expect(child.isRunning) }
        _ = try fifo.number.write(Array("W".utf8))
        #expect(room.log.contains("]: /bin/sh: end it"))
    }

    @Test("wake-ups while it runs lead to one more run, and never to two at once")
    func oneMore() throws {
        let room = try room("max_use = 1000")
        let listener = try room.unixListener()
        let child = try start(room, listener.number)
        try closeGate(room)
        let first = try wake(room)
        #expect(room.log.contains("begin it"))
        #expect(first.isDisconnected(), "taken")
        let others = try (0..<50).map { _ in try wake(room) }
        // One that says nothing is a wake-up, too, and one that has gone.
        let silent = try room.connect()
        do { _ = try room.connect() }
        #expect(try others[0].socket.number.waitForInput(milliseconds: 300) == false, "they wait")
        #expect(room.log.count("begin it") == 1)
        try openGate(room)
        for peer in others + [silent] { #expect(peer.isDisconnected()) }
        #expect(eventually { room.log.count("end it") == 2 })
        #expect(try child.records(4).count == 4)
        #expect(try child.records(1, within: 300) == [])
        #expect(room.log.count("begin it") == 2)
        #expect(!room.log.text.contains("NOT ALONE"))
    }

    @Test("the run of a process that was killed is waited for by the next one")
    func killedProcess() throws {
        let room = try room()
        let listener = try room.unixListener()
        try closeGate(room)
        let first = try start(room, listener.number, ["/bin/sh", "-c", Self.script, "sh", "one"])
        _ = try wake(room)
        #expect(eventually { FileManager.default.fileExists(atPath: "\(room.queue)/running") })
        kill(first.pid, SIGKILL)
        #expect(first.exit() == 1009)
        let second = try start(room, listener.number, ["/bin/sh", "-c", Self.script, "sh", "two"])
        _ = try wake(room)
        #expect(!room.log.contains("begin two", within: .milliseconds(500)))
        try openGate(room)
        #expect(room.log.contains("end two"))
        #expect(!room.log.text.contains("NOT ALONE"))
        #expect(second.isRunning)
    }

    @Test("a run that was left behind and does not end is waited for as long as a run may last")
    func leftBehind() throws {
        let room = try room("command_time_limit = 1s")
        let listener = try room.unixListener()
        let lock = try openFile("\(room.queue)/pid/run.sweep", [.readWrite, .create], mode: 0o600)
        #expect(try lock.number.tryExclusiveLock())
        let child = try start(room, listener.number)
        _ = try wake(room)
        #expect(room.log.contains("warning: an earlier run has not ended in 1 seconds -- not running the command now"))
        try lock.number.unlock()
        _ = try wake(room)
        #expect(room.log.contains("end it"))
        #expect(child.isRunning)
    }

    @Test("a wake-up is not lost when the machine is short of something", arguments: ["pipe2", "openat", "clone"])
    func shortage(_ call: String) throws {
        let room = try room()
        let listener = try room.unixListener()
        let child = try start(room, listener.number)
        // A fork is tried five times, a second apart, before it counts as failed.
        let fault = call == "clone" ? "error=EAGAIN:when=1..5" : "error=EMFILE:when=1"
        let trace = try Traced(child.pid, "-e", "trace=\(call)", "-e", "inject=\(call):\(fault)")
        defer { trace.end() }
        _ = try wake(room)
        #expect(room.log.contains("warning: command /bin/sh cannot be run yet: "))
        #expect(room.log.contains("end it"), "\(room.log.text)")
        #expect(room.log.count("cannot be run") == 1)
        #expect(child.isRunning)
    }

    @Test("a command that leaves something running has ended when it has ended")
    func leftovers() throws {
        let room = try room()
        let listener = try room.unixListener()
        let script = "echo $$; sleep 300 & echo end"
        let child = try start(room, listener.number, ["/bin/sh", "-c", script])
        _ = try wake(room)
        #expect(eventually { room.log.count("/bin/sh: end") == 1 }, "the command is not waited for to its last process")
        #expect(try child.records(2) == [child.taken(), child.available()])
        // What is left is no part of the next run, which belongs to a fresh process.
        _ = try wake(room)
        #expect(child.exit() == 0, "\(room.log.text)")
        #expect(room.log.contains("a command has left processes running -- leaving them to init, and restarting"))
        let next = try start(room, listener.number, ["/bin/sh", "-c", script])
        #expect(eventually { room.log.count("/bin/sh: end") == 2 }, "\(room.log.text)")
        #expect(next.isRunning)
        // Their group bears the number of the shell.
        for line in room.log.text.split(separator: "\n") {
            if let group = line.split(separator: " ").last.flatMap({ Int32($0) }) { kill(-group, SIGKILL) }
        }
    }

    @Test("a run that takes too long is killed, and the next wake-up runs it again")
    func timeLimit() throws {
        try inTime(.seconds(4)) { clock in
            let room = try room("sweep_time_limit = 1s")
            let listener = try room.unixListener()
            let child = try start(room, listener.number, ["/bin/sh", "-c", "echo begin; sleep 300"])
            clock.start()
            for count in 1...2 {
                _ = try wake(room)
                let text = "warning: /bin/sh: command time limit exceeded -- killed after 1 seconds"
                #expect(eventually { room.log.count(text) == count })
            }
            #expect(room.log.count("/bin/sh: begin") == 2)
            #expect(child.isRunning)
        }
    }

    @Test("status and signal are logged; long lines are cut, and long output ends with what is missing")
    func output() throws {
        let room = try room("sweep_output_limit = 3")
        let listener = try room.unixListener()
        let script = """
            head -c 1500 /dev/zero | tr '\\0' x; echo; printf 'bell\\a\\n'; echo error >&2
            seq 1 5000; printf 'no end'; exit 9
            """
        let child = try start(room, listener.number, ["/bin/sh", "-c", script])
        defer { #expect(child.isRunning) }
        _ = try wake(room)
        #expect(room.log.contains("warning: command /bin/sh exit status 9"))
        #expect(room.log.contains("warning: command /bin/sh: 5001 more lines of output are not logged"))
        let lines = room.log.text.split(separator: "\n").filter { $0.contains("]: /bin/sh: ") }
        try #require(lines.count == 3, "\(room.log.text)")
        #expect(lines[0].hasSuffix("]: /bin/sh: " + String(repeating: "x", count: 1000) + "..."))
        #expect(lines[1].hasSuffix("]: /bin/sh: bell?"))
        #expect(lines[2].hasSuffix("]: /bin/sh: error"))
    }

    @Test("output of any size does not stop the command, and its end is not lost")
    func muchOutput() throws {
        let room = try room("sweep_output_limit = 1")
        let listener = try room.unixListener()
        let child = try start(
            room,
            listener.number,
            ["/bin/sh", "-c", "head -c 10000000 /dev/zero; echo; echo x; exit 4"]
        )
        defer { #expect(child.isRunning) }
        _ = try wake(room)
        #expect(room.log.contains("warning: command /bin/sh exit status 4"))
        #expect(room.log.contains("warning: command /bin/sh: 1 more lines of output are not logged"))
    }

    @Test("what the command finds: no input, and the lock on descriptor 3")
    func surroundings() throws {
        let room = try room()
        let listener = try room.unixListener()
        let script = "read x; echo \"input=$x\"; id -un; readlink /proc/self/fd/3; ls /proc/self/fd | tr '\\n' ' '"
        let child = try start(room, listener.number, ["/bin/sh", "-c", script])
        defer { #expect(child.isRunning) }
        _ = try wake(room)
        #expect(room.log.contains("/bin/sh: input="))
        #expect(room.log.contains("/bin/sh: \(CommandAccount.user)"))
        #expect(room.log.contains("/bin/sh: \(room.queue)/pid/run.sweep"))
        // The last one is ls's own.
        #expect(room.log.contains("/bin/sh: 0 1 2 3 4"))
    }

    @Test("one-shot: a trigger on standard input runs it once")
    func oneShot() throws {
        let room = try room()
        let pipe = try makePipe(nonBlocking: false)
        _ = try pipe.second.number.write(Array("W".utf8))
        let child = try ServerChild(
            "sweep",
            ["-S", "user=\(CommandAccount.user)", "argv=/bin/echo", "swept"],
            room: room,
            input: pipe.first.number,
            hasMaster: false
        )
        #expect(child.exit() == 0)
        #expect(room.log.contains("/bin/echo: swept"))
    }

    @Test(
        "what cannot work is fatal at the start",
        arguments: [
            ([], "fatal: service sweep requires a process limit of 1 (Put 1"),
            (["-l", "-u"], "fatal: service sweep requires privileged operation (Put n"),
            (["-l", "argv=/bin/true"], "fatal: missing user= attribute"),
            (["-l", "-t", "inet"], "fatal: unsupported transport type: inet (Write"),
            (
                ["-l", "-n", "no/such", "user=\(CommandAccount.user)", "argv=y"],
                "fatal: open lock file pid/run.no/such: "
            ),
        ]
    )
    func refused(_ arguments: [String], _ text: String) throws {
        let room = try room()
        let child = try ServerChild("sweep", ["-t", "unix"] + arguments, room: room)
        #expect(child.exit() == 1)
        #expect(room.log.contains(text), "\(room.log.text)")
    }
}
