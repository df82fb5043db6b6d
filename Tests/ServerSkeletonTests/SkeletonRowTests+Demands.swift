//===----------------------------------------------------------------------===//
// Quartermaster: tests of every demand of single and trigger servers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

extension SkeletonRowTests {

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
        let owner = try #require(try userAccount(named: "nobody"))
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
