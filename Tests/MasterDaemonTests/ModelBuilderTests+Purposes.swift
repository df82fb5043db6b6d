//===----------------------------------------------------------------------===//
// Quartermaster: what a start, a reload and --check find in the same files
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import MasterConfig
import MasterPolicy
import MasterProtocol
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

extension ModelBuilderTests {
    private func findings(_ master: String, main: String = "", for purpose: ReadingPurpose) throws -> [String] {
        _ = try build(main: main, master: master)
        var builder = ModelBuilder(configDirectory: home.path, processName: "master", for: purpose, names: accounts())
        _ = builder.build()
        return builder.findings.map(\.description)
    }

    /// Every purpose; the reload is that of a master that runs on the basic settings.
    private func purposes() throws -> [ReadingPurpose] {
        let model = try #require(try build(master: "a unix - - n - 1 c\n").model)
        return [.start, .check, .reload(FrozenSettings(model.settings))]
    }

    @Test(
        "a start, a reload and --check refuse the same, in the same words, with place and cure",
        arguments: [
            ("queue_directory = /nonexistent/q", "parameter queue_directory: no such directory: /nonexistent/q"),
            ("data_directory = /nonexistent/d", "parameter data_directory: no such directory: /nonexistent/d"),
            ("daemon_directory = /nonexistent/s", "parameter daemon_directory: no such directory: /nonexistent/s"),
            ("inet_interfaces = 192.0.2.99", "parameter inet_interfaces: no local interface found for 192.0.2.99"),
            ("import_environment = A {b", "import_environment: missing '}' in \"{b\""),
            ("max_use = many", "bad numerical configuration: max_use = many"),
            ("inet_protocols = ipv5", "unknown inet_protocols value \"ipv5\" in \"ipv5\""),
            ("maillog_file = /tmp/x", "maillog_file value '/tmp/x' does not match any prefix in maillog_file_prefixes"),
            ("maillog_file = /var/no/such/log", "open /var/no/such/log: No such file or directory"),
            ("myhostname = $(", "dictionary mail_dict: macro processing error: truncated macro reference: \"$(\""),
        ]
    )
    func agreement(_ line: String, _ text: String) throws {
        for purpose in try purposes() {
            _ = try build(main: line + "\n", master: "2525 inet n - n - 1 c\n")
            var builder = ModelBuilder(
                configDirectory: home.path,
                processName: "master",
                for: purpose,
                names: accounts()
            )
            #expect(builder.build() == nil, "\(purpose)")
            let fatal = builder.findings.filter { $0.severity == .fatal }
            #expect(fatal.map(\.text) == [text], "\(purpose)")
            #expect(fatal.map(\.place) == [.line(10, of: home.file("main.cf"))], "\(purpose)")
            #expect(fatal.allSatisfy { $0.cure != nil })
        }
    }

    @Test("a check says which line is missing when nobody writes the log file, and a start goes on without a word")
    func logWriter() throws {
        let main = "maillog_file = \(home.file("log"))\nmaillog_file_prefixes = \(home.path)\n"
        let writer = "postlog unix-dgram n - n - 1 postlogd\n"
        for (lines, purpose, isMissed) in [
            ("", ReadingPurpose.check, true), (writer, .check, false), ("", .start, false),
        ] {
            _ = try build(main: main, master: "2525 inet n - n - 1 c\n" + lines)
            var builder = ModelBuilder(
                configDirectory: home.path,
                processName: "master",
                for: purpose,
                names: accounts()
            )
            _ = builder.build()
            let text = "no service postlog of type unix-dgram writes maillog_file: what processes log is lost"
            let found = builder.findings.filter { $0.text == text }
            #expect(found.count == (isMissed ? 1 : 0), "\(lines)")
            #expect(found.allSatisfy { $0.cure?.hasSuffix(": postlog unix-dgram n - n - 1 postlogd") == true })
        }
    }

    @Test("a directory of endpoints that is missing is a mistake where a service needs it")
    func endpointDirectories() throws {
        let all = try purposes()
        try FileManager.default.removeItem(atPath: home.file("queue/private"))
        let text = "fatal: \(home.file("main.cf")), line 7: no such directory: \(home.file("queue/private"))"
        for purpose in all {
            let needed = try findings("a unix - - n - 1 c\n", for: purpose).filter { $0.hasPrefix("fatal: ") }
            #expect(needed == [text])
            let unused = try findings("a unix n - n - 1 c\n", for: purpose).filter { $0.hasPrefix("fatal: ") }
            #expect(unused == [])
        }
    }

