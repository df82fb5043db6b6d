//===----------------------------------------------------------------------===//
// Quartermaster: tests of master.cf
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import Testing

@testable import MasterConfig

@Suite struct MasterFileTests {
    private func one(_ line: String, main: String = "compatibility_level = 3.6") -> ServiceEntry? {
        let (entries, problems) = parseMaster(line, main: main)
        #expect(problems == [])
        return entries.first
    }

    @Test("dashes mean the defaults")
    func dashes() {
        let entry = one("a unix - - - - - cmd", main: "compatibility_level = 2\ndefault_process_limit = 7")
        #expect(entry?.isPrivate == true)
        #expect(entry?.isUnprivileged == true)
        #expect(entry?.wantsChroot == false)
        #expect(entry?.wakeupSeconds == 0)
        #expect(entry?.processLimit == 7)
        #expect(entry?.executablePath == "/usr/lib/postfix/sbin/cmd")
        #expect(entry?.endpointPath == "private/a")
        #expect(entry?.line == 1)
    }

    @Test("all fields count")
    func allFields() {
        let entry = one("#x\na.b fifo n n y 60? 3 sub/cmd -o x=$y # no comment")
        #expect(entry?.nameAsWritten == "a.b")
        #expect(entry?.type == .fifo)
        #expect(entry?.isPrivate == false)
        #expect(entry?.isUnprivileged == false)
        #expect(entry?.wantsChroot == true)
        #expect(entry?.wakeupSeconds == 60)
        #expect(entry?.wakeupIsConditional == true)
        #expect(entry?.processLimit == 3)
        #expect(entry?.command == "sub/cmd")
        #expect(entry?.endpointPath == "public/a.b")
        #expect(entry?.arguments == ["-o", "x=$y", "#", "no", "comment"])
        #expect(entry?.line == 2)
    }

    @Test(
        "a wake-up is conditional if its last byte is a question mark",
        arguments: [("0?", false), ("1?", true), ("1?x", false), ("10x?", true), ("5", false)]
    )
    func conditionalWakeup(_ field: String, _ isConditional: Bool) {
        #expect(parseMaster("a unix - - - \(field) - c").0.first?.wakeupIsConditional == isConditional)
    }

    @Test(
        "a number is read as Postfix reads it, and a warning says what was ignored",
        arguments: [
            ("-", "0x5", "field \"max_proc\": \"0x5\" is read as 0: what follows the number is ignored"),
            ("-", "5O", "field \"max_proc\": \"5O\" is read as 5: what follows the number is ignored"),
            ("-", "5?", "field \"max_proc\": \"5?\" is read as 5: what follows the number is ignored"),
            ("10x", "-", "field \"wakeup_time\": \"10x\" is read as 10: what follows the number is ignored"),
            ("10x?", "-", "field \"wakeup_time\": \"10x?\" is read as 10: what follows the number is ignored"),
            ("10?", "7", nil),
        ] as [(String, String, String?)]
    )
    func textBehindNumbers(_ wakeup: String, _ limit: String, _ text: String?) {
        let (entries, problems) = parseMaster("\na unix - - - \(wakeup) \(limit) c")
        #expect(entries.count == 1)
        #expect(problems.map(\.description) == (text.map { ["warning: /c/master.cf, line 2: \($0)"] } ?? []))
        #expect(problems.allSatisfy { $0.cure != nil })
    }

