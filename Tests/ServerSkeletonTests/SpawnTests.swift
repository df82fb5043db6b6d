//===----------------------------------------------------------------------===//
// Quartermaster: tests of spawn, which runs a command for each client
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// Who runs commands in these tests, and as whom.
enum CommandAccount {
    static let isRoot = geteuid() == 0
    /// Of mail_owner.
    static let owner = isRoot ? "daemon" : NSUserName()
    static let user = isRoot ? "nobody" : NSUserName()
    static var settings: String { "mail_owner = \(owner)\ndefault_privs = bin" }

    /// A room that such a user may look into.
    static func room(_ settings: String = "") throws -> ServerRoom {
        let room = try ServerRoom("\(Self.settings)\n\(settings)")
        for path in [room.directory.path, room.queue] {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
        }
        return room
    }
}

struct SpawnTests {
    func start(
        _ room: ServerRoom,
        _ listener: borrowing Descriptor,
        _ command: [String],
        options: [String] = [],
        user: String = CommandAccount.user,
        environment: [String] = [],
        parent: Parent = .ours
    ) throws -> ServerChild {
        let child = try ServerChild(
            "spawn",
            ["-t", "unix"] + options + ["user=\(user)", "argv=\(command[0])"] + command.dropFirst(),
            room: room,
            listeners: [listener.number],
            environment: room.environment + environment,
            parent: parent
        )
        #expect(try eventually { try child.registration() != nil }, "\(room.log.text)")
        return child
    }

    @Test(
        "the command talks with the client, byte for byte, while the process is busy",
        arguments: [Parent.ours, .foreign]
    )
    func bytes(_ parent: Parent) throws {
        let room = try CommandAccount.room()
        let listener = try room.unixListener()
        let child = try start(room, listener, ["/bin/cat"], parent: parent)
        for round in 0..<3 {
            let client = try room.connect()
            let text = String(repeating: "line \(round)\n", count: 5000)
            try client.send(text)
            #expect(try child.records(1) == [child.taken()])
            #expect(try client.receive(text.utf8.count) == text)
            #expect(shutdown(client.socket.number.rawValue, Int32(SHUT_WR)) == 0)
            #expect(client.isDisconnected())
            #expect(try child.records(1) == [child.available()])
        }
        #expect(!room.log.text.contains("command"))
        #expect(child.isRunning)
    }

    @Test(
        "how a command ends is logged, and the next client is served",
        arguments: [
            (["/bin/sh", "-c", "exit 3"], "warning: command /bin/sh exit status 3"),
            (["/bin/sh", "-c", "kill -TERM $$"], "warning: command /bin/sh killed by signal 15"),
            (["/no/such/program"], "warning: command /no/such/program cannot be run: No such file or directory"),
            (["no-such-program"], "warning: command no-such-program cannot be run: No such file or directory"),
            (["/etc/passwd"], "warning: command /etc/passwd cannot be run: Permission denied"),
            (["/etc"], "warning: command /etc cannot be run: Permission denied"),
        ]
    )
    func ends(_ command: [String], _ text: String) throws {
        let room = try CommandAccount.room()
        let listener = try room.unixListener()
        let child = try start(room, listener, command)
        for count in 1...2 {
            #expect(try room.connect().receive(1) == "")
            #expect(eventually { room.log.count(text) == count }, "\(room.log.text)")
        }
        #expect(try child.records(4).count == 4)
        #expect(child.isRunning)
    }

    @Test("a script without an interpreter line is one for the shell, a program without a slash is found")
    func scripts() throws {
        let room = try CommandAccount.room()
        let listener = try room.unixListener()
        let script = "\(room.queue)/script"
        try PlacedFile.script("echo \"script $1\"\n", at: script)
        for (command, expected) in [([script, "one"], "script one\n"), (["echo", "a  b", "c"], "a  b c\n")] {
            let child = try start(room, listener, command)
            #expect(try room.connect().receive(100) == expected)
            child.closeStatus()
            #expect(child.exit() == 0)
        }
    }

