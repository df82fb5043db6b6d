//===----------------------------------------------------------------------===//
// Quartermaster: tests of names in main.cf that mean nothing
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import Testing

@testable import MasterConfig

@Suite struct KnownParametersTests {
    private func unused(_ main: String, _ master: String = "") -> [String] {
        let parsed = dictionary(main)
        return KnownParameters(parsed, parseMaster(master).0).problems(parsed).map(\.message)
    }

    private let services = """
        smtp unix - - n - - smtp
        slow unix - - n - - smtp
        kv unix - - n - - kvd -o { kvd_size = $big }
        policyd unix - - n - 1 policyd
        front unix - - n - - relay -o relay_upstreams=unix:/run/x
        relay unix - - n - - smtp
        tidy fifo n n n 60 1 sweep user=nobody argv=true
        talk unix - - n - 1 chat

        """

    @Test(
        "names of Postfix, of ours, of a service, of a table, and those that others refer to",
        arguments: [
            "max_idle = 1", "smtpd_banner = x", "lmtp_tls_loglevel = 1", "lmtp_lhlo_name = x",
            "master_concurrent_starts = 1", "slow_master_concurrent_starts = 1", "smtp_unix_service_throttle_time = 1",
            "slow_destination_concurrency_limit = 1", "slow_initial_destination_concurrency = 1", "slow_time_limit = 1",
            "policyd_greylist_delay = 1", "policyd_service_throttle_time = 1", "relay_idle_timeout = 1",
            "relay_destination_concurrency_limit = 1", "tidy_time_limit = 1", "chat_of_my_own = 1", "talk_limit = 1",
            "kv_limit = 1", "kvd_size = 1", "big = 1", "mine = 1\nmyorigin = ${mine?x}", "mine = 1\nmyorigin = $(mine)",
            "smtpd_restriction_classes = strict\nstrict = reject", "virtual_alias_maps = ldap:acc\nacc_server_host = x",
        ]
    )
    func known(_ main: String) {
        #expect(unused(main, services) == [])
    }

