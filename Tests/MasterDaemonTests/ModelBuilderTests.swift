//===----------------------------------------------------------------------===//
// Quartermaster: tests of reading the whole configuration
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

@Suite struct ModelBuilderTests {
    private let home: TemporaryDirectory
    private var masterPath: String { home.file("master.cf") }

    init() throws {
        home = try TemporaryDirectory("qm-model")
        for name in ["queue", "queue/pid", "queue/private", "queue/public", "data", "sbin"] {
            try FileManager.default.createDirectory(atPath: home.file(name), withIntermediateDirectories: false)
            // Whoever the mail owner is.
            chmod(home.file(name), 0o777)
        }
    }

    private var basics: String {
        """
        compatibility_level = 3.6
        mail_owner = \(geteuid() == 0 ? "mail" : NSUserName())
        default_privs = nobody
        setgid_group = news
        inet_protocols = ipv4
        inet_interfaces = loopback-only
        queue_directory = \(home.file("queue"))
        data_directory = \(home.file("data"))
        daemon_directory = \(home.file("sbin"))

        """
    }

    /// Answers about the accounts of the basic settings: the C library has one buffer for them, and tests many threads.
    private func accounts() -> NameBook {
        let names = NameBook(.asking)
        let isRoot = geteuid() == 0
        let owner = AccountFacts.User(userID: isRoot ? 8 : geteuid(), groupID: 8)
        names.add(.user(owner), to: .user(isRoot ? "mail" : NSUserName()))
        names.add(.user(AccountFacts.User(userID: 65534, groupID: 65534)), to: .user("nobody"))
        names.add(.group(AccountFacts.Group(groupID: 9)), to: .group("news"))
        return names
    }

    /// Builds from these files; nil for a file that is not there.
    private func build(main: String? = "", master: String?) throws -> (model: Model?, problems: [String]) {
        if let main { try old(basics + main, "main.cf") }
        if let master { try old(master, "master.cf") }
        var builder = ModelBuilder(configDirectory: home.path, processName: "master", for: .start, names: accounts())
        let model = builder.build()
        // The programs of these services are not there, which is another test's subject.
        return (model, builder.problems.map(\.description).filter { !$0.contains(": cannot execute ") })
    }

    /// Files that were just written would be read again until they have settled.
    private func old(_ text: String, _ name: String) throws {
        try home.write(text, to: name)
        let hourAgo = Date(timeIntervalSinceNow: -3600)
        try FileManager.default.setAttributes([.modificationDate: hourAgo], ofItemAtPath: home.file(name))
    }