    @Test("a command that takes too long is killed, with all that it has started", arguments: [[], ["-n", "slow"]])
    func timeLimit(_ options: [String]) throws {
        try inTime(.seconds(3)) { clock in
            let name = options.last ?? "spawn"
            let room = try CommandAccount.room("command_time_limit = 1h\n\(name)_time_limit = 1s")
            let listener = try room.unixListener()
            let child = try start(
                room,
                listener,
                ["/bin/sh", "-c", "echo $$; sleep 300 & sleep 300"],
                options: options
            )
            clock.start()
            let client = try room.connect()
            let begin = ContinuousClock.now
            let pid = Int32(try client.receive(20).trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
            #expect(pid > 0)
            #expect(client.isDisconnected())
            #expect(ContinuousClock.now - begin < .seconds(200))
            #expect(room.log.contains("warning: /bin/sh: command time limit exceeded -- killed after 1 seconds"))
            #expect(eventually { kill(-pid, 0) == -1 }, "nobody of its group is left")
            #expect(try child.records(2) == [child.taken(), child.available()])
            if CommandAccount.isRoot {
                let daemon = try #require(try userAccount(named: "daemon"))
                #expect(try status(of: child.pid)["Uid"]?.hasPrefix("0 \(daemon.uid) ") == true)
            }
        }
    }

    @Test("a command that takes too long is killed with those who have left its session, and their children")
    func timeLimitOfSessions() throws {
        let room = try CommandAccount.room("command_time_limit = 2s")
        let listener = try room.unixListener()
        let script = "setsid sh -c 'setsid sleep 300 & setsid sleep 300 & printf %08d $$; exec sleep 300' & sleep 300"
        let child = try start(room, listener, ["/bin/sh", "-c", script])
        let client = try room.connect()
        let pid = Int32(try client.receive(8)) ?? 0
        #expect(pid > 0)
        #expect(client.isDisconnected())
        #expect(room.log.contains("warning: /bin/sh: command time limit exceeded -- killed after 2 seconds"))
        #expect(try child.records(2) == [child.taken(), child.available()])
        let left = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { Int32($0) }.filter {
            ProcessSnapshot($0)?.parent == child.pid || $0 == pid
        }
        #expect(left == [], "\(left)")
        // Nothing is left to retire for.
        #expect(try room.connect().receive(8).count == 8)
        #expect(child.isRunning)
    }

    @Test("what a command leaves running at its end goes on, and is init's: a fresh process has the next client")
    func leftBehind() throws {
        let room = try CommandAccount.room("command_time_limit = 300s")
        let listener = try room.unixListener()
        let script = "setsid sleep 300 <&- >&- 2>&- & echo $!"
        let child = try start(room, listener, ["/bin/sh", "-c", script])
        let client = try room.connect()
        let pid = Int32(try client.receive(20).trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0
        defer { if pid > 1 { kill(pid, SIGKILL) } }
        #expect(client.isDisconnected())
        let next = try room.connect()
        #expect(child.exit() == 0, "\(room.log.text)")
        #expect(room.log.contains("a command has left processes running -- leaving them to init, and restarting"))
        guard case .client = try listener.number.accept() else {
            Issue.record("the client was lost")
            return
        }
        #expect(eventually { ProcessSnapshot(pid)?.parent != child.pid })
        #expect(ProcessSnapshot(pid)?.state == "S")
        withExtendedLifetime(next) {}
    }

    @Test("command_time_limit counts where the service has no limit of its own")
    func commonTimeLimit() throws {
        let room = try CommandAccount.room()
        let listener = try room.unixListener()
        let child = try start(room, listener, ["/bin/sleep", "300"], options: ["-o", "command_time_limit=1s"])
        defer { #expect(child.isRunning) }
        #expect(room.connectAndWait())
        #expect(room.log.contains("warning: /bin/sleep: command time limit exceeded"))
    }

    @Test("the watchdog does not count the time that a command takes")
    func watchdog() throws {
        try inTime(.seconds(8)) { clock in
            let room = try CommandAccount.room("daemon_timeout = 3s")
            let listener = try room.unixListener()
            let child = try start(room, listener, ["/bin/sh", "-c", "sleep 5; echo done"])
            #expect(try room.connect().receive(5) == "done\n")
            #expect(child.isRunning)
        }
    }

    @Test("SIGKILL of the process leaves the command to its client")
    func killedProcess() throws {
        let room = try CommandAccount.room()
        let listener = try room.unixListener()
        let child = try start(room, listener, ["/bin/cat"])
        let client = try room.connect()
        #expect(try client.exchange("one\n", 4) == "one\n")
        kill(child.pid, SIGKILL)
        #expect(child.exit() == 1009)
        #expect(try client.exchange("two\n", 4) == "two\n")
    }

    @Test("master goes in the middle: the client loses no byte")
    func masterGone() throws {
        let room = try CommandAccount.room()
        let listener = try room.unixListener()
        let child = try start(room, listener, ["/bin/cat"])
        let client = try room.connect()
        #expect(try client.exchange("one\n", 4) == "one\n")
        child.closeStatus()
        #expect(try client.exchange("two\n", 4) == "two\n")
        #expect(shutdown(client.socket.number.rawValue, Int32(SHUT_WR)) == 0)
        #expect(client.isDisconnected())
        #expect(child.exit() == 0)
    }

    @Test("a passed connection is the command's as any other")
    func passed() throws {
        let room = try CommandAccount.room()
        let listener = try room.unixListener()
        let child = try start(room, listener, ["/bin/cat"], options: ["-t", "pass"])
        defer { #expect(child.isRunning) }
        let sender = try room.connect()
        let pair = try SocketEnds()
        try sender.socket.number.pass(pair.far)
        try sender.send("client_address\0192.0.2.1\0\0")
        pair.closeFar()
        #expect(sender.isDisconnected())
        let client = try pair.peer()
        #expect(try client.exchange("hi\n", 3) == "hi\n")
    }

    @Test("one-shot: the command gets standard input and output")
    func oneShot() throws {
        let room = try CommandAccount.room()
        let pair = try SocketEnds()
        let child = try ServerChild(
            "spawn",
            ["-S", "user=\(CommandAccount.user)", "argv=/bin/sh", "-c", "read x; echo \"got $x\"; echo oops >&2"],
            room: room,
            input: pair.far,
            output: pair.far,
            hasMaster: false
        )
        pair.closeFar()
        let client = try pair.peer()
        #expect(try client.exchange("it\n", 12) == "got it\noops\n")
        #expect(child.exit() == 0)
    }
}

extension ServerRoom {
    /// Whether a client of the endpoint is disconnected.
    func connectAndWait() -> Bool { (try? connect())?.isDisconnected() == true }
}
