//===----------------------------------------------------------------------===//
// Quartermaster: what commands find, and lines of master.cf that cannot work
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

extension SpawnTests {
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
            let owner = try #require(try userAccount(named: CommandAccount.owner))
            #expect(idle["Uid"] == "0 \(owner.uid) 0 \(owner.uid)", "the mail owner while it waits, root at heart")
            #expect(idle["Gid"] == "0 \(owner.gid) 0 \(owner.gid)")
            #expect(idle["Groups"] == "\(owner.gid)")
            #expect(idle["CapEff"] == "0000000000000000")

            let said = try room.connect().receive(100_000)
            let user = try #require(try userAccount(named: "nobody"))
            let gid = group.isEmpty ? user.gid : try #require(try groupID(named: "games"))
            let found = fields(said)
            #expect(found["Uid"] == "\(user.uid) \(user.uid) \(user.uid) \(user.uid)")
            #expect(found["Gid"] == "\(gid) \(gid) \(gid) \(gid)")
            #expect(found["Groups"] == "\(gid)")
            for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"] { #expect(found[name] == "0000000000000000") }
            #expect(found["SigBlk"] == "0000000000000000" && found["SigCgt"] == "0000000000000000")
            // The C library's own signals are as whoever runs the test has them.
            let ignored = UInt64(found["SigIgn"] ?? "", radix: 16).map { $0 & 0x7fff_ffff }
            // In the background of a script SIGINT and SIGQUIT are, too.
            let inherited = UInt64(try status(of: getpid())["SigIgn"] ?? "", radix: 16).map { $0 & 0x7fff_ffff } ?? 0
            #expect(ignored.map { $0 | inherited } == 0x0100_1000 | inherited, "SIGPIPE and SIGXFSZ: \(inherited)")
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

    func status(of pid: Int32) throws -> [String: String] {
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

    @Test("what cannot work is fatal at the start", .enabled(if: CommandAccount.isRoot))
    func refused() throws {
        // Each stays for a second before it ends, so they do that side by side.
        let started = try Self.refusals.map { arguments, text in
            let room = try CommandAccount.room()
            return (room, try ServerChild("spawn", ["-t", "unix"] + arguments, room: room), arguments, text)
        }
        for (room, child, arguments, text) in started {
            #expect(child.exit() == 1, "\(arguments)")
            #expect(room.log.contains(text), "\(room.log.text)")
        }
    }
}
