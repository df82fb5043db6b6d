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
    private func start(
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
        "the command runs as its user, in a session of its own, with the client and nothing else",
        .enabled(if: CommandAccount.isRoot)
    )
    func surroundings() throws {
        let room = try CommandAccount.room(
            "export_environment = LANG=C.UTF-8 KEPT MISSING {WORDS = a b} PATH=/nonsense"
        )
        let listener = try room.unixListener()
        let script =
            "cat /proc/self/status; echo; ls -l /proc/self/fd; echo; pwd; umask; env; read x < /proc/self/stat; echo $x"
        for group in ["", ":games"] {
            let child = try start(
                room,
                listener,
                ["sh", "-c", script],
                user: "nobody\(group)",
                environment: ["KEPT=yes", "SECRET=no"]
            )
            let idle = try status(of: child.pid)
            let owner = try #require(userAccount(named: CommandAccount.owner))
            #expect(idle["Uid"] == "0 \(owner.uid) 0 \(owner.uid)", "the mail owner while it waits, root at heart")
            #expect(idle["Gid"] == "0 \(owner.gid) 0 \(owner.gid)")
            #expect(idle["Groups"] == "\(owner.gid)")
            #expect(idle["CapEff"] == "0000000000000000")

            let said = try room.connect().receive(100_000)
            let user = try #require(userAccount(named: "nobody"))
            let gid = group.isEmpty ? user.gid : try #require(groupID(named: "games"))
            let found = fields(said)
            #expect(found["Uid"] == "\(user.uid) \(user.uid) \(user.uid) \(user.uid)")
            #expect(found["Gid"] == "\(gid) \(gid) \(gid) \(gid)")
            #expect(found["Groups"] == "\(gid)")
            for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"] { #expect(found[name] == "0000000000000000") }
            #expect(found["SigBlk"] == "0000000000000000" && found["SigCgt"] == "0000000000000000")
            // The C library's own signals are as whoever runs the test has them.
            let ignored = UInt64(found["SigIgn"] ?? "", radix: 16).map { $0 & 0x7fff_ffff }
            #expect(ignored == 0x0100_1000, "SIGPIPE and SIGXFSZ, as of every child of master")
            let lines = said.split(separator: "\n").map(String.init)
            let descriptors = lines.filter { $0.contains(" -> ") }
            #expect(
                descriptors.count == 4 && descriptors.filter { $0.contains(" -> socket:") }.count == 3,
                "\(descriptors)"
            )
            #expect(lines.contains(room.queue))
            #expect(lines.contains("LANG=C.UTF-8") && lines.contains("KEPT=yes") && lines.contains("WORDS=a b"))
            #expect(lines.contains("PATH=/usr/bin:/bin"))
            #expect(!said.contains("SECRET") && !said.contains("MISSING") && !said.contains("MAIL_CONFIG"))
            let words = try #require(lines.last).split(separator: " ")
            #expect(words[0] == words[4] && words[0] == words[5], "pid, group and session: \(words.prefix(6))")
            child.closeStatus()
            #expect(child.exit() == 0)
        }
    }

    private func status(of pid: Int32) throws -> [String: String] {
        fields(try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8))
    }

    private func fields(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for line in text.split(separator: "\n") {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let words = line[line.index(after: colon)...].split { $0 == "\t" || $0 == " " }
            fields[String(line[..<colon])] = words.joined(separator: " ")
        }
        return fields
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
        let name = options.last ?? "spawn"
        let room = try CommandAccount.room("command_time_limit = 1h\n\(name)_time_limit = 1s")
        let listener = try room.unixListener()
        let child = try start(room, listener, ["/bin/sh", "-c", "echo $$; sleep 300 & sleep 300"], options: options)
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
            #expect(try status(of: child.pid)["Uid"]?.hasPrefix("0 \(userAccount(named: "daemon")?.uid ?? 0) ") == true)
        }
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
        let room = try CommandAccount.room("daemon_timeout = 3s")
        let listener = try room.unixListener()
        let child = try start(room, listener, ["/bin/sh", "-c", "sleep 5; echo done"])
        #expect(try room.connect().receive(5) == "done\n")
        #expect(child.isRunning)
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

    @Test("in a chroot the command is one of the jail", .enabled(if: CommandAccount.isRoot))
    func chroot() throws {
        let room = try CommandAccount.room()
        for name in ["usr", "bin", "lib", "lib64"] where FileManager.default.fileExists(atPath: "/\(name)") {
            // A bind mount would need a namespace; a program without libraries will do.
            try FileManager.default.createDirectory(atPath: "\(room.queue)/\(name)", withIntermediateDirectories: false)
        }
        let listener = try room.unixListener()
        let child = try start(room, listener, ["/bin/cat"], options: ["-c"])
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child.pid)/root") == room.queue)
        #expect(try room.connect().receive(1) == "")
        #expect(room.log.contains("warning: command /bin/cat cannot be run: No such file or directory"))
        #expect(child.isRunning)
    }

    static let refusals: [([String], String)] = [
        ([], "fatal: missing user= attribute (Write user=<name>"),
        (["argv=/bin/cat"], "fatal: missing user= attribute"),
        (["user=nobody"], "fatal: missing argv= attribute (Write argv=<command>"),
        (["user=nobody", "argv="], "fatal: argv= names no command"),
        (["user=nobody", "flags=x", "argv=/bin/cat"], "fatal: unknown attribute name: flags=x (Write"),
        (["user=no-such-user", "argv=/bin/cat"], "fatal: unknown user name: no-such-user"),
        (["user=65534", "argv=/bin/cat"], "fatal: unknown user name: 65534"),
        (["user=", "argv=/bin/cat"], "fatal: unknown user name: "),
        (["user=nobody:no-such-group", "argv=/bin/cat"], "fatal: unknown group name: no-such-group"),
        (["user=root", "argv=/bin/cat"], "fatal: request to deliver as root (Name another user"),
        (["user=daemon", "argv=/bin/cat"], "fatal: request to deliver as mail system owner (Name"),
        (["user=nobody:root", "argv=/bin/cat"], "fatal: request to use privileged group id 0 (Name"),
        (["user=nobody:daemon", "argv=/bin/cat"], "fatal: request to use mail system owner group id 1 (Name"),
        (["-u", "user=nobody", "argv=/bin/cat"], "fatal: service spawn requires privileged operation (Put n"),
        (["-o", "spawn_time_limit=0", "user=nobody", "argv=/bin/cat"], "fatal: invalid spawn_time_limit: 0 (min 1)"),
        (
            ["-o", "command_time_limit=x", "user=nobody", "argv=/bin/cat"],
            "fatal: parameter command_time_limit: bad time"
        ),
        (["-o", "export_environment={A", "user=nobody", "argv=/bin/cat"], "fatal: export_environment: missing '}'"),
        (["-t", "fifo", "user=nobody", "argv=/bin/cat"], "fatal: unsupported transport type: fifo"),
    ]

    @Test("what cannot work is fatal at the start", .enabled(if: CommandAccount.isRoot), arguments: refusals)
    func refused(_ arguments: [String], _ text: String) throws {
        let room = try CommandAccount.room()
        let child = try ServerChild("spawn", ["-t", "unix"] + arguments, room: room)
        #expect(child.exit() == 1)
        #expect(room.log.contains(text), "\(room.log.text)")
    }
}

extension ServerRoom {
    /// Whether a client of the endpoint is disconnected.
    func connectAndWait() -> Bool { (try? connect())?.isDisconnected() == true }
}
