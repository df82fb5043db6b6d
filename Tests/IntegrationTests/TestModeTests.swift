//===----------------------------------------------------------------------===//
// Quartermaster: tests of `-t` and `--check`, which change nothing
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("Asking without changing", .timeLimit(.minutes(60))) struct TestModeTests {
    @Test("-t: 0 when no master runs, with and without a lock file, 1 when one does; silent and unnoticed")
    func states() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        func test() throws -> ProcessResult { try system.runMaster("-t") }

        let fresh = try test()
        #expect(fresh.status == 0, "\(fresh)")
        #expect(!FileManager.default.fileExists(atPath: system.pidFile), "takes no lock, makes no file")

        let master = try system.start()
        let running = try test()
        #expect(running.status == 1)
        #expect(fresh.output + running.output == "", "no output")
        #expect(system.recordedPID == master.pid)
        #expect(Caller.pid(.port(port)) != nil)

        master.send(SIGTERM)
        _ = master.finish()
        #expect(FileManager.default.fileExists(atPath: system.pidFile), "lock files stay")
        #expect(try test().status == 0)
    }

    @Test("-t: 1 for a lock file it cannot open")
    func unreadable() throws {
        let system = try MailSystem([])
        defer { system.end() }
        try FileManager.default.createDirectory(atPath: system.pidFile, withIntermediateDirectories: false)
        #expect(try system.runMaster("-t").status == 1)
    }

    @Test("-t: the lock decides, whatever is wrong with the configuration; 1 when main.cf does not say where it is")
    func broken() throws {
        let system = try MailSystem([])
        defer { system.end() }
        let mistakes = [
            ["mail_owner": "no-such-user-here"], ["max_idle": "5x"], ["master_concurrent_starts": "two"],
            ["compatibility_level": "3.x"], ["debugger_command": "${"],
        ]
        for mistake in mistakes {
            try system.setMain(mistake)
            #expect(try system.runMaster("-t").status == 0, "\(mistake)")
        }
        try system.setMain(["queue_directory": "${"])
        #expect(try system.runMaster("-t").status == 1)
        try FileManager.default.removeItem(atPath: system.mainCf)
        #expect(try system.runMaster("-t").status == 1)
    }

    @Test("a malformed parameter of our own is a warning, and its default counts: at start, at a reload, in --check")
    func ownParameter() throws {
        let system = try MailSystem([Line.unix("talk", "serve")], main: ["master_concurrent_starts": "two"])
        defer { system.end() }
        let text = "bad numerical configuration: master_concurrent_starts = two -- using the default, 0"
        let check = try system.runMaster("--check")
        #expect(check.status == 0 && check.output.contains(text), "\(check)")
        let master = try system.start()
        #expect(system.count(": " + text) == 1, "\(system.log)")
        #expect(try system.reload())
        #expect(system.count(": " + text) == 2, "\(system.log)")
        #expect(master.isRunning)
    }

    @Test("--check: a good configuration, while a master runs on it and while none does")
    func good() throws {
        let port = try FreePort.next()
        let postlog = "postlog unix-dgram n - n - 1 postlogd"
        let lines = [Line.inet(port, "serve"), Line.unix("talk", "serve"), postlog]
        let system = try MailSystem(lines, programs: ["postlogd"])
        defer { system.end() }
        let before = try listing(system)
        let idle = try system.runMaster("--check")
        #expect(idle.status == 0, "\(idle)")
        #expect(idle.output == "\(system.configDirectory): configuration is good\n")
        #expect(try listing(system) == before, "no file made, none touched")

        let master = try system.start()
        let busy = try system.runMaster("--check")
        #expect(busy.status == 0, "its own sockets are not in the way: \(busy)")
        #expect(master.isRunning)
        #expect(system.recordedPID == master.pid)
        #expect(Caller.pid(.port(port)) != nil)
    }

    @Test("--check: every problem in one go, with file, line and cure; status 1; nothing changed")
    func bad() throws {
        let foreign = try ForeignListener()
        let lines = [
            "a unix maybe - n - 1 test-child",
            Line.inet(foreign.port, "serve"),
            // inet_protocols has no IPv6. A name would go to a name server, which may take long.
            "[::1]:2525 inet n - n - 1 test-child",
            "b unix - - n - 1 no-such-program",
            "c unix - - n",
            "d tcp - - n - 1 test-child",
            "postlog unix-dgram n - n - 1 postlogd",
        ]
        let system = try MailSystem(lines, programs: ["postlogd"])
        defer { system.end() }
        let before = try listing(system)
        let result = try system.runMaster("--check")
        #expect(result.status == 1)
        let path = system.masterCf
        for text in [
            "fatal: \(path), line 1: field \"private\": bad value: \"maybe\"\n    ",
            "fatal: \(path), line 2: bind 127.0.0.1 port \(foreign.port): Address already in use\n    ",
            "fatal: \(path), line 3: bad hostname or network address: [::1]:2525\n    ",
            "warning: \(path), line 4: service b: cannot execute \(system.daemonDirectory)/no-such-program: master starts",
            "fatal: \(path), line 5: missing \"wakeup_time\" field\n    ",
            "fatal: \(path), line 6: bad transport type: tcp\n    ",
            "\(system.configDirectory): 5 problems: master would not accept this configuration\n",
        ] { #expect(result.output.contains(text), "\(text) in \(result)") }
        let numbers = result.output.split(separator: "\n").compactMap { line in
            line.split(separator: ", line ").dropFirst().first.flatMap { Int($0.prefix { $0.isNumber }) }
        }
        #expect(numbers == [1, 2, 3, 4, 5, 6], "in the order of the lines: \(result)")
        #expect(try listing(system) == before)
        #expect(system.log == "", "it prints, it does not log")
    }

    @Test("--check: a main.cf that cannot be used")
    func badMain() throws {
        let system = try MailSystem([])
        defer { system.end() }
        try system.setMain(["data_directory": "/nonexistent/data", "maillog_file_prefixes": "/nonexistent"])
        let result = try system.runMaster("--check")
        #expect(result.status == 1)
        #expect(result.output.contains("parameter data_directory: no such directory: /nonexistent/data"))
        #expect(result.output.contains("maillog_file value '\(system.logFile)' does not match any prefix"))
        try FileManager.default.removeItem(atPath: system.mainCf)
        let none = try system.runMaster("--check")
        #expect(none.status == 1)
        #expect(none.output.contains("open \(system.mainCf): No such file or directory"), "\(none)")
    }

    @Test("--check: what a start would stumble over in the queue directory, in the words of the start")
    func stumblingBlocks() throws {
        let system = try MailSystem([
            "a/b unix n - n - 1 test-child", ".. unix n - n - 1 test-child", "dir fifo n - n - 1 test-child",
        ])
        defer { system.end() }
        let files = FileManager.default
        try files.createDirectory(atPath: system.queueDirectory + "/public/dir", withIntermediateDirectories: false)
        try files.createDirectory(atPath: system.pidFile, withIntermediateDirectories: false)
        try files.setAttributes([.posixPermissions: 0o500], ofItemAtPath: system.dataDirectory)
        let result = try system.runMaster("--check")
        #expect(result.status == 1)
        for text in [
            "bind: public/a/b: No such file or directory", "remove public/..: Is a directory",
            "fifo_listen: remove public/dir: Is a directory", "open lock file pid/master.pid: ",
            "mail_owner \(MailSystem.owner) may not make files in \(system.dataDirectory)",
        ] { #expect(result.output.contains(text), "\(text) in \(result)") }
        try files.removeItem(atPath: system.queueDirectory + "/public")
        let other = try system.runMaster("--check")
        #expect(other.output.contains("Create it: mkdir -p \(system.queueDirectory)/public."), "\(other)")
    }

    @Test("--check: a relative configuration directory fails as a start with it would")
    func relativeDirectory() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let argv = [system.daemonDirectory + "/master", "-c", "etc", "--check"]
        let result = try run(argv, directory: system.directory)
        #expect(result.status == 1)
        #expect(result.output.contains("fatal: open etc/master.cf: No such file or directory"), "\(result)")
    }

    @Test("-v: what was read of each service is in the log")
    func verbose() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        try system.start(["-d", "-v"])
        let text = "line 1: service 127.0.0.1:\(port) ([127.0.0.1]:\(port)) inet at 127.0.0.1 port \(port):"
        #expect(system.wait(for: text), "\(system.log)")
        #expect(system.count("inet_interfaces = loopback-only") == 1)
        #expect(Caller.pid(.port(port)) != nil)
        #expect(system.wait(for: ": starting a process, because a client came"), "\(system.log)")
        #expect(system.wait(for: ": idle processes watch for clients (1 idle of 1)"), "\(system.log)")
    }

    @Test(
        "--help and --version go to standard output with status 0",
        arguments: [
            ("--help", "--check    look for mistakes"), ("--version", ", compatible with Postfix 3."),
        ]
    )
    func words(_ option: String, _ text: String) throws {
        let system = try MailSystem([])
        defer { system.end() }
        let result = try system.runMaster(option)
        #expect(result.status == 0)
        #expect(result.output.contains(text))
    }

    /// Every file below the system's directory with its size and time of change.
    private func listing(_ system: MailSystem) throws -> [String] {
        let names = try FileManager.default.subpathsOfDirectory(atPath: system.directory)
        return try names.sorted().map { name in
            let facts = try FileManager.default.attributesOfItem(atPath: system.directory + "/" + name)
            return "\(name) \(facts[.size] ?? 0) \(facts[.modificationDate] ?? "") \(facts[.posixPermissions] ?? 0)"
        }
    }
}
