//===----------------------------------------------------------------------===//
// Quartermaster: starts that fail, and what they say
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension StartTests {
    @Test("a port in use is fatal, in the log and on standard error", arguments: ways)
    func portInUse(_ option: String) throws {
        let foreign = try ForeignListener()
        let good = try FreePort.next()
        let system = try MailSystem([Line.inet(good, "serve"), Line.inet(foreign.port, "serve")])
        defer { system.end() }
        let result = try system.runMaster(option)
        let text = "fatal: \(system.masterCf), line 2: bind 127.0.0.1 port \(foreign.port): Address already in use"
        #expect(result.status == 1, "\(result)")
        #expect(system.count(text) == 1, "\(system.log)")
        #expect(result.output.contains(text), "\(result)")
        if option == "-w" {
            #expect(result.output.contains("fatal: daemon initialization failure -- see logs for details"))
        }
        #expect(system.count("daemon started") == 0)
        #expect(system.processes("master").isEmpty)
    }

    @Test("an address that is not of this machine is fatal, and says so to the start script")
    func foreignAddress() throws {
        let port = try FreePort.next()
        let system = try MailSystem(["192.0.2.1:\(port) inet n - n - 1 test-child mode=serve"])
        defer { system.end() }
        let result = try system.runMaster(geteuid() == 0 ? "-w" : "-d")
        #expect(result.status == 1)
        #expect(result.output.contains(", line 1: bind 192.0.2.1 port \(port): Cannot assign requested address ("))
    }

    @Test(
        "a broken configuration is fatal at start, with file and line",
        arguments: [
            (
                "main", "queue_directory = /nonexistent/queue\n",
                "parameter queue_directory: no such directory: /nonexistent/queue (Create it: "
            ),
            ("main", "mail_owner = no-such-user-here\n", "no-such-user-here"),
            (
                "main", "service_throttle_time = soon\n",
                "invalid service_throttle_time: 0 (min 1) (Set service_throttle_time to a time of at least 1"
            ),
            ("master", "a unix - - n - 1\n", "master.cf, line 1: missing \"command\" field (Write all eight"),
            (
                "master", "\n# two\na unix maybe - n - 1 c\n",
                "master.cf, line 3: field \"private\": bad value: \"maybe\" (Use y, n, or"
            ),
        ]
    )
    func brokenConfiguration(_ file: String, _ text: String, _ message: String) throws {
        let system = try MailSystem([])
        defer { system.end() }
        if file == "main" {
            try system.write(try String(contentsOfFile: system.mainCf, encoding: .utf8) + text, to: system.mainCf)
        } else {
            try system.write(text, to: system.masterCf)
        }
        let result = try system.runMaster("-d")
        #expect(result.status == 1)
        #expect(result.output.contains("master: fatal: \(system.configDirectory)/\(file).cf, line "), "\(result)")
        #expect(result.output.contains(message), "\(result)")
    }

    @Test("a start names every mistake of both files, where a person looks and in the log")
    func everyMistake() throws {
        let system = try MailSystem(["a unix maybe - n - 1 test-child", "b tcp - - n - 1 test-child"])
        defer { system.end() }
        try system.setMain(["max_idle": "5x", "data_directory": "/nonexistent/data"])
        let result = try system.runMaster("-d")
        #expect(result.status == 1)
        for text in [
            ": parameter max_idle: bad time value or unit: 5x (Set max_idle",
            ": parameter data_directory: no such directory: /nonexistent/data (Create it",
            "master.cf, line 1: field \"private\": bad value: \"maybe\" (Use y",
            "master.cf, line 2: bad transport type: tcp (Use one",
        ] { #expect(result.output.contains(text), "\(text) in \(result)") }
        #expect(result.output.split(separator: "\n").count { $0.contains("fatal: ") } == 1)
    }

    @Test("a configuration file that is not there is fatal, and -w tells it", arguments: ["main.cf", "master.cf"])
    func missingFile(_ name: String) throws {
        let system = try MailSystem([])
        defer { system.end() }
        let path = system.configDirectory + "/" + name
        try FileManager.default.removeItem(atPath: path)
        for option in Self.ways {
            let result = try system.runMaster(option)
            #expect(result.status == 1)
            #expect(result.output.contains("master: fatal: open \(path): No such file or directory"), "\(result)")
        }
    }

    @Test(
        "options that do not go together",
        arguments: [
            (["-i"], "-i is allowed only for PID 1 process"),
            (["-t", "-w"], "the -t and -w options cannot be used together"),
            (["-Z"], "usage: "),
            (["surplus"], "usage: "),
            (["-c"], "usage: "),
        ]
    )
    func wrongUse(_ options: [String], _ message: String) throws {
        let system = try MailSystem([])
        defer { system.end() }
        let result = try system.launch(options).finish()
        #expect(result.status == 1)
        if geteuid() == 0 { #expect(result.output.contains("master: fatal: \(message)"), "\(result)") }
        #expect(system.count("daemon started") == 0)
    }
}
