//===----------------------------------------------------------------------===//
// Quartermaster: tests of parameters and settings
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import MasterConfig

@Suite struct MainSettingsTests {
    @Test("an empty file gives the defaults")
    func defaults() {
        let (found, problems) = settings()
        #expect(problems == [])
        #expect(found.maxIdle == 100)
        #expect(found.maxUse == 100)
        #expect(found.syslogName == "postfix")
        #expect(found.daemonDirectory == "/usr/lib/postfix/sbin")
        #expect(found.myHostName == "mx.example.com")
        #expect(found.myDomain == "example.com")
        #expect(found.mailVersion == "3.7.11")
        #expect(found.syslogFacility.code == 16)
        #expect(!found.usesPostlog)
    }

    @Test(
        "times have units, and the unit of the default counts",
        arguments: [
            ("max_idle = 10seconds", 10), ("max_idle = 2m", 120), ("max_idle=1h", 3600), ("max_idle=1d", 86400),
            ("max_idle=1w", 604800), ("max_idle = 7", 7), ("max_idle = +7", 7), ("x = 5\nmax_idle = ${x}m", 300),
        ]
    )
    func times(_ file: String, _ seconds: Int) {
        let (found, problems) = settings(file)
        #expect(found.maxIdle == seconds)
        #expect(problems == [])
    }

    @Test(
        "every malformed value is refused with its reason",
        arguments: [
            ("max_idle = 0", "invalid max_idle: 0 (min 1)"),
            ("max_idle = s", "invalid max_idle: 0 (min 1)"),
            ("in_flow_delay = 11s", "invalid in_flow_delay: 11 (max 10)"),
            ("max_idle = 5S", "parameter max_idle: bad time value or unit: 5S"),
            ("max_idle = -5", "parameter max_idle: bad time value or unit: -5"),
            ("max_idle =", "parameter max_idle: bad time value or unit: "),
            ("max_idle = 5 s", "parameter max_idle: bad time value or unit: 5 s"),
            ("max_idle = 99999999999", "parameter max_idle: bad time value or unit: 99999999999"),
            ("max_idle = 9999999w", "parameter max_idle: bad time value or unit: 9999999w"),
            ("max_use = 0", "invalid max_use parameter value 0 < 1"),
            ("max_use = 5x", "bad numerical configuration: max_use = 5x"),
            ("max_use =", "bad numerical configuration: max_use = "),
            ("queue_directory =", "bad string length 0 < 1: queue_directory = "),
            ("multi_instance_enable = maybe", "bad boolean configuration: multi_instance_enable = maybe"),
            ("inet_protocols = x", "unknown inet_protocols value \"x\" in \"x\""),
            ("inet_protocols = IPv4", "unknown inet_protocols value \"IPv4\" in \"IPv4\""),
            ("compatibility_level = 3.x", "malformed compatibility level syntax: \"3.x\""),
            ("syslog_facility = xx", "parameter syslog_facility: unrecognized value: xx"),
            (
                "myhostname = a b",
                "parameter myhostname: bad parameter value: a b -- valid_hostname: invalid character 32(decimal): a b"
            ),
            ("mydomain = -a", "parameter mydomain: bad parameter value: -a -- valid_hostname: misplaced hyphen: -a"),
            (
                "maillog_file = /tmp/x",
                "maillog_file value '/tmp/x' does not match any prefix in maillog_file_prefixes"
            ),
            ("max_idle = ${x", "dictionary mail_dict: macro processing error: truncated macro reference: \"${x\""),
            ("foo", "missing '=' after attribute name: \"foo\""),
        ]
    )
    func refusals(_ file: String, _ text: String) {
        #expect(fatals(file) == [text])
        #expect(settings(file).1.allSatisfy { $0.severity != .fatal || $0.cure != nil })
    }

    @Test("one pass finds all problems with their lines")
    func allProblems() {
        let (_, problems) = settings("max_use = x\n\nmax_idle = y\nfoo\nqueue_directory =\n")
        let fatal = problems.filter { $0.severity == .fatal }
        #expect(fatal.compactMap(\.line).sorted() == [1, 3, 4, 5])
        #expect(fatal.allSatisfy { $0.file == "/c/main.cf" })
    }

    @Test("what is wrong with an option is not said to be in main.cf")
    func optionsHaveNoPlace() throws {
        var parsed = dictionary("max_use = many")
        parsed.set("max_idle", "5x")
        var problems: [ConfigProblem] = []
        _ = MainSettings.evaluate(&parsed, host: testHost, problems: &problems)
        let inFile = try #require(problems.first { $0.text.contains("max_use") })
        #expect(inFile.place == .line(1, of: "/c/main.cf"))
        let option = try #require(problems.first { $0.text.contains("max_idle") })
        #expect(option.message == "parameter max_idle: bad time value or unit: 5x")
        #expect(option.cure?.hasSuffix(" It is in an option of the service, in master.cf.") == true)
    }