    @Test(
        "mistyped names, with the likely one where there is one",
        arguments: [
            ("max_idel", "max_idle"), ("maxx_idle", "max_idle"), ("smptd_banner", "smtpd_banner"),
            ("inet_interface", "inet_interfaces"), ("stres", "stress"), ("smtp_foo", nil), ("slow_foo", nil),
            ("kv_master_concurrent_start", "kv_master_concurrent_starts"),
            ("kv_unix_service_throtle_time", "kv_unix_service_throttle_time"),
            ("kvd_master_concurrent_start", "kv_master_concurrent_starts"),
            ("policyd_greylist_dealy", "policyd_greylist_delay"), ("policyd_limit_for_friends", nil),
            ("relay_idle_timout", "relay_idle_timeout"), ("completely_different", nil),
        ] as [(String, String?)]
    )
    func mistyped(_ name: String, _ likely: String?) {
        let hint = likely.map { " (did you mean \($0)?)" } ?? ""
        #expect(
            unused("a = 1\nmyorigin = $a\n\(name) = x", services) == [
                "/c/main.cf, line 3: unused parameter: \(name)\(hint)"
            ]
        )
    }

    @Test(
        "the distance of two names counts letters that are changed, added, missing or swapped",
        arguments: [("", "", 0), ("ab", "ba", 1), ("abc", "abcd", 1), ("abcd", "acb", 2), ("abc", "xyz", nil)]
    )
    func distance(_ left: String, _ right: String, _ distance: Int?) {
        #expect(EditDistance.between(left, right, atMost: 2) == distance)
        #expect(EditDistance.between(right, left, atMost: 2) == distance)
    }

    @Test(
        "a word of a command line is taken for the nearest name, or for the beginning of the only one",
        arguments: [("strom", "storm"), ("sotrm", "storm"), ("sl", "slow"), ("s", nil), ("", nil), ("xyz", nil)]
    )
    func likely(_ word: String, _ name: String?) {
        #expect(EditDistance.likelyName(for: word, among: ["storm", "slow", "kept"]) == name)
    }

    @Test("an -o of a program of ours is one that it reads")
    func ownOptions() {
        let master =
            "front unix - - n - - relay -o relay_upstream=unix:/run/x -o relay_magic=yes -o relay_balance=first\n"
        let entries = parseMaster(master).0
        let problems = KnownParameters(dictionary("a = 1\n"), entries).optionProblems(entries, path: "/c/master.cf")
        let text = "/c/master.cf, line 1: service front: unused parameter in an -o option:"
        #expect(
            problems.map(\.message) == [
                "\(text) relay_upstream (did you mean relay_upstreams?)", "\(text) relay_magic",
            ]
        )
    }

    @Test("an -o that sets what nobody reads is named with its line and the likely name")
    func unusedOptions() {
        let main = "a = 1\nmyorigin = $a\n"
        let master = """
            smtp unix - - n - - smtp -o smtp_helo_timeot=5 -o { kv_size = 1 } -o smtp_foo=x
            kv unix - - n - - kvd -o kv_size=$big -o anything=1 -o max_idel=3 -v -o limit=$a
            \tdone -o smtp_foo=1
            own inet n - n - - smtpd -o big=7 -o smtpd_banner=x -o smtpd_client_restrictions=$mine -o mine=permit -o sterss=

            """
        let parsed = dictionary(main)
        let entries = parseMaster(master).0
        let problems = KnownParameters(parsed, entries).optionProblems(entries, path: "/c/master.cf")
        let text = "unused parameter in an -o option:"
        #expect(
            problems.map(\.description) == [
                "warning: /c/master.cf, line 1: service smtp: \(text) smtp_helo_timeot (did you mean smtp_helo_timeout?)",
                "warning: /c/master.cf, line 1: service smtp: \(text) smtp_foo",
                "warning: /c/master.cf, line 2: service kv: \(text) max_idel (did you mean max_idle?)",
                "warning: /c/master.cf, line 4: service own: \(text) sterss (did you mean stress?)",
            ]
        )
        #expect(problems.allSatisfy { $0.cure != nil })
    }

    @Test("what processes will refuse as they start is named with its line, and what only they can judge is not")
    func startProblems() {
        let main = """
            exporter_client_limit = 0
            anvil_rate_time_unit = 5 apples
            stress =
            """
        let master = """
            a inet n - n - - smtpd -o max_idle=x -o max_idle=${stress?1}${stress:5} -o smtpd_timeout=rubbish
            b inet n - n - - smtpd -o { max_use = 0 } -m 5
            c unix - - n - 1 anvil
            d inet n - n - 1 exporter
            e fifo n - n - - echo argument
            f unix-dgram n - n - 2 postlogd -q
            g unix-dgram n - n - 0 postlogd -l -i 1h
            h inet n - n - - echo -o daemon_timeout=1y -o ipc_timeout=
            i unix n - n - - /usr/bin/echo argument
            j unix n - n - - mine -o in_flow_delay=11 -o mine_limit=x
            k unix - - n - 2 policyd -o policyd_greylist_delay=0s
            l unix - y n - 2 spawn user=nobody argv=/bin/cat
            m fifo - n n - 2 spawn -x user=nobody argv=/bin/cat
            n unix - n n - 2 spawn -r 5 -u argv=/bin/cat
            o fifo - n n - 1 sweep -o sweep_output_limit=many user=nobody argv=/bin/true -q
            p inet n n n - 2 sweep user=nobody
            q unix - n n - 2 spawn User=nobody:games ARGV=/bin/cat user=root

            """
        var parsed = dictionary(main)
        var ignored: [ConfigProblem] = []
        _ = MainSettings.evaluate(&parsed, host: testHost, problems: &ignored)
        let problems = parseMaster(master).0.flatMap { $0.startProblems(parsed, path: "/c/master.cf") }
        let end = " -- its processes will end as they start"
        #expect(
            problems.map(\.description)
                == [
                    "warning: /c/main.cf, line 2: service c: parameter anvil_rate_time_unit: bad time value or unit: 5 apples",
                    "warning: /c/main.cf, line 1: service d: invalid exporter_client_limit parameter value 0 < 1",
                    "warning: /c/master.cf, line 5: service e: unsupported transport type: fifo",
                    "warning: /c/master.cf, line 5: service e: unexpected command-line argument: argument",
                    "warning: /c/master.cf, line 6: service f: postlogd requires a process limit of 1",
                    "warning: /c/master.cf, line 6: service f: invalid option: q",
                    "warning: /c/master.cf, line 8: service h: parameter ipc_timeout: bad time value or unit: ",
                    "warning: /c/master.cf, line 8: service h: parameter daemon_timeout: bad time value or unit: 1y",
                    "warning: /c/master.cf, line 10: service j: invalid in_flow_delay: 11 (max 10)",
                    "warning: /c/master.cf, line 11: service k: policyd requires a process limit of 1",
                    "warning: /c/master.cf, line 11: service k: invalid policyd_greylist_delay: 0 (min 1)",
                    "warning: /c/master.cf, line 12: service l: spawn requires privileged operation",
                    "warning: /c/master.cf, line 13: service m: unsupported transport type: fifo",
                    "warning: /c/master.cf, line 13: service m: invalid option: x",
                    "warning: /c/master.cf, line 14: service n: spawn requires privileged operation",
                    "warning: /c/master.cf, line 14: service n: missing user= attribute",
                    "warning: /c/master.cf, line 15: service o: bad numerical configuration: sweep_output_limit = many",
                    "warning: /c/master.cf, line 16: service p: unsupported transport type: inet",
                    "warning: /c/master.cf, line 16: service p: sweep requires a process limit of 1",
                    "warning: /c/master.cf, line 16: service p: missing argv= attribute",
                ].map { $0 + end }
        )
        #expect(problems.allSatisfy { $0.cure != nil })
        let one = parseMaster("a inet n - n - - smtpd -o max_idle=x\n").0.flatMap {
            $0.startProblems(parsed, path: "/c/master.cf")
        }
        #expect(
            one.map(\.text) == ["service a: parameter max_idle: bad time value or unit: x\(end)"]
        )
    }

    @Test("an -o without name and value is named with its line")
    func optionWithoutValue() throws {
        let master = "a unix - - n - - c -o max_idle -v\nb unix - - n - - c -v -o\nc unix - - n - - c -o x=y -q z\n"
        let problems = parseMaster(master).0.flatMap { $0.optionProblems(path: "/c/master.cf") }
        #expect(
            problems.map(\.message) == [
                "/c/master.cf, line 1: service a: invalid \"-o max_idle\" option value: missing '=' after attribute name"
                    + " -- its processes will end as they start",
                "/c/master.cf, line 2: service b: option \"-o\" without name and value"
                    + " -- its processes will end as they start",
            ]
        )
    }
}
