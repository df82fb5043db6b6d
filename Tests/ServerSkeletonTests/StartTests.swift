//===----------------------------------------------------------------------===//
// Quartermaster: how servers start, and how they refuse to
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import Foundation
import SystemCalls
import TestSupport
import Testing

/// A start that must fail, and what it must say.
struct Refusal: CustomTestStringConvertible, Sendable {
    let program: String
    let options: [String]
    let text: String
    var environment: [String] = []
    var settings = ""
    var testDescription: String { ([program] + options).joined(separator: " ") + " " + environment.joined() + settings }

    init(_ program: String, _ options: [String], _ text: String, _ environment: [String] = [], _ settings: String = "")
    {
        self.program = program
        self.options = options
        self.text = text
        self.environment = environment
        self.settings = settings
    }
}

struct StartTests {
    @Test("a person who types the name of a service is told what it is, and why it ends")
    func byHand() throws {
        let echo = BuiltProducts.path("echo")
        let help = try run([echo, "--help"])
        #expect(help.succeeded && help.output.hasPrefix("usage: echo ") && help.output.contains("echo -S"), "\(help)")
        #expect(try run([BuiltProducts.path("postlogd"), "--help"]).output.contains("-S") == false)
        let version = try run([echo, "--version"])
        #expect(version.succeeded && version.output.hasPrefix("echo: a service for master(8), made with"), "\(version)")
        // Behind another option it is what it always was.
        #expect(try run([echo, "-V", "--help"], environment: ["MAIL_CONFIG": "/no/such"]).status == 1)
        let typed = ["/usr/bin/script", "-qec", "\(echo) -S", "/dev/null"]
        let ended = try run(typed, environment: ["MAIL_CONFIG": "/no/such"])
        #expect(ended.output.contains("fatal: open /no/such/main.cf: No such file or directory"), "\(ended)")
        let twice = try run(
            ["/usr/bin/script", "-qec", "\(echo) -S -V", "/dev/null"],
            environment: ["MAIL_CONFIG": "/no/such"]
        )
        #expect(twice.output.components(separatedBy: "fatal: ").count == 2, "said once: \(twice)")
        let child = try run(typed, environment: ["MAIL_CONFIG": "/no/such", "GENERATION": "1"])
        #expect(!child.output.contains("fatal"), "a child of master's has a log: \(child)")
    }

    static let refusals: [Refusal] = [
        Refusal("echo", ["-t", "inet", "-x"], "fatal: invalid option: x"),
        Refusal("echo", ["-t", "inet", "-s", "0"], "fatal: invalid socket_count: 0"),
        Refusal("echo", ["-t", "inet", "-s", "two"], "fatal: invalid socket_count: two"),
        Refusal("echo", [], "fatal: no transport type specified"),
        Refusal("echo", ["-t", "fifo"], "fatal: unsupported transport type: fifo"),
        Refusal("echo", ["-t", "unix-dgram"], "fatal: unsupported transport type: unix-dgram"),
        Refusal("postlogd", ["-l", "-t", "unix"], "fatal: unsupported transport type: unix"),
        Refusal("postlogd", ["-l", "-S"], "fatal: invalid option: S"),
        Refusal("echo", ["-o", "x"], "fatal: invalid \"-o x\" option value: missing '=' after attribute name"),
        Refusal("echo", ["-t", "inet", "-i", "0"], "fatal: invalid max_idle: 0 (min 1)"),
        Refusal("echo", ["-t", "inet", "-m", "0"], "fatal: invalid max_use parameter value 0 < 1"),
        Refusal("echo", ["-t", "inet", "-m", "many"], "fatal: bad numerical configuration: max_use = many"),
        Refusal("echo", ["-t", "inet", "extra"], "fatal: unexpected command-line argument: extra"),
        Refusal("anvil", ["-t", "unix"], "fatal: service anvil requires a process limit of 1"),
        Refusal("anvil", ["-t", "unix", "-n", "rates"], "fatal: service rates requires a process limit of 1"),
        Refusal(
            "anvil",
            ["-t", "unix", "-l", "-o", "anvil_rate_time_unit=0"],
            "fatal: invalid anvil_rate_time_unit: 0 (min 1)"
        ),
        Refusal(
            "exporter",
            ["-t", "inet", "-o", "exporter_client_limit=0"],
            "fatal: invalid exporter_client_limit parameter value 0 < 1"
        ),
        Refusal("exporter", ["-t", "inet"], "invalid exporter_timeout: 0 (min 1)", [], "exporter_timeout = 0"),
        Refusal("exporter", ["-t", "inet", "extra"], "fatal: unexpected command-line argument: extra"),
        Refusal("policyd", ["-t", "unix"], "fatal: service policyd requires a process limit of 1"),
        Refusal(
            "policyd",
            ["-t", "unix", "-l", "-o", "policyd_greylist_delay=0"],
            "fatal: invalid policyd_greylist_delay: 0 (min 1)"
        ),
        Refusal("postlogd", ["-t", "unix-dgram"], "fatal: service postlogd requires a process limit of 1"),
        Refusal(
            "postlogd",
            ["-t", "unix-dgram", "-l", "-o", "postlogd_watchdog_timeout=5"],
            "fatal: invalid postlogd_watchdog_timeout: 5 (min 10)"
        ),
        Refusal("echo", ["-t", "inet"], "fatal: bad generation: 8", ["GENERATION=8"]),
        Refusal(
            "echo",
            ["-t", "inet", "-u"],
            ", line 5: unknown user: no-such-user (Create",
            [],
            "mail_owner = no-such-user"
        ),
        Refusal(
            "echo",
            ["-t", "inet", "-u"],
            ", line 5: parameter mail_owner: user root has privileged user ID (Set mail_owner",
            [],
            "mail_owner = root"
        ),
        Refusal(
            "echo",
            ["-t", "inet", "-o", "queue_directory=/no/such/directory", "-o", "maillog_file="],
            "chdir(\"/no/such/directory\"): No such file or directory"
        ),
        Refusal("echo", ["-t", "inet"], "main.cf: No such file or directory", ["MAIL_CONFIG=/no/such/directory"]),
        Refusal(
            "test-service",
            ["-t", "unix-dgram", "-n", "no/such", "serve=datagrams"],
            "fatal: open lock file pid/unix-dgram.no/such: "
        ),
    ]