    @Test("a good configuration becomes the services it describes")
    func goodFiles() throws {
        let (model, problems) = try build(
            main: "default_process_limit = 50\n",
            master: "2525 inet n - n - 5 a\nb unix - - n - - b\nc unix-dgram n - n - 1 c\nd fifo - - n - 1 d\n"
        )
        #expect(problems == [])
        let services = try #require(model?.services)
        #expect(services.map(\.identity.canonicalName) == ["2525", "private/b", "public/c", "private/d"])
        #expect(services.map(\.isLocalOnly) == [true, true, true, true])
        #expect(services.map(\.backlog) == [50, 50, 50, 50])
        #expect(services[0].endpoint == .inet([SocketAddress(ipv4: [127, 0, 0, 1], port: 2525)]))
        #expect(services[1].endpoint == .path("private/b", .unix))
        #expect(
            try build(
                main: "default_process_limit = 50\nnext_master_listen_backlog = 7\n",
                master: "2525 inet n - n - 1 relay\nnext unix n - n - 1 relay\nold unix n - n - 1 /usr/bin/relay\n"
            ).model?.services.map(\.backlog) == [4096, 7, 50],
            "a program of ours whose processes have thousands of clients"
        )
        let rules = services[1].rules(processors: 3)
        #expect(rules.processLimit == 50)
        #expect(rules.throttleSeconds == 60)
        #expect(rules.concurrentStarts == 3, "0 means as many as processors")
    }

    @Test("A service has the settings of its own name, and all others the general ones")
    func ownSettings() throws {
        let (model, problems) = try build(
            main: """
                master_concurrent_starts = 4
                b_master_concurrent_starts = 1
                b_fifo_service_throttle_time = 2m
                a_service_throttle_time = later

                """,
            master: "a unix - - n - - c\nb unix - - n - - c\nb fifo - - n - - c\n"
        )
        let rules = try #require(model?.services).map { $0.rules(processors: 9) }
        #expect(rules.map(\.concurrentStarts) == [4, 1, 1])
        #expect(rules.map(\.throttleSeconds) == [60, 60, 120])
        #expect(problems.count == 1)
        #expect(problems[0].hasSuffix("a_service_throttle_time: bad time value or unit: later -- ignored"))
    }

    @Test("Who is told about stress is the policy's rule", arguments: [(0, false), (1, false), (2, true)])
    func stress(_ limit: Int, _ isTold: Bool) throws {
        let (model, _) = try build(master: "a pass - - n - \(limit) a\nb unix - - n - \(limit) b\n")
        let services = try #require(model?.services)
        let rules = services.map { $0.rules(processors: 1) }
        #expect(rules.map(\.isStressEligible) == [isTold, false])
    }

    @Test("a file that is not there is fatal")
    func missingFiles() throws {
        let (none, problems) = try build(master: nil)
        #expect(none == nil)
        #expect(problems == ["fatal: open \(masterPath): No such file or directory"])
        try FileManager.default.removeItem(atPath: home.file("main.cf"))
        let (neither, first) = try build(main: nil, master: "")
        #expect(neither == nil)
        #expect(first == ["fatal: open \(home.file("main.cf")): No such file or directory"])
    }

    @Test("every mistake of master.cf is told, whatever its kind")
    func everyProblem() throws {
        let (model, problems) = try build(
            master: """
                a unix maybe - n - 1 c
                no.such.host.invalid:25 inet n - n - 1 c
                127.0.0.1:no-such-service inet n - n - 1 c
                e unix - - n - 1

                """
        )
        #expect(model == nil)
        #expect(
            Set(problems) == [
                "fatal: \(masterPath), line 1: field \"private\": bad value: \"maybe\"",
                "fatal: \(masterPath), line 2: bad hostname or network address: no.such.host.invalid:25",
                "fatal: \(masterPath), line 3: 127.0.0.1:no-such-service: Servname not supported for ai_socktype",
                "fatal: \(masterPath), line 4: missing \"command\" field",
            ]
        )
    }

    @Test("the last of two entries for one service counts")
    func twoEntries() throws {
        let (model, problems) = try build(master: "smtp inet n - n - 1 a\n25 inet n - n - 9 b\n")
        #expect(
            problems == [
                "warning: \(masterPath), line 2: duplicate master.cf entry for service \"smtp\" (25) -- using the last entry"
            ]
        )
        #expect(model?.services.map(\.entry.command) == ["b"])
    }

    @Test(
        "an owner or a group that does not exist, or is privileged, is fatal",
        .enabled(if: geteuid() == 0, "SKIPPED: needs root")
    )
    func badOwner() throws {
        for (main, text) in [
            ("mail_owner = no-such-user\n", "parameter mail_owner: unknown user name value: no-such-user"),
            ("mail_owner = root\n", "parameter mail_owner: user root has privileged user ID"),
            ("setgid_group = no-such-group\n", "parameter setgid_group: unknown group name: no-such-group"),
        ] {
            let (model, problems) = try build(main: main, master: "")
            #expect(model == nil)
            #expect(problems.contains { $0.hasPrefix("fatal: ") && $0.contains(text) }, "\(problems)")
        }
    }

    @Test("an ordinary user has only own services", .enabled(if: geteuid() == 0, "SKIPPED: needs root"))
    func ordinaryUser() async {
        await #expect(processExitsWith: .success) {
            let scene = try ModelBuilderTests()
            let nobody = try #require(userAccount(named: "nobody"))
            try Identity.borrow(nobody)
            defer { try? Identity.returnToRoot() }
            let master = "a unix - n n - 1 c\nb unix - - y - 1 c\nc unix - - n - 1 c\n"
            // The files belong to root and are only read here.
            try Identity.returnToRoot()
            try scene.old(scene.basics + "mail_owner = nobody\n", "main.cf")
            try scene.old(master, "master.cf")
            try Identity.borrow(nobody)
            var builder = ModelBuilder(configDirectory: scene.home.path, processName: "master", for: .start)
            #expect(builder.build() == nil)
            #expect(
                builder.problems.filter { $0.severity == .fatal }.map(\.message) == [
                    "\(scene.masterPath), line 1: service a: a privileged service needs root privileges",
                    "\(scene.masterPath), line 2: service b: chroot needs root privileges",
                ],
                "\(builder.problems)"
            )
        }
    }

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

    @Test("a plan keeps the sockets it has")
    func keepsSockets() {
        let running = plan("a", .inet, .inet([SocketAddress(ipv4: [127, 0, 0, 1], port: 1)]))
        let new = plan("a", .inet, .inet([SocketAddress(ipv4: [127, 0, 0, 2], port: 1)]), processLimit: 7)
        let kept = new.keepingEndpoint(of: running)
        #expect(kept.endpoint == running.endpoint)
        #expect(kept.entry.processLimit == 7)
        #expect(kept.problem(EndpointFailure(text: "x"), settings()).line == new.entry.line)
    }
}
