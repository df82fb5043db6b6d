//===----------------------------------------------------------------------===//
// Quartermaster: tests of every option, and of every demand, of single and trigger servers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// A kind of server that serves one after the other.
enum OneByOne: String, Sendable, CaseIterable {
    case single, trigger

    /// A client that has been served, or a trigger that has led to a call.
    func use(_ room: ServerRoom, _ name: String = "endpoint") throws {
        let before = room.log.count(" is over") + room.log.count("served")
        let client = try room.connect(name)
        if self == .single { #expect(try client.receive(6) == "hello\n") }
        try client.send("quit\n")
        #expect(client.isDisconnected())
        #expect(eventually { room.log.count(" is over") + room.log.count("served") == before + 1 })
    }

    static let both: [OneByOne] = allCases
}

struct SkeletonRowTests {
    private func start(
        _ kind: OneByOne,
        _ room: ServerRoom,
        _ listeners: [DescriptorNumber],
        _ options: [String] = [],
        demand: String? = nil,
        environment: [String] = [],
        tokens: Int = 0
    ) throws -> ServerChild {
        let child = try ServerChild(
            "test-service",
            ["-t", "unix"] + options + ["serve=\(kind.rawValue)" + (demand.map { "-\($0)" } ?? "")],
            room: room,
            listeners: listeners,
            environment: room.environment + environment,
            tokens: tokens
        )
        #expect(try eventually { try child.registration() != nil }, "\(room.log.text)")
        return child
    }

    // MARK: options

    @Test("-s: all endpoints are served, whichever has a client", arguments: OneByOne.both)
    func socketCount(_ kind: OneByOne) throws {
        let room = try ServerRoom()
        let first = try room.unixListener("first")
        let second = try room.unixListener("second")
        let child = try start(kind, room, [first.number, second.number], ["-s", "2"])
        for name in ["second", "first", "second"] { try kind.use(room, name) }
        // Two that wait for one process, at different doors.
        kill(child.pid, SIGSTOP)
        #expect(eventually { ProcessSnapshot(child.pid)?.state == "T" })
        let clients = [try room.connect("first"), try room.connect("second")]
        for client in clients { try client.send("quit\n") }
        kill(child.pid, SIGCONT)
        for client in clients { #expect(client.isDisconnected()) }
        #expect(child.isRunning)
    }

    @Test("-m and -i are stronger than main.cf", arguments: OneByOne.both)
    func limits(_ kind: OneByOne) throws {
        let room = try ServerRoom("max_use = 1\nmax_idle = 1000s")
        let listener = try room.unixListener()
        let used = try start(kind, room, [listener.number], ["-m", "3"])
        for _ in 0..<3 { try kind.use(room) }
        #expect(used.exit() == 0)
        let begin = ContinuousClock.now
        let idle = try start(kind, room, [listener.number], ["-i", "1s", "-v"])
        #expect(idle.exit() == 0)
        #expect(ContinuousClock.now - begin > .milliseconds(950))
        #expect(room.log.contains("idle timeout -- exiting"))
    }

    @Test("-n, -o, -v and -V: name, parameters, and how much is said", arguments: OneByOne.both)
    func names(_ kind: OneByOne) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let pipe = try makePipe(nonBlocking: true)
        let child = try ServerChild(
            "/bin/sh",
            [
                "-c", "exec 2>&1; exec \"$0\" \"$@\"", BuiltProducts.path("test-service"), "-t", "unix", "-n", "mine",
                "-o", "syslog_name=test/$service_name", "-v", "-V", "-d", "serve=\(kind.rawValue)",
            ],
            room: room,
            listeners: [listener.number],
            output: pipe.second.number
        )
        try kind.use(room)
        #expect(room.log.contains(" test/mine/test-service[\(child.pid)]: hook init"))
        #expect(room.log.text.contains("hook accept"), "-v")
        let said = TestPeer(try pipe.first.number.duplicate(atLeast: 100))
        #expect(try said.receive(2000, within: 300).contains("hook init"), "-V")
        #expect(child.isRunning)
    }

