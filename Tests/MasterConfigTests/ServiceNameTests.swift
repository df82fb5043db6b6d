//===----------------------------------------------------------------------===//
// Quartermaster: tests of the names of services
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import Testing

@testable import MasterConfig

@Suite struct ServiceNameTests {
    @Test(
        "host and port are told apart in every way of writing them",
        arguments: [
            ("25", nil, "25"), ("smtp", nil, "smtp"), (":smtp", nil, "smtp"), ("h.example:25", "h.example", "25"),
            ("[h]:25", "h", "25"), ("[ipv6:::1]:25", "::1", "25"), ("[IPv6:::1]:25", "::1", "25"),
            ("::1:smtp", "::1", "smtp"), ("127.0.0.1:smtp", "127.0.0.1", "smtp"), ("[::1]:25", "::1", "25"),
        ] as [(String, String?, String)]
    )
    func hostAndPort(_ text: String, _ host: String?, _ port: String) throws {
        #expect(try InetName.parse(text) == InetName(host: host, port: port))
    }

    @Test(
        "a name that is no host and port is refused with its reason",
        arguments: [
            ("[h", "missing \"]\""), ("[h]x", "garbage after \"]\""), ("[ipv6:1.2.3.4]:25", "malformed IPv6 address"),
            ("[IPv6:h]:25", "malformed IPv6 address"), ("[h]", "missing service information"),
            ("h:", "missing service information"), ("[]:25", "valid hostname or network address required"),
            ("a b:25", "valid hostname or network address required"),
            ("300.1.1.1:1", "valid hostname or network address required"),
            ("25x", "garbage after numerical service"), ("h:25x", "garbage after numerical service"),
        ]
    )
    func refusedNames(_ text: String, _ reason: String) {
        #expect(throws: InetName.Failure(reason: reason)) { try InetName.parse(text) }
    }

    @Test(
        "numeric addresses have one spelling",
        arguments: [
            ("1.2.3.4", "1.2.3.4"), ("127.000.000.001", "127.0.0.1"), ("0177.0.0.1", "127.0.0.1"),
            ("::1", "::1"), ("::", "::"), ("0:0:0:0:0:0:0:1", "::1"),
            ("2001:DB8::0:1", "2001:db8::1"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("::ffff:1.2.3.4", "::ffff:1.2.3.4"),
            ("::ffff:102:304", "::ffff:1.2.3.4"), ("fe80::1:0", "fe80::1:0"), ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"), ("1::", "1::"), ("1:2:3:4:5:6:7:0", "1:2:3:4:5:6:7:0"),
        ]
    )
    func oneSpelling(_ text: String, _ expected: String) {
        #expect(NumericAddress(text)?.text == expected)
    }

    @Test(
        "what is no numeric address is none",
        arguments: [
            "", "1.2.3", "1.2.3.256", "08.2.3.4", "0400.2.3.4", "::01.2.3.4", "1.2.3.4.5", ":", ":::", "1:2", "1::2::3",
            "12345::", "g::", "::1%lo",
            "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "+1::", "1.2.3.4::",
        ]
    )
    func noAddress(_ text: String) {
        #expect(NumericAddress(text) == nil)
    }

    @Test("loopback is known")
    func loopback() {
        #expect(NumericAddress("127.9.9.9")?.isLoopback == true)
        #expect(NumericAddress("::1")?.isLoopback == true)
        #expect(NumericAddress("::2")?.isLoopback == false)
        #expect(NumericAddress("10.0.0.1")?.isLoopback == false)
    }

    private func canonical(_ line: String, services: [String: UInt16] = [:]) -> String? {
        var none: [ConfigProblem] = []
        let ports = PortTable(knownTCPPorts: "smtp=25", services: services, problems: &none)
        return parseMaster(line).0.first.map { ServiceIdentity.canonicalIdentity(of: $0, ports: ports).canonicalName }
    }

    @Test("identity is address and number")
    func identity() {
        #expect(canonical("smtp inet n - - - - c") == "25")
        #expect(canonical("25 inet n - - - - c") == "25")
        #expect(canonical("127.0.0.1:smtp inet n - - - - c") == "[127.0.0.1]:25")
        #expect(canonical("[0::1]:25 inet n - - - - c") == "[::1]:25")
        #expect(canonical("localhost:25 inet n - - - - c") == "[localhost]:25")
        #expect(canonical("nope inet n - - - - c") == "nope")
        #expect(canonical("h:nope inet n - - - - c") == "h:nope")
        #expect(canonical("qmqp inet n - - - - c", services: ["qmqp": 628]) == "628")
        #expect(canonical("a unix - - - - - c") == "private/a")
        #expect(canonical("a pass n - - - - c") == "public/a")
    }

    @Test("the last duplicate counts, in the place of the first")
    func duplicates() {
        let (entries, _) = parseMaster(
            "smtp inet n - - - 1 first\na unix - - - - - a\n25 inet n - - - 2 second\na pass - - - - - p\na unix n - - - - p"
        )
        var problems: [ConfigProblem] = []
        let kept = MasterFile.withoutDuplicates(entries, ports: .builtin, path: "/c/master.cf", problems: &problems)
        #expect(kept.map(\.command) == ["second", "a", "p", "p"])
        #expect(
            problems.map(\.text) == ["duplicate master.cf entry for service \"smtp\" (25) -- using the last entry"]
        )
        #expect(problems.first?.line == 3)
        #expect(problems.first?.severity == .warning)
    }

    @Test("known ports have several names")
    func knownPorts() {
        var problems: [ConfigProblem] = []
        let ports = PortTable(
            knownTCPPorts: "lmtp=24, smtps=submissions = 465,",
            services: ["smtps": 1],
            problems: &problems
        )
        #expect(problems == [])
        #expect(ports.number(of: "submissions") == 465)
        #expect(ports.number(of: "smtps") == 465)
        #expect(ports.number(of: "8025") == 8025)
        #expect(ports.number(of: "80250") == nil)
        #expect(ports.number(of: "none") == nil)
        #expect(PortTable.builtin.number(of: "submission") == 587)
    }

    @Test("malformed known ports are left out with a warning")
    func malformedPorts() {
        var problems: [ConfigProblem] = []
        _ = PortTable(
            knownTCPPorts: "smtp = 25 lmtp=24, =5, a=, 5=6, c=8, c=9, f, g=h, i=1 2",
            problems: &problems
        )
        #expect(
            problems.map(\.text) == [
                "known_tcp_ports: in \"smtp = 25 lmtp=24\": whitespace in service name",
                "known_tcp_ports: in \" =5\": missing service name before \"=\"",
                "known_tcp_ports: in \" a=\": missing port value after \"=\"",
                "known_tcp_ports: in \" 5=6\": numerical service name",
                "known_tcp_ports: in \" c=9\": duplicate service name",
                "known_tcp_ports: in \" f\" is not in \"name = value\" form",
                "known_tcp_ports: in \" g=h\": non-numerical service port",
                "known_tcp_ports: in \" i=1 2\": whitespace in port number",
            ]
        )
        #expect(problems.allSatisfy { $0.severity == .warning })
    }
}