    @Test("strings and numbers have upper limits")
    func upperLimits() {
        var problems: [ConfigProblem] = []
        var parsed = dictionary("s = abcdef\nn = 12\nr = $s\nb = YES")
        _ = parsed.value(of: StringParameter("s", default: "", maxLength: 5), problems: &problems)
        _ = parsed.value(of: IntegerParameter("n", default: 1, max: 10), problems: &problems)
        #expect(
            problems.map(\.text) == ["bad string length 6 > 5: s = abcdef", "invalid n parameter value 12 > 10"]
        )
        problems = []
        #expect(parsed.value(of: RawParameter("r", default: ""), problems: &problems) == "$s")
        #expect(parsed.value(of: StringParameter("r", default: ""), problems: &problems) == "abcdef")
        #expect(parsed.value(of: BooleanParameter("b", default: false), problems: &problems))
        #expect(parsed.value(of: IntegerParameter("later", default: "$n"), problems: &problems) == 12)
        #expect(parsed.lookup("later") == "12")
        #expect(parsed.value(of: TimeParameter("t", default: "${n}m"), problems: &problems) == 720)
        #expect(problems == [])
    }

    @Test("the unit of the default is the default unit")
    func defaultUnit() {
        var problems: [ConfigProblem] = []
        var parsed = dictionary("t = 3")
        #expect(parsed.value(of: TimeParameter("t", default: "1d"), problems: &problems) == 259_200)
    }

    @Test("a short host name gets a domain")
    func shortHostName() {
        let short = HostFacts(hostName: "mx", configDirectory: "/c")
        #expect(settings("", host: short).0.myHostName == "mx.localdomain")
        #expect(settings("", host: short).0.myDomain == "localdomain")
        #expect(settings("mydomain = example.org", host: short).0.myHostName == "mx.example.org")
        #expect(settings("myhostname = vm", host: short).0.myHostName == "vm")
        #expect(settings("myhostname = vm", host: short).0.myDomain == "localdomain")
    }

    @Test("the instance names the log")
    func instanceName() {
        #expect(settings("multi_instance_name = postfix-b").0.syslogName == "postfix-b")
        let service = HostFacts(hostName: "h.x", configDirectory: "/c", processName: "smtpd", serviceName: "submission")
        #expect(settings("syslog_name = postfix/$service_name", host: service).0.syslogName == "postfix/submission")
        #expect(settings("syslog_name = $process_name.$config_directory").0.syslogName == "master./c")
    }

    @Test("other daemons' parameters are there for reference")
    func foreignParameters() {
        #expect(settings("syslog_name = $anvil_rate_time_unit/$mail_version/$smtpd_banner").0.syslogName == "/3.7.11/")
        var problems: [ConfigProblem] = []
        var parsed = dictionary("")
        _ = MainSettings.evaluate(&parsed, host: testHost, problems: &problems)
        #expect(parsed.lookup("anvil_rate_time_unit") == "60s")
        #expect(parsed.lookup("process_id_directory") == "pid")
        #expect(parsed.value(of: ParameterTable.postlogdWatchdogTimeout, problems: &problems) == 10)
    }

    @Test("bad names come with their reason")
    func badNames() {
        for (name, reason) in [
            ("a..b", "misplaced delimiter: a..b"), ("a-.b", "misplaced hyphen: a-.b"),
            ("1.2", "numeric hostname: 1.2"), ("a b", "invalid character 32(decimal): a b"),
            ("a" + String(repeating: "x", count: 70), "hostname label too long: a" + String(repeating: "x", count: 70)),
        ] {
            #expect(
                settings("myhostname = \(name)\nmydomain=d").1.first?.text.hasSuffix(" -- valid_hostname: \(reason)")
                    == true
            )
        }
    }

    @Test("config_directory in the file changes nothing")
    func configDirectory() {
        let (found, problems) = settings("config_directory = /x")
        #expect(found.configDirectory == "/c")
        #expect(problems.map(\.message) == ["/c/main.cf, line 1: overriding earlier entry: config_directory=/c"])
    }

    @Test("log file permissions that are none fall back to the default")
    func logFilePermissions() {
        #expect(settings("maillog_file_permissions = 0640").0.maillogFilePermissions == 0o640)
        let (found, problems) = settings("maillog_file_permissions = 0777")
        #expect(found.maillogFilePermissions == 0o600)
        #expect(problems.map(\.severity) == [.warning])
    }

    @Test("address families are a list")
    func addressFamilies() throws {
        #expect(try AddressFamilies.parse("all") == [.ipv4, .ipv6])
        #expect(try AddressFamilies.parse("ipv4, ipv6") == [.ipv4, .ipv6])
        #expect(try AddressFamilies.parse("ipv6") == [.ipv6])
        #expect(try AddressFamilies.parse("") == [])
    }

    @Test("a file that changed just now is hot")
    func hotFile() {
        #expect(HotFile.decide(modified: 98, now: 100, started: 100) == .settled)
        #expect(HotFile.decide(modified: 99, now: 100, started: 100) == .readAgain(afterMilliseconds: 300))
        #expect(HotFile.decide(modified: 101, now: 101, started: 100) == .readAgain(afterMilliseconds: 300))
        #expect(HotFile.decide(modified: 102, now: 101, started: 100) == .settled)
    }
}

