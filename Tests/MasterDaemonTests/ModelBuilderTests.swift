//===----------------------------------------------------------------------===//
// Quartermaster: tests of reading the whole configuration
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Foundation
import MasterConfig
import MasterPolicy
import MasterProtocol
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

@Suite struct ModelBuilderTests {
    let home: TemporaryDirectory
    var masterPath: String { home.file("master.cf") }

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
    func accounts() -> NameBook {
        let names = NameBook(.asking)
        let isRoot = geteuid() == 0
        let owner = AccountFacts.User(userID: isRoot ? 8 : geteuid(), groupID: 8)
        names.add(.user(owner), to: .user(isRoot ? "mail" : NSUserName()))
        names.add(.user(AccountFacts.User(userID: 65534, groupID: 65534)), to: .user("nobody"))
        names.add(.group(AccountFacts.Group(groupID: 9)), to: .group("news"))
        return names
    }

    /// Builds from these files; nil for a file that is not there.
    func build(main: String? = "", master: String?) throws -> (model: Model?, problems: [String]) {
        if let main { try old(basics + main, "main.cf") }
        if let master { try old(master, "master.cf") }
        var builder = ModelBuilder(configDirectory: home.path, processName: "master", for: .start, names: accounts())
        let model = builder.build()
        // The programs of these services are not there, which is another test's subject.
        return (model, builder.problems.map(\.description).filter { !$0.contains(": cannot execute ") })
    }

    /// Files that were just written would be read again until they have settled.
    func old(_ text: String, _ name: String) throws {
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

    @Test("what cannot be looked up for a shortage is not called wrong")
    func shortage() async {
        await #expect(processExitsWith: .success) {
            let scene = try ModelBuilderTests()
            try scene.old(scene.basics, "main.cf")
            try scene.old("25 inet n - n - 1 c\n26 inet n - n - 1 c\n", "master.cf")
            func build(_ names: NameBook) -> [ConfigProblem] {
                var builder = ModelBuilder(
                    configDirectory: scene.home.path,
                    processName: "master",
                    for: .start,
                    names: names
                )
                #expect(builder.build() == nil)
                return builder.findings.filter { $0.severity == .fatal }
            }
            FaultPlan.fail(.getpwnam, with: .tooManyOpenFiles)
            let accounts = build(NameBook(.asking))
            let main = scene.home.file("main.cf")
            let user = geteuid() == 0 ? "mail" : NSUserName()
            #expect(
                accounts.map(\.message) == ["\(main), line 2: cannot look up user \"\(user)\": Too many open files"]
            )
            #expect(accounts.first?.cure == shortageCure)
            FaultPlan.clear()
            FaultPlan.fail(.getifaddrs, with: .noBufferSpace)
            let interfaces = build(scene.accounts())
            #expect(
                interfaces.map(\.message) == [
                    "\(main), line 6: inet_interfaces: cannot tell which addresses this machine has:"
                        + " No buffer space available"
                ],
                "said once"
            )
            #expect(interfaces.first?.cure == shortageCure)
        }
    }

    @Test(
        "who was root and cannot become root again does not go on as somebody else",
        .enabled(if: geteuid() == 0, "SKIPPED: needs root"),
        arguments: [true, false]
    )
    func strandedIdentity(_ isOnTheWay: Bool) async throws {
        await #expect(processExitsWith: .exitCode(1)) { [isOnTheWay] in
            let scene = try ModelBuilderTests()
            // Whether mail may write there only the kernel knows.
            chmod(scene.home.file("data"), 0o755)
            try scene.old(scene.basics, "main.cf")
            try scene.old("a unix - - n - 1 c\n", "master.cf")
            FaultPlan.fail(isOnTheWay ? .seteuid : .setgid, with: .noMemory)
            var builder = ModelBuilder(
                configDirectory: scene.home.path,
                processName: "master",
                for: .start,
                names: scene.accounts()
            )
            _ = builder.build()
            exit(7)
        }
    }

    @Test("an ordinary user has only own services", .enabled(if: geteuid() == 0, "SKIPPED: needs root"))
    func ordinaryUser() async {
        await #expect(processExitsWith: .success) {
            let scene = try ModelBuilderTests()
            let nobody = try #require(try userAccount(named: "nobody"))
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