    @Test("old compatibility levels chroot by default")
    func oldLevels() {
        let (entries, problems) = parseMaster("\na unix - - - - - c\nb unix - - n - - c", main: "")
        #expect(entries.map(\.wantsChroot) == [true, false])
        #expect(
            problems.map(\.message) == ["/c/master.cf, line 2: using backwards-compatible default setting chroot=y"]
        )
        #expect(problems.map(\.severity) == [.info])
    }

    @Test("braces protect arguments")
    func braces() {
        let entry = one("a unix - - - - - c -o { a = b } {} x{y z}w {{n}} }")
        #expect(entry?.arguments == ["-o", "a = b", "", "x{y z}w", "{n}", "}"])
    }

    @Test(
        "syntax errors name file and line",
        arguments: [
            ("a", "missing \"transport type\" field"), ("a unix", "missing \"private\" field"),
            ("a unix -", "missing \"unprivileged\" field"), ("a unix - -", "missing \"chroot\" field"),
            ("a unix - - -", "missing \"wakeup_time\" field"), ("a unix - - - -", "missing \"max_proc\" field"),
            ("a unix - - - - -", "missing \"command\" field"), ("a inet", "missing \"private\" field"),
            ("a - - - - - - c", "field \"transport type\" has no default value"),
            ("a unix - - - - - -", "field \"command\" has no default value"),
            ("a tcp - - - - - c", "bad transport type: tcp"), ("a UNIX - - - - - c", "bad transport type: UNIX"),
            ("a unix x - - - - c", "field \"private\": bad value: \"x\""),
            ("a unix - Y - - - c", "field \"unprivileged\": bad value: \"Y\""),
            ("a unix - - yes - - c", "field \"chroot\": bad value: \"yes\""),
            ("a unix - - - ? - c", "field \"wakeup_time\": bad value: \"?\""),
            ("a unix - - - - -1 c", "field \"max_proc\": bad value: \"-1\""),
            ("a unix - - - - 99999999999 c", "field \"max_proc\": bad value: \"99999999999\""),
            ("25 inet - - - - - c", "inet service cannot be private"),
            ("25 inet y - - - - c", "inet service cannot be private"),
            ("25 inet q - - - - c", "field \"private\": bad value: \"q\""),
            ("[h inet n - - - - c", "missing \"]\" in \"[h\""),
            ("a unix - - - - - c {x y", "missing '}' in \"{x y\""),
            ("a unix - - - - - c {x}y", "syntax error after '}' in \"{x}y\""),
        ]
    )
    func syntaxErrors(_ line: String, _ text: String) {
        let (entries, problems) = parseMaster("#\n" + line)
        #expect(entries == [])
        #expect(problems.map(\.message) == ["/c/master.cf, line 2: \(text)"])
        #expect(problems.first?.severity == .fatal)
        #expect(problems.first?.line == 2)
        #expect(problems.first?.cure != nil)
    }

    @Test("one pass collects everything and keeps what is good")
    func onePass() {
        let (entries, problems) = parseMaster("a unix q q - - - c\nb\nc unix - - - - - c\nd foo - - - x - {")
        #expect(entries.map(\.nameAsWritten) == ["c"])
        #expect(problems.compactMap(\.line) == [1, 1, 2, 4, 4])
    }

    @Test("disabled services may be malformed")
    func malformedDisabled() {
        let file = "smtp inet n - - - - smtpd\nsmtp unix\nrelay unix - - - - - smtp\n"
        let (entries, problems) = parseMaster(file, main: "compatibility_level=3\nmaster_service_disable = smtp/unix")
        #expect(entries.map(\.nameAsWritten) == ["smtp", "relay"])
        #expect(problems == [])
    }

    @Test(
        "a pattern disables services by type, by name, or not with an exclamation mark",
        arguments: [
            ("inet", "smtp", "inet", true), ("inet", "smtp", "unix", false), ("INET", "smtp", "inet", true),
            ("foo/unix, bar/unix", "Bar", "unix", true), ("foo.unix", "foo", "unix", true),
            ("a.b.unix", "a.b", "unix", true), ("!foo/unix unix", "foo", "unix", false),
            ("!foo/unix unix", "bar", "unix", true), ("!!inet", "x", "inet", true), ("", "x", "inet", false),
            ("!inet", "x", "unix", false),
        ]
    )
    func disabledPatterns(_ list: String, _ name: String, _ type: String, _ isDisabled: Bool) {
        #expect(DisabledServices(list).contains(name: name, type: type) == isDisabled)
    }

    @Test("without network protocols, inet services are disabled")
    func noProtocols() {
        let (entries, problems) = parseMaster(
            "25 inet n - - - - c\na unix - - - - - c",
            main: "compatibility_level=3\ninet_protocols =\nmaster_service_disable = !inet"
        )
        #expect(entries.map(\.nameAsWritten) == ["a"])
        #expect(
            problems.map(\.text) == [
                "all network protocols are disabled (inet_protocols = )"
                    + " -- disabling all type \"inet\" services in master.cf"
            ]
        )
    }
}

@Suite struct ArgumentVectorTests {
    private func vector(
        _ line: String,
        attached: Bool = false,
        verbose: Bool = false,
        stress: Bool = false,
        sockets: Int = 1
    ) -> ArgumentVector? {
        parseMaster(line).0.first?
            .argumentVector(isAttached: attached, isVerbose: verbose, tellsStress: stress, socketCount: sockets)
    }

    @Test("children of Debian's services get the arguments that Postfix gives them")
    func argumentVectors() {
        let smtp = vector("smtp inet n - y - - smtpd", stress: true, sockets: 2)
        #expect(smtp?.arguments == ["smtpd", "-n", "smtp", "-t", "inet", "-u", "-c", "-o", "stress=", "-s", "2"])
        #expect(
            smtp?.underStress == ["smtpd", "-n", "smtp", "-t", "inet", "-u", "-c", "-o", "stress=yes", "-s", "2"]
        )
        #expect(vector("pickup unix n - y 60 1 pickup")?.arguments == ["pickup", "-l", "-t", "unix", "-u", "-c"])
        #expect(vector("cleanup unix n - y - 0 cleanup")?.arguments == ["cleanup", "-z", "-t", "unix", "-u", "-c"])
        #expect(
            vector("postlog unix-dgram n - n - 1 postlogd")?.arguments
                == ["postlogd", "-l", "-n", "postlog", "-t", "unix-dgram", "-u"]
        )
    }

    @Test("master options are handed on before the arguments")
    func masterOptions() {
        let entry = vector("a pass - n n - 2 dir/a -v", attached: true, verbose: true, stress: true)
        #expect(entry?.arguments == ["dir/a", "-t", "pass", "-d", "-v", "-o", "stress=", "-v"])
    }
}