    @Test("starts that cannot work are fatal and say why")
    func fatalStarts() throws {
        // Each stays for a second before it ends, so they do that side by side.
        for (refusal, server) in try Self.refusals.map({ ($0, try start($0)) }) {
            #expect(server.child.exit() == 1, "\(refusal)")
            if refusal.options.contains("maillog_file=") { continue }
            #expect(server.room.log.contains(refusal.text), "\(refusal): \(server.room.log.text)")
        }
    }

    private func start(_ refusal: Refusal) throws -> (room: ServerRoom, child: ServerChild) {
        let room = try ServerRoom(refusal.settings)
        let pipe = try makePipe(nonBlocking: true)
        // The last assignment of a name counts.
        let changed = refusal.environment.map { $0.prefix { $0 != "=" } }
        let environment =
            room.environment.filter { line in !changed.contains { line.hasPrefix("\($0)=") } } + refusal.environment
        let child = try ServerChild(
            refusal.program,
            ["-V"] + refusal.options,
            room: room,
            environment: environment,
            output: pipe.second.number
        )
        return (room, child)
    }

    @Test("a terminal on standard input is refused")
    func terminal() throws {
        let room = try ServerRoom()
        // script(1) runs its command on a terminal of its own.
        let command = "\(BuiltProducts.path("echo")) -t inet"
        let child = try ServerChild("/usr/bin/script", ["-q", "-e", "-c", command, "/dev/null"], room: room)
        #expect(child.exit() == 1)
        #expect(room.log.contains("fatal: do not run this command by hand"))
    }

    @Test("hooks run in order with the privileges they expect")
    func orderOfHooks() throws {
        let isRoot = getuid() == 0
        let owner = isRoot ? "nobody" : NSUserName()
        let room = try ServerRoom("mail_owner = \(owner)\ndefault_privs = daemon")
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "-u", "-n", "mine"],
            room: room,
            listeners: [listener.number]
        )
        #expect(room.log.contains("hook init"))
        let lines = room.log.text.split(separator: "\n").map(String.init)
        let prepare = try #require(lines.firstIndex { $0.contains("hook prepare uid=\(getuid()) directory=") })
        let start = try #require(lines.firstIndex { $0.contains("hook init") })
        #expect(prepare < start)
        #expect(lines[prepare].hasSuffix("/queue"))
        #expect(lines[start].hasSuffix("service=mine"))
        if isRoot {
            #expect(lines[start].contains("uid=65534 "))
        }
        child.closeStatus()
        #expect(child.exit() == 0)
        #expect(room.log.contains("hook exit"))
    }

    @Test("a chrooted server still serves and logs")
    func chrooted() throws {
        guard getuid() == 0 else { return }
        let room = try ServerRoom("mail_owner = nobody\ndefault_privs = daemon")
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "-u", "-c"],
            room: room,
            listeners: [listener.number]
        )
        #expect(try room.connect().exchange("hi\n", 3) == "hi\n")
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child.pid)/root") == room.queue)
    }

    @Test("the ident of the log follows -o syslog_name")
    func logIdent() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "-n", "mine", "-o", "syslog_name=test/$service_name"],
            room: room,
            listeners: [listener.number]
        )
        #expect(room.log.contains(" test/mine/test-service[\(child.pid)]: hook init"))
    }

    @Test("an option's value reaches its parameter byte for byte, UTF-8 or not")
    func anyBytes() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let name = Array("w".utf8) + [0xfc] + Array("rk".utf8)
        let queue = room.directory.path + "/" + String(rawBytes: name)
        #expect(
            queue.rawBytes.map { CChar(bitPattern: $0) }.withUnsafeBufferPointer { mkdir(Array($0) + [0], 0o755) } == 0
        )
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "-o", "queue_directory=\(queue)"],
            room: room,
            listeners: [listener.number]
        )
        #expect(try room.connect().exchange("hi\n", 3) == "hi\n", "\(room.log.text)")
        var link = [UInt8](repeating: 0, count: 4096)
        let length = link.withUnsafeMutableBytes {
            readlink("/proc/\(child.pid)/cwd", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        #expect(link.prefix(max(length, 0)).suffix(4).elementsEqual(name), "the directory that it works in")
    }

    @Test("inherited descriptors do not reach programs of the service")
    func inheritedDescriptors() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "unix"], room: room, listeners: [listener.number])
        #expect(try room.connect().exchange("hi\n", 3) == "hi\n")
        for number in 3...6 {
            let info = try String(contentsOfFile: "/proc/\(child.pid)/fdinfo/\(number)", encoding: .utf8)
            let flags = info.split(separator: "\n").first { $0.hasPrefix("flags:") }?.split(separator: "\t").last
            // O_CLOEXEC is 02000000.
            #expect((Int(flags ?? "0", radix: 8) ?? 0) & 0o2000000 != 0, "descriptor \(number)")
        }
    }
}