    @Test("a main.cf that sets nothing: a start makes do with the defaults, a reload and --check refuse it")
    func emptyMain() throws {
        let all = try purposes()
        for (purpose, severity) in zip(all, [ConfigProblem.Severity.warning, .fatal, .fatal]) {
            try old("# nothing\n", "main.cf")
            var builder = ModelBuilder(
                configDirectory: home.path,
                processName: "master",
                for: purpose,
                names: accounts()
            )
            _ = builder.build()
            let found = try #require(builder.findings.first { $0.text == "no parameter is set" })
            #expect(found.severity == severity)
            #expect(found.message == "\(home.file("main.cf")): no parameter is set")
        }
    }

    @Test("the mistakes of both files are found in one go, in the order of the lines")
    func bothFiles() throws {
        for purpose in try purposes() {
            let main = "max_use = many\n  \nmax_idle = 5x\n"
            _ = try build(main: main, master: "a tcp - - n - 1 c\n b\nb unix - - n - 0x5 c\n\na unix q - n - 1 c\n")
            var builder = ModelBuilder(
                configDirectory: home.path,
                processName: "master",
                for: purpose,
                names: accounts()
            )
            #expect(builder.build() == nil)
            let paths = [home.file("main.cf"), masterPath]
            let places = builder.findings.compactMap(\.place).filter { $0.line != nil }
            #expect(places.map { paths.firstIndex(of: $0.file) } == [0, 0, 1, 1, 1, 1], "\(builder.findings)")
            #expect(places.map(\.line) == [10, 12, 1, 3, 3, 5])
        }
    }

    @Test("what a reload cannot change is warned about with its place, as far as a start would accept it")
    func frozenDirectories() throws {
        let reload = try #require(try purposes().last)
        for name in ["other", "other/pid", "moved"] {
            try FileManager.default.createDirectory(atPath: home.file(name), withIntermediateDirectories: false)
            chmod(home.file(name), 0o777)
        }
        let (other, moved) = (home.file("other"), home.file("moved"))
        let found = try findings(
            "a unix - - n - 1 c\n",
            main: "queue_directory = \(other)\ndata_directory = \(moved)\n",
            for: reload
        )
        let main = home.file("main.cf")
        #expect(
            found.filter { !$0.contains("overriding") && !$0.contains("cannot execute") } == [
                "warning: \(main), line 10: ignoring queue_directory parameter value change"
                    + " -- old value: \"\(home.file("queue"))\", new value: \"\(other)\"",
                "warning: \(main), line 11: master keeps its lock in the old data_directory, \(home.file("data"))",
            ]
        )
    }

    @Test("a missing program is a warning, once, whatever the files are read for")
    func missingProgram() throws {
        let text =
            "warning: \(masterPath), line 1: service a: cannot execute \(home.file("sbin/such")): master starts all the same,"
            + " but clients of the service will wait"
        let master = "a unix - - n - 1 such\nb unix - - n - 1 such\n"
        for purpose in try purposes() {
            let found = try findings(master, for: purpose)
            #expect(found.filter { $0.contains("cannot execute") } == [text])
        }
    }

    @Test("a master.cf without services: a start warns, a reload and --check refuse unless it was asked for")
    func noServices() throws {
        let text = "\(masterPath): there is no service"
        #expect(try findings("", for: .start) == ["warning: \(text)"])
        #expect(try findings("# nothing\n", for: .check) == ["fatal: \(text)"])
        #expect(try findings("", main: "master_allow_no_services = yes\n", for: .check) == ["warning: \(text)"])
    }

    @Test("a line of main.cf that is none is a reason to refuse it, and not to keep quiet about the rest")
    func malformedLine() throws {
        let (model, problems) = try build(main: "oops\nmax_idle = 5x\n", master: "a unix - - n - 1 c\n")
        #expect(model == nil)
        #expect(problems.contains { $0.hasSuffix("missing '=' after attribute name: \"oops\"") })
        #expect(problems.contains { $0.hasSuffix("parameter max_idle: bad time value or unit: 5x") })
    }

    @Test("names that mean nothing are warned about, whatever the files are read for")
    func unusedParameters() throws {
        let master = "a unix - - n - 1 sh -o { sh_limit = $own } -o max_us=1\n"
        let main = "daemon_directory = /bin\nmax_idel = 3s\nown = 1\nsh_limit = 2\n"
        let text = "warning: \(home.file("main.cf")), line 11: unused parameter: max_idel (did you mean max_idle?)"
        let option =
            "warning: \(masterPath), line 1: service a: unused parameter in an -o option: max_us (did you mean max_use?)"
        for purpose in try purposes() {
            let found = try findings(master, main: main, for: purpose)
            #expect(found.filter { !$0.contains("overriding") } == [text, option])
        }
    }
}