    @Test("-d: a terminal on standard input is no reason to refuse", arguments: OneByOne.both)
    func foreground(_ kind: OneByOne) throws {
        for (option, text) in [("", "fatal: do not run this command by hand"), ("-d", "fatal: no transport type")] {
            let room = try ServerRoom()
            // script(1) runs its command on a terminal of its own.
            let command = "\(BuiltProducts.path("test-service")) \(option) serve=\(kind.rawValue)"
            let child = try ServerChild("/usr/bin/script", ["-q", "-e", "-c", command, "/dev/null"], room: room)
            #expect(child.exit() == 1)
            #expect(room.log.contains(text), "\(room.log.text)")
        }
    }

    @Test("-D: the debugger command is run", arguments: OneByOne.both)
    func debugger(_ kind: OneByOne) throws {
        let room = try ServerRoom("debugger_command = echo $process_name $process_id > debugged")
        let listener = try room.unixListener()
        let child = try start(kind, room, [listener.number], ["-D"])
        let said = try? String(contentsOfFile: "\(room.queue)/debugged", encoding: .utf8)
        #expect(said == "test-service \(child.pid)\n")
    }

    static let refusals: [(OneByOne, [String], String)] = OneByOne.both.flatMap {
        kind -> [(OneByOne, [String], String)] in
        let unsuitable = kind == .single ? ["fifo", "unix-dgram", "nonsense"] : ["inet", "unix-dgram", "nonsense"]
        return [
            (kind, ["-t", "unix", "-x"], "fatal: invalid option: x"),
            (kind, ["-t", "unix", "-s", "0"], "fatal: invalid socket_count: 0"),
            (kind, ["-t", "unix", "-i", "0"], "fatal: invalid max_idle: 0 (min 1)"),
            (kind, ["-t", "unix", "-m", "0"], "fatal: invalid max_use parameter value 0 < 1"),
            (
                kind, ["-t", "unix", "-o", "x"],
                "fatal: invalid \"-o x\" option value: missing '=' after attribute name"
            ),
            (kind, [], "fatal: no transport type specified"),
            kind == .single
                ? (kind, ["-t", "unix", "-r", "0"], "fatal: invalid retirement time: 0")
                : (kind, ["-t", "unix", "-r", "5"], "fatal: invalid option: r"),
        ] + unsuitable.map { (kind, ["-t", $0], "fatal: unsupported transport type: \($0) (Write ") }
    }

    // Who refuses to start stays for a second before it ends, so all do that side by side.

    @Test("what an option may not say is fatal")
    func refused() throws {
        let started = try Self.refusals.map { kind, options, text in
            let room = try ServerRoom()
            let child = try ServerChild("test-service", options + ["serve=\(kind.rawValue)"], room: room)
            return (room, child, options, text)
        }
        for (room, child, options, text) in started {
            #expect(child.exit() == 1, "\(options)")
            #expect(room.log.contains(text), "\(room.log.text)")
        }
    }

    @Test("types are compared without regard to case", arguments: OneByOne.both)
    func upperCase(_ kind: OneByOne) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(kind, room, [listener.number], ["-t", "UNIX"])
        try kind.use(room)
        #expect(child.isRunning)
    }