@Suite struct ImportEnvironmentTests {
    private func parse(_ text: String) -> ([ImportEnvironment.Item], [String]) {
        var problems: [ConfigProblem] = []
        let items = ImportEnvironment.parse(text, problems: &problems)
        return (items, problems.map(\.text))
    }

    @Test("items are kept or set")
    func items() {
        let (items, problems) = parse("A, B=b {C = c d} { D=} X")
        #expect(items == [.keep("A"), .set("B", "b"), .set("C", "c d"), .set("D", ""), .keep("X")])
        #expect(problems == [])
    }

    @Test("malformed items are refused with their reason")
    func malformedItems() {
        #expect(parse("A =x").1 == ["clean_env: missing attribute name in: =x"])
        #expect(parse("{ = x }").1 == ["clean_env: missing attribute name in: = x"])
        #expect(parse("{a b=c}").1 == ["clean_env: missing '=' after attribute name in: a b=c"])
        #expect(parse("{a").1 == ["import_environment: missing '}' in \"{a\""])
    }

    @Test("only the list survives")
    func listedOnly() {
        let scrubbed = ImportEnvironment.scrub(
            environment: [("PATH", "/bin"), ("TZ", "UTC"), ("LANG", "de")],
            items: [.keep("TZ"), .keep("GONE"), .set("LANG", "C"), .set("TZ", "CET")]
        )
        #expect(scrubbed.map { "\($0.name)=\($0.value)" } == ["TZ=CET", "LANG=C"])
    }
}

@Suite struct IdentityChecksTests {
    private typealias User = AccountFacts.User

    private static let good = AccountFacts(
        mailOwner: User(userID: 101, groupID: 104, nameByID: "postfix"),
        defaultPrivs: User(userID: 65534, groupID: 65534, nameByID: "nobody"),
        setgidGroup: AccountFacts.Group(groupID: 105, nameByID: "postdrop")
    )

    private func texts(_ main: String = "", _ change: (inout AccountFacts) -> Void) -> [String] {
        var facts = Self.good
        change(&facts)
        return IdentityChecks.problems(settings: settings(main).0, accounts: facts).map(\.text)
    }

    @Test("ordinary accounts are fine")
    func ordinaryAccounts() {
        #expect(texts { _ in } == [])
    }

    @Test("accounts that do not exist are refused by name")
    func unknownAccounts() {
        #expect(
            texts { $0.mailOwner = nil } == ["parameter mail_owner: unknown user name value: postfix"]
        )
        #expect(
            texts { $0.defaultPrivs = nil }
                == ["parameter default_privs: unknown user name value: nobody"]
        )
        #expect(
            texts { $0.setgidGroup = nil } == ["parameter setgid_group: unknown group name: postdrop"]
        )
    }

    @Test("accounts with the IDs of root are refused")
    func privilegedIDs() {
        #expect(
            texts { $0.mailOwner?.userID = 0 }
                == ["parameter mail_owner: user postfix has privileged user ID"]
        )
        #expect(
            texts { $0.defaultPrivs?.groupID = 0 }
                == ["parameter default_privs: user nobody has privileged group ID"]
        )
        #expect(
            texts { $0.setgidGroup?.groupID = 0 }
                == ["parameter setgid_group: group postdrop has privileged group ID"]
        )
    }

    @Test("accounts that share their ID with another are refused")
    func sharedIDs() {
        #expect(
            texts { $0.mailOwner?.nameByID = "other" }
                == ["parameter mail_owner: user postfix has same user ID as other"]
        )
        #expect(
            texts { $0.setgidGroup?.nameByID = "other" }
                == ["parameter setgid_group: group postdrop has same group ID as other"]
        )
        #expect(
            texts("default_privs = postfix") { $0.defaultPrivs = $0.mailOwner }
                == ["parameters default_privs and mail_owner specify the same user postfix"]
        )
        #expect(
            texts { $0.defaultPrivs?.userID = 101 } == [
                "parameters default_privs and mail_owner: "
                    + "users nobody and postfix have the same user ID: 101"
            ]
        )
        #expect(
            texts { $0.defaultPrivs?.groupID = 104 } == [
                "parameters default_privs and mail_owner: "
                    + "users nobody and postfix have the same group ID: 104"
            ]
        )
        #expect(
            texts { $0.mailOwner?.groupID = 105 } == [
                "parameters mail_owner and setgid_group: "
                    + "user postfix and group postdrop have the same group ID: 105"
            ]
        )
    }
}
