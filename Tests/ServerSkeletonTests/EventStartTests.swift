//===----------------------------------------------------------------------===//
// Quartermaster: options and demands of event servers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct EventStartTests {
    static let refusals: [Refusal] = [
        Refusal("chat", ["-t", "inet", "-l", "-x"], "fatal: invalid option: x"),
        Refusal("chat", ["-t", "inet", "-l", "-s", "0"], "fatal: invalid socket_count: 0"),
        Refusal("chat", ["-t", "inet", "-l", "-r", "0"], "fatal: invalid retirement time: 0"),
        Refusal("chat", ["-l"], "fatal: no transport type specified"),
        Refusal("chat", ["-l", "-t", "fifo"], "fatal: unsupported transport type: fifo"),
        Refusal("chat", ["-l", "-t", "unix-dgram"], "fatal: unsupported transport type: unix-dgram"),
        Refusal("chat", ["-l", "-t", "inet", "-i", "0"], "fatal: invalid max_idle: 0 (min 1)"),
        Refusal("chat", ["-l", "-t", "inet", "-m", "0"], "fatal: invalid max_use parameter value 0 < 1"),
        Refusal("chat", ["-l", "-t", "inet", "extra"], "fatal: unexpected command-line argument: extra"),
        Refusal("chat", ["-t", "inet"], "fatal: service chat requires a process limit of 1"),
        Refusal("chat", ["-l", "-o", "x"], "fatal: invalid \"-o x\" option value: missing '=' after attribute name"),
        Refusal(
            "test-service",
            ["-t", "unix", "demand-unlimited", "serve=events"],
            "fatal: service test-service requires a process limit of 0"
        ),
        Refusal(
            "test-service",
            ["-t", "unix", "-u", "demand-privileged", "serve=events"],
            "fatal: service test-service requires privileged operation",
            [],
            "mail_owner = nobody\ndefault_privs = daemon"
        ),
    ]

    @Test("a start that cannot work is fatal and says why", arguments: refusals)
    func fatalStarts(_ refusal: Refusal) throws {
        let room = try ServerRoom(refusal.settings)
        let child = try ServerChild(refusal.program, refusal.options, room: room)
        #expect(child.exit() == 1)
        #expect(room.log.contains(refusal.text), "log: \(room.log.text)")
    }

    @Test("what a service demands of its process limit, it gets", arguments: [["-l"], ["-z", "demand-unlimited"]])
    func demands(_ options: [String]) throws {
        let scene = try EventScene(Array(options.dropFirst()), options: [options[0]])
        #expect(try scene.room.connect().ask("x") == "x")
    }

    @Test("all endpoints are served, and there is no lock")
    func endpoints() throws {
        let room = try ServerRoom()
        let first = try room.unixListener("first")
        let second = try room.unixListener("second")
        let child = try ServerChild(
            "test-service",
            ["-t", "UNIX", "-s", "2", "serve=events"],
            room: room,
            listeners: [first.number, second.number]
        )
        #expect(try room.connect("first").ask("x") == "x")
        #expect(try room.connect("second").ask("y") == "y")
        #expect(try FileManager.default.contentsOfDirectory(atPath: room.queue + "/pid") == [])
        #expect(child.isRunning)
    }

    @Test("names, settings and words for the log come from the command line")
    func log() throws {
        let scene = try EventScene(options: ["-n", "mine", "-v", "-V", "-d", "-o", "syslog_name=t/$service_name"])
        #expect(scene.room.log.contains(" t/mine/test-service[\(scene.child.pid)]: hook init"))
        #expect(scene.room.log.contains("service=mine"))
        #expect(scene.room.log.contains("not counting what this process does"), "with -v")
    }

    @Test("the debugger command runs")
    func debugger() throws {
        let room = try ServerRoom()
        let mark = room.directory.file("mark")
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "-D", "-o", "debugger_command=echo $process_name > \(mark)", "serve=events"],
            room: room,
            listeners: [listener.number]
        )
        #expect(eventually { (try? String(contentsOfFile: mark, encoding: .utf8)) == "test-service\n" })
        #expect(child.isRunning)
    }

    @Test("inherited descriptors do not reach programs of the service, and TCP sends at once")
    func descriptors() throws {
        let room = try ServerRoom()
        let listener = try room.inetListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "inet", "greet", "serve=events"],
            room: room,
            listeners: [listener.number]
        )
        let client = try TestPeer(to: try #require(try listener.number.name(ofPeer: false)), .stream)
        #expect(try client.line() == "hello")
        #expect(room.log.contains("hook arrived from 127.0.0.1"))
        for number in 3...6 {
            let info = try String(contentsOfFile: "/proc/\(child.pid)/fdinfo/\(number)", encoding: .utf8)
            let flags = info.split(separator: "\n").first { $0.hasPrefix("flags:") }?.split(separator: "\t").last
            #expect((Int(flags ?? "0", radix: 8) ?? 0) & 0o2000000 != 0, "descriptor \(number)")
        }
        #expect(try listener.number.option(.noDelay) == 1 && listener.number.option(.keepAlive) == 1)
    }

    @Test("privileges are those of the mail owner, in the jail, and stay so in a child that finishes")
    func privileges() throws {
        guard getuid() == 0 else { return }
        let scene = try EventScene(
            ["finish=300"],
            options: ["-u", "-c"],
            settings: "mail_owner = nobody\ndefault_privs = daemon"
        )
        let upstream = try scene.room.unixListener("upstream")
        chmod("\(scene.room.queue)/upstream", 0o777)
        let client = try scene.room.connect()
        #expect(scene.room.log.contains("hook prepare uid=0"))
        #expect(scene.room.log.contains("hook init uid=65534"))
        func check(_ pid: Int32) throws {
            let text = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            let lines = text.split(separator: "\n").map { $0.split(separator: "\t").map { String($0) } }
            func values(_ name: String) -> [String]? { lines.first { $0.first == name }.map { Array($0.dropFirst()) } }
            #expect(values("Uid:") == ["65534", "65534", "65534", "65534"])
            #expect(values("Gid:") == ["65534", "65534", "65534", "65534"])
            #expect(values("CapEff:") == ["0000000000000000"])
            #expect(values("CapPrm:") == ["0000000000000000"])
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/root") == scene.room.queue)
        }
        #expect(try client.ask("pid") == "\(scene.child.pid)")
        try check(scene.child.pid)
        // A path counts from the queue directory here, too.
        #expect(try client.ask("connect 5000 unix:upstream") == "connected")
        scene.child.closeStatus()
        #expect(scene.child.exit() == 0)
        try check(try #require(Int32(try client.ask("pid"))))
        #expect(scene.room.log.contains("hook leave replaced"), "the log works inside")
        try client.send("quit\n")
        #expect(client.isDisconnected())
        _ = upstream
    }

    @Test("the watchdog ends a process that is stuck, and not one whose hook says that it makes progress")
    func watchdog() throws {
        let scene = try EventScene(["watchdog"])
        let client = try scene.room.connect()
        #expect(try client.ask("pat 5000") == "patted")
        try client.send("block 20000\n")
        #expect(scene.child.exit() == 1)
        #expect(scene.room.log.contains("fatal: watchdog timeout"))
    }

    @Test("a hook before accepting may have a fresh process go on; who is connected is served to the end")
    func willAccept() throws {
        let scene = try EventScene(["refuses-third", "finish=300"])
        let first = try scene.room.connect()
        #expect(try first.ask("x") == "x")
        let second = try scene.room.connect()
        #expect(try second.ask("y") == "y")
        let third = try scene.room.connect()
        #expect(scene.child.exit() == 0)
        #expect(scene.room.log.contains("two are enough"))
        #expect(scene.room.log.contains("hook leave retired clients=2"))
        #expect(try first.ask("still") == "still")
        try first.send("quit\n")
        try second.send("quit\n")
        #expect(first.isDisconnected() && second.isDisconnected())
        _ = third
    }
}
