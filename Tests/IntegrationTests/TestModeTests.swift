//===----------------------------------------------------------------------===//
// Quartermaster: tests of `-t` and `--check`, which change nothing
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("Asking without changing", .timeLimit(.minutes(60))) struct TestModeTests {
    @Test("-t: 0 when no master runs, with and without a lock file, 1 when one does; silent, and nobody notices")
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

    @Test("-t: 1 for a broken configuration, though no master runs")
    func broken() throws {
        let system = try MailSystem([])
        defer { system.end() }
        try system.setMain(["mail_owner": "no-such-user-here"])
        #expect(try system.runMaster("-t").status == 1)
        try FileManager.default.removeItem(atPath: system.mainCf)
        #expect(try system.runMaster("-t").status == 1)
    }

    @Test("--check: a good configuration, while a master runs on it and while none does")
    func good() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve"), Line.unix("talk", "serve")])
        defer { system.end() }
        let before = try listing(system)
        let idle = try system.runMaster("--check")
        #expect(idle.status == 0, "\(idle)")
        #expect(idle.output == "\(system.configDirectory): configuration is good\n")
        #expect(try listing(system) == before, "no file made, none touched")

        let master = try system.start()
        let busy = try system.runMaster("--check")
        #expect(busy.status == 0, "its own sockets are in nobody's way: \(busy)")
        #expect(master.isRunning)
        #expect(system.recordedPID == master.pid)
        #expect(Caller.pid(.port(port)) != nil)
    }

    @Test("--check: every problem in one go, with file, line and cure; status 1; nothing changed")
    func bad() throws {
        let foreign = try ForeignListener()
        let system = try MailSystem([
            "a unix maybe - n - 1 test-child",
            Line.inet(foreign.port, "serve"),
            // inet_protocols has no IPv6. A name would go to a name server, which may take long.
            "[::1]:2525 inet n - n - 1 test-child",
            "b unix - - n - 1 no-such-program",
            "c unix - - n",
            "d tcp - - n - 1 test-child",
        ])
        defer { system.end() }
        let before = try listing(system)
        let result = try system.runMaster("--check")
        #expect(result.status == 1)
        let path = system.masterCf
        for text in [
            "fatal: \(path): line 1: field \"private\": bad value: \"maybe\"\n    ",
            "bind 127.0.0.1 port \(foreign.port): Address already in use\n    ",
            "fatal: \(path): line 3: bad hostname or network address: ::1\n    ",
            "fatal: \(path): line 4: service b: cannot execute \(system.daemonDirectory)/no-such-program\n    ",
            "fatal: \(path): line 5: missing \"wakeup_time\" field\n    ",
            "fatal: \(path): line 6: bad transport type: tcp\n    ",
            "\(system.configDirectory): 6 problems: master would not accept this configuration\n",
        ] { #expect(result.output.contains(text), "\(text) in \(result)") }
        #expect(result.output.contains("\(path), line 2: bind "), "the place of a failed bind: \(result)")
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

    @Test(
        "--help and --version go to standard output with status 0",
        arguments: [
            ("--help", "--check    look for mistakes"), ("--version", "Quartermaster, compatible with Postfix "),
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
