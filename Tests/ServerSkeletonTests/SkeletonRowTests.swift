//===----------------------------------------------------------------------===//
// Quartermaster: tests of every option of single and trigger servers
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
    func start(
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
}