    @Test("-t inet: a client over TCP, of which the kernel sees to it that it is alive")
    func inet() throws {
        let room = try ServerRoom()
        let listener = try room.inetListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "inet", "serve=single"],
            room: room,
            listeners: [listener.number]
        )
        #expect(try eventually { try child.registration() != nil })
        guard let address = try listener.number.name(ofPeer: false) else { throw TestSupportError("no address") }
        let client = try TestPeer(to: address, .stream)
        #expect(try client.receive(6) == "hello\n")
        #expect(try client.exchange("kept alive\n", 5) == "true\n")
        try client.send("quit\n")
        #expect(client.isDisconnected())
        #expect(child.isRunning)
    }

    // MARK: demands

    static let unmet: [(OneByOne, String, [String], String)] = OneByOne.both.flatMap { kind in
        [
            (kind, "solitary", [], "fatal: service test-service requires a process limit of 1 (Put 1 in"),
            (kind, "solitary", ["-z"], "fatal: service test-service requires a process limit of 1 (Put 1 in"),
            (kind, "unlimited", [], "fatal: service test-service requires a process limit of 0 (Put 0 in"),
            (kind, "unlimited", ["-l", "-n", "x"], "fatal: service x requires a process limit of 0 (Put 0 in"),
            (kind, "privileged", ["-u"], "fatal: service test-service requires privileged operation (Put n in"),
        ]
    }

    @Test("a demand that the line in master.cf does not meet is fatal")
    func unmetDemand() throws {
        let owner = getuid() == 0 ? "nobody" : NSUserName()
        let started = try Self.unmet.map { kind, demand, options, text in
            let room = try ServerRoom("mail_owner = \(owner)\ndefault_privs = daemon")
            let child = try ServerChild(
                "test-service",
                ["-t", "unix"] + options + ["serve=\(kind.rawValue)-\(demand)"],
                room: room
            )
            return (room, child, demand, text)
        }
        for (room, child, demand, text) in started {
            #expect(child.exit() == 1, "\(demand)")
            #expect(room.log.contains(text), "\(room.log.text)")
        }
    }

    @Test("one that is met is none", arguments: OneByOne.both)
    func metDemands(_ kind: OneByOne) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        for (demand, options) in [("solitary", ["-l"]), ("unlimited", ["-z"]), ("privileged", [])] {
            let child = try start(kind, room, [listener.number], options, demand: demand)
            try kind.use(room)
            child.closeStatus()
            #expect(child.exit() == 0)
        }
    }

    @Test("a token or a second: the in-flow delay begins when the process is busy", arguments: OneByOne.both)
    func inFlowDelay(_ kind: OneByOne) throws {
        let room = try ServerRoom("in_flow_delay = 2s")
        let listener = try room.unixListener()
        let child = try start(kind, room, [listener.number], demand: "flow", tokens: 1)
        // When this machine stands still, that looks like a delay.
        let isAtOnce = try (0..<5).contains { turn in
            if turn > 0 { _ = try child.flow.second.number.write([0]) }
            let begin = ContinuousClock.now
            try kind.use(room)
            let time = ContinuousClock.now - begin
            #expect(try child.flow.first.number.read(atMost: 1) == nil, "which is used up")
            #expect(try child.records(2) == [child.taken(), child.available()])
            return time < .milliseconds(1900)
        }
        #expect(isAtOnce, "with a token")
        let next = ContinuousClock.now
        try kind.use(room)
        #expect(ContinuousClock.now - next > .milliseconds(1950), "without one")
    }

    @Test(
        "an in-flow delay without a token pipe is fatal, whatever has its numbers; without a delay none is needed",
        arguments: OneByOne.both,
        ["3<&- 4<&-", "4<&-", "3<&-"]
    )
    func noTokenPipe(_ kind: OneByOne, _ closing: String) throws {
        let room = try ServerRoom("in_flow_delay = 1s")
        let listener = try room.unixListener()
        func start(_ options: [String]) throws -> ServerChild {
            let server = [BuiltProducts.path("test-service"), "-t", "unix"] + options + ["serve=\(kind.rawValue)-flow"]
            let shell = ["-c", "exec \"$@\" \(closing)", "sh"]
            return try ServerChild("/bin/sh", shell + server, room: room, listeners: [listener.number])
        }
        #expect(try start([]).exit() == 1)
        #expect(room.log.contains("fatal: fstat flow pipe write descriptor: Bad file descriptor"), "\(room.log.text)")
        let child = try start(["-o", "in_flow_delay=0"])
        try kind.use(room)
        #expect(child.isRunning)
    }

    @Test("hooks: prepare, init, then wait, accept and exit, in this order", arguments: OneByOne.both)
    func hooks(_ kind: OneByOne) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(kind, room, [listener.number], ["-v", "-m", "1"])
        try kind.use(room)
        #expect(child.exit() == 0)
        #expect(room.log.contains("hook exit"))
        let hooks = room.log.text.split(separator: "\n").compactMap { line in
            line.range(of: "hook ").map { line[$0.upperBound...].prefix { $0 != " " } }
        }
        #expect(
            hooks == ["prepare", "init", "wait", "accept", "accept", "exit"],
            "the second is the look before the end"
        )
    }

    @Test("parameters of every type, from the default, main.cf and -o")
    func parameters() throws {
        let room = try ServerRoom("conversation_grace = 2h\nconversation_word = ${service_name}!")
        let listener = try room.unixListener()
        let child = try start(.single, room, [listener.number], ["-n", "talk", "-o", "conversation_limit=9"])
        let client = try room.connect()
        #expect(try client.receive(6) == "hello\n")
        let expected = "9 7200 true talk! $0 talk\n"
        #expect(try client.exchange("values\n", expected.utf8.count) == expected)
        child.closeStatus()
        let bad = try ServerChild(
            "test-service",
            ["-t", "unix", "-o", "conversation_limit=10", "serve=single"],
            room: room,
            listeners: [listener.number]
        )
        #expect(bad.exit() == 1)
        #expect(room.log.contains("fatal: invalid conversation_limit parameter value 10 > 9"))
    }

    // MARK: privileges

    @Test(
        "-u and -c: ids, groups, capabilities and root are those of the owner in the jail, and all works inside",
        .enabled(if: geteuid() == 0, "SKIPPED: needs root"),
        arguments: OneByOne.both
    )
    func jail(_ kind: OneByOne) throws {
        let room = try ServerRoom("mail_owner = nobody\ndefault_privs = daemon")
        // What glibc wants for a name, as Postfix's scripts put it into the jail.
        try FileManager.default.createDirectory(atPath: "\(room.queue)/etc", withIntermediateDirectories: false)
        try room.directory.write("192.0.2.77 inside.example\n", to: "queue/etc/hosts")
        try room.directory.write("hosts: files\n", to: "queue/etc/nsswitch.conf")
        for name in ["", "/etc", "/etc/hosts", "/etc/nsswitch.conf"] {
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: room.queue + name)
        }
        let listener = try room.unixListener()
        let zone = ["TZ=:Europe/Berlin"]
        let child = try start(kind, room, [listener.number], ["-u", "-c"], environment: zone)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child.pid)/root") == room.queue)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child.pid)/cwd") == room.queue)
        let owner = try #require(userAccount(named: "nobody"))
        let status = try String(contentsOfFile: "/proc/\(child.pid)/status", encoding: .utf8)
        func field(_ name: String) -> [Substring] {
            status.split(separator: "\n").first { $0.hasPrefix(name + ":") }?.split { $0 == "\t" || $0 == " " }
                .dropFirst()
                .map { $0 } ?? []
        }
        #expect(field("Uid") == Array(repeating: "\(owner.uid)", count: 4), "real, effective, saved, file system")
        #expect(field("Gid") == Array(repeating: "\(owner.gid)", count: 4))
        #expect(field("Groups") == ["\(owner.gid)"])
        for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"] { #expect(field(name) == ["0000000000000000"]) }
        try kind.use(room)
        #expect(room.log.text.contains("hook prepare uid=0"))
        #expect(room.log.text.contains("hook init uid=\(owner.uid)"))
        guard kind == .single else { return }
        let client = try room.connect()
        #expect(try client.receive(6) == "hello\n")
        #expect(try client.exchange("time\n", 17) == "1970-01-01 01:00\n")
        #expect(try client.exchange("lookup\n", 11) == "192.0.2.77\n")
    }
}
