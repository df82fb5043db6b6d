//===----------------------------------------------------------------------===//
// Quartermaster: the parameters of relay(8)
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import MasterConfig

@Suite struct RelayParametersTests {
    private func value<P: ConfigParameter>(of parameter: P, _ text: String) -> (P.Value, [ConfigProblem]) {
        var problems: [ConfigProblem] = []
        var parsed = dictionary(text)
        let value = parsed.value(of: parameter, problems: &problems)
        return (value, problems)
    }

    @Test("upstreams are hosts with ports and paths, separated by commas and blanks")
    func upstreams() {
        let text =
            "relay_upstreams = 127.0.0.1:2525, unix:/run/server\n  [::1]:25,[ipv6:::1]:smtp unix:private/x mx.example.com:25"
        let (found, problems) = value(of: RelayParameters.upstreams, text)
        #expect(problems == [])
        #expect(
            found == [
                .inet(host: "127.0.0.1", port: "2525"), .unix(path: "/run/server"), .inet(host: "::1", port: "25"),
                .inet(host: "::1", port: "smtp"), .unix(path: "private/x"), .inet(host: "mx.example.com", port: "25"),
            ]
        )
    }

    @Test(
        "upstreams that are none are refused, with their place and a cure",
        arguments: [
            ("", "no upstream is given"), (" , ,", "no upstream is given"), ("unix:", "unix:: no path"),
            ("127.0.0.1", "127.0.0.1: no port"), ("25", "25: no port"), (":25", ":25: no host"),
            ("127.0.0.1:", "127.0.0.1:: missing service information"), ("[::1", "[::1: missing \"]\""),
            ("[::1]25", "[::1]25: garbage after \"]\""), ("[::1]", "[::1]: missing service information"),
            ("a:0", "a:0: bad port number"), ("a:65536", "a:65536: bad port number"),
            ("a:99999999999999999999", "a:99999999999999999999: bad port number"),
            ("a:25x", "a:25x: garbage after numerical service"),
            ("-a:25", "-a:25: valid hostname or network address required"),
            ("a:1 b", "b: no port"),
        ]
    )
    func badUpstreams(_ text: String, _ reason: String) {
        let (found, problems) = value(of: RelayParameters.upstreams, "# a line before\nrelay_upstreams = \(text)")
        #expect(found == [])
        #expect(problems.map(\.text) == ["parameter relay_upstreams: \(reason)"])
        #expect(problems.map(\.line) == [2])
        #expect(problems.allSatisfy { $0.cure != nil && $0.severity == .fatal })
    }

    @Test("there are at most 64 upstreams, with paths of at most 107 bytes")
    func bounds() {
        func list(_ count: Int) -> String { "relay_upstreams =" + String(repeating: " a:1", count: count) }
        #expect(value(of: RelayParameters.upstreams, list(64)).0.count == 64)
        #expect(
            value(of: RelayParameters.upstreams, list(65)).1.map(\.text)
                == ["parameter relay_upstreams: 65 upstreams are too many"]
        )
        let path = String(repeating: "x", count: 107)
        #expect(value(of: RelayParameters.upstreams, "relay_upstreams = unix:\(path)").0 == [.unix(path: path)])
        #expect(
            value(of: RelayParameters.upstreams, "relay_upstreams = unix:\(path)y").1.map(\.text)
                == ["parameter relay_upstreams: unix:\(path)y: the path is too long"]
        )
    }

    @Test("words are read in any case of letters; others are refused with a list of those that there are")
    func choices() {
        #expect(value(of: RelayParameters.balance, "relay_balance = Least_Connections").0 == .leastConnections)
        #expect(value(of: RelayParameters.balance, "").0 == .roundRobin)
        #expect(value(of: RelayParameters.proxyProtocol, "relay_proxy_protocol = V2").0 == .v2)
        let (fallback, problems) = value(of: RelayParameters.proxyProtocol, "relay_proxy_protocol = yes")
        #expect(fallback == .none)
        #expect(problems.map(\.text) == ["parameter relay_proxy_protocol: unknown value: yes"])
        #expect(problems.map(\.cure) == ["Set relay_proxy_protocol to none, v1 or v2."])
    }

    @Test("a line of master.cf whose relay has nowhere to go is named before it is started")
    func startProblems() {
        var parsed = dictionary("relay_balance = random\nrelay_buffer_size = 12")
        var none: [ConfigProblem] = []
        _ = MainSettings.evaluate(&parsed, host: testHost, problems: &none)
        let lines = """
            a inet n - n - - relay
            b inet n - n - - relay -o relay_upstreams=127.0.0.1:25 -o relay_balance=first -o relay_buffer_size=4096
            c unix-dgram n - n - - relay -o relay_upstreams=x
            """
        let found = parseMaster(lines).0.flatMap { $0.startProblems(parsed, path: "/c/master.cf") }
        let end = " -- its processes will end as they start"
        let buffer = "invalid relay_buffer_size parameter value 12 < 4096"
        let balance = "parameter relay_balance: unknown value: random"
        #expect(
            found.map(\.description)
                == [
                    "/c/main.cf: service a: parameter relay_upstreams: no upstream is given",
                    "/c/main.cf, line 1: service a: \(balance)", "/c/main.cf, line 2: service a: \(buffer)",
                    "/c/master.cf, line 3: service c: unsupported transport type: unix-dgram",
                    "/c/master.cf, line 3: service c: parameter relay_upstreams: x: no port",
                    "/c/main.cf, line 1: service c: \(balance)", "/c/main.cf, line 2: service c: \(buffer)",
                ].map { "warning: " + $0 + end }
        )
    }
}
