//===----------------------------------------------------------------------===//
// Quartermaster: tests of which addresses an inet service listens on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import MasterConfig
import SystemCalls
import Testing

@testable import MasterDaemon

@Suite struct InetAddressesTests {
    private let interfaces = ["127.0.0.1", "::1", "192.0.2.7", "2001:db8::7"].compactMap {
        SocketAddress(numeric: $0, port: 0)
    }

    private func resolver(_ main: String, _ families: AddressFamilies = [.ipv4, .ipv6]) -> InetAddresses {
        InetAddresses(settings: settings(main), families: families, interfaces: .success(interfaces))
    }

    private func list(
        _ name: String,
        _ main: String = "",
        _ families: AddressFamilies = [.ipv4, .ipv6]
    ) throws -> [String] {
        try resolver(main, families).addresses(of: InetName.parse(name), written: name, ports: .builtin)
            .map { "\($0.hostText) \($0.port)" }
    }

    private func failure(
        _ name: String,
        _ main: String = "",
        _ families: AddressFamilies = [.ipv4, .ipv6]
    ) throws -> String? {
        let parsed = try InetName.parse(name)
        do throws(InetAddresses.Failure) {
            _ = try resolver(main, families).addresses(of: parsed, written: name, ports: .builtin)
            return nil
        } catch {
            return error.text
        }
    }

    @Test("a family is given up when the kernel lacks it, and for no other reason")
    func families() async {
        await #expect(processExitsWith: .success) {
            for (code, severity) in [
                (Errno.addressFamilyNotSupported, ConfigProblem.Severity.warning), (.protocolNotSupported, .warning),
                (.noMemory, .fatal), (.tooManyOpenFiles, .fatal), (.noBufferSpace, .fatal),
            ] {
                FaultPlan.fail(.socket, with: code)
                var problems: [ConfigProblem] = []
                let usable = InetAddresses.usableFamilies([.ipv4, .ipv6], problems: &problems)
                FaultPlan.clear()
                #expect(problems.map(\.severity) == [severity])
                #expect(usable.contains(.ipv4) == (severity == .fatal))
            }
        }
    }

    @Test("a port alone means the wildcards, IPv4 first")
    func portAlone() throws {
        #expect(try list("2525", "inet_interfaces = all") == ["0.0.0.0 2525", ":: 2525"])
        #expect(try list("2525", "inet_interfaces = ALL", .ipv4) == ["0.0.0.0 2525"])
        #expect(try list("2525", "inet_interfaces = all", .ipv6) == [":: 2525"])
    }

    @Test("loopback-only means the loopback addresses of this machine")
    func loopbackOnly() throws {
        #expect(try list("2525", "inet_interfaces = loopback-only") == ["127.0.0.1 2525", "::1 2525"])
        #expect(try list("2525", "inet_interfaces = loopback-only", .ipv6) == ["::1 2525"])
    }

    @Test("a list of interfaces is sorted and without duplicates")
    func listed() throws {
        let main = "inet_interfaces = 2001:db8::7, 192.0.2.7 127.0.0.1, 192.0.2.7"
        #expect(try list("2525", main) == ["127.0.0.1 2525", "192.0.2.7 2525", "2001:db8::7 2525"])
        let stranger = try #require(try failure("2525", main, .ipv6))
        #expect(stranger == "config variable inet_interfaces: host not found: 192.0.2.7")
    }

    @Test("inet_interfaces takes addresses in brackets, as Postfix does")
    func brackets() throws {
        #expect(try list("2525", "inet_interfaces = 127.0.0.1, [::1]") == ["127.0.0.1 2525", "::1 2525"])
        #expect(
            try list("2525", "inet_interfaces = [127.0.0.1] [2001:db8::7]") == ["127.0.0.1 2525", "2001:db8::7 2525"]
        )
    }

    @Test("with IPv4 alone, the resolver's IPv4 form of an address counts")
    func oneFamily() throws {
        #expect(try list("[::ffff:127.0.0.1]:2525", "", .ipv4) == ["127.0.0.1 2525"])
        #expect(try list("2525", "inet_interfaces = ::ffff:127.0.0.1", .ipv4) == ["127.0.0.1 2525"])
        #expect(try list("127.000.000.001:2525") == ["127.0.0.1 2525"])
        #expect(try list("0177.0.0.1:2525") == ["127.0.0.1 2525"])
    }

    @Test("a name is looked up for the one family in use, at a start and at a reload, and for any when both are")
    func oneFamilyOfNames() throws {
        let book = NameBook(.noting)
        // As the resolver answers where /etc/hosts has "::1 ip6-localhost".
        book.add(.addresses([SocketAddress(ipv4: [127, 0, 0, 1], port: 0)]), to: .host("ip6-localhost", .ipv4))
        let loopback = SocketAddress(ipv6: [UInt8](repeating: 0, count: 15) + [1], port: 0)
        for family in [nil, SocketAddress.Family.ipv6] {
            book.add(.addresses([loopback]), to: .host("ip6-localhost", family))
        }
        for (families, wanted) in [(AddressFamilies.ipv4, "127.0.0.1"), (.ipv6, "::1"), ([.ipv4, .ipv6], "::1")] {
            let named = InetAddresses(
                settings: settings(),
                families: families,
                interfaces: .success(interfaces),
                names: book
            )
            let name = try InetName.parse("ip6-localhost:25")
            let found = try named.addresses(of: name, written: "ip6-localhost:25", ports: .builtin)
            #expect(found.map(\.hostText) == [wanted])
            let listed = InetAddresses(
                settings: settings("inet_interfaces = ip6-localhost"),
                families: families,
                interfaces: .success(interfaces),
                names: book
            )
            let port = try InetName.parse("25")
            #expect(try listed.addresses(of: port, written: "25", ports: .builtin).map(\.hostText) == [wanted])
        }
        #expect(book.open == [], "nothing else is asked for")
    }

    @Test("where nobody can tell which addresses there are, none is called wrong, and all of them need no list")
    func unknownInterfaces() throws {
        for (code, cure) in [(Errno.tooManyOpenFiles, shortageCure), (.addressFamilyNotSupported, "AF_NETLINK")] {
            for main in ["", "inet_interfaces = loopback-only", "inet_interfaces = 127.0.0.1"] {
                let unknown = InetAddresses(
                    settings: settings(main),
                    families: .ipv4,
                    interfaces: .failure(SystemError(.getifaddrs, code))
                )
                let port = try InetName.parse("25")
                if main.isEmpty {
                    #expect(
                        try unknown.addresses(of: port, written: "25", ports: .builtin).map(\.hostText) == ["0.0.0.0"]
                    )
                    #expect(throws: Never.self) { try unknown.checkInterfaces(forPostfix: true) }
                    continue
                }
                let text = "inet_interfaces: cannot tell which addresses this machine has: \(code)"
                let questions: [() throws -> Void] = [
                    { _ = try unknown.addresses(of: port, written: "25", ports: .builtin) },
                    { try unknown.checkInterfaces(forPostfix: false) },
                ]
                for ask in questions {
                    let failure = #expect(throws: InetAddresses.Failure.self) { try ask() }
                    #expect(failure?.text == text && failure?.cure.contains(cure) == true)
                }
            }
        }
    }

    @Test("for Postfix's daemons, the words for inet_interfaces are all and loopback-only, in small letters")
    func smallLetters() throws {
        for word in ["ALL", "Loopback-Only"] {
            try resolver("inet_interfaces = \(word)").checkInterfaces(forPostfix: false)
            #expect(throws: InetAddresses.Failure.self) {
                try resolver("inet_interfaces = \(word)").checkInterfaces(forPostfix: true)
            }
        }
        try resolver("inet_interfaces = loopback-only").checkInterfaces(forPostfix: true)
    }

    @Test("a host stands for itself, whatever the interfaces")
    func host() throws {
        #expect(try list("198.51.100.1:2525", "inet_interfaces = loopback-only") == ["198.51.100.1 2525"])
        #expect(try list("[::1]:2525") == ["::1 2525"])
        #expect(try list("[ipv6:::1]:2525") == ["::1 2525"])
        #expect(try list("127.0.0.1:smtp") == ["127.0.0.1 25"], "a name from known_tcp_ports")
    }

    @Test("failures say what they mean")
    func failures() throws {
        let bad = try #require(try failure("no.such.host.invalid:25"))
        #expect(bad == "bad hostname or network address: no.such.host.invalid:25")
        let family = try #require(try failure("[::1]:25", "", .ipv4))
        #expect(family == "bad hostname or network address: [::1]:25", "of a protocol that is not wanted")
        let port = try #require(try failure("127.0.0.1:no-such-service"))
        #expect(port == "127.0.0.1:no-such-service: Servname not supported for ai_socktype")
        let high = try #require(try failure("127.0.0.1:65536"))
        #expect(high == "127.0.0.1:65536: Servname not supported for ai_socktype")
        let stranger = try #require(try failure("25", "inet_interfaces = 192.0.2.99"))
        #expect(stranger == "parameter inet_interfaces: no local interface found for 192.0.2.99")
        let unknown = try #require(try failure("25", "inet_interfaces = no.such.host.invalid"))
        #expect(unknown == "config variable inet_interfaces: host not found: no.such.host.invalid")
        let none = try #require(try failure("25", "inet_interfaces = all", []))
        #expect(none == "no valid IP address found: 25")
    }

    @Test("a family that the kernel lacks is dropped with a warning")
    func lackingFamily() async {
        await #expect(processExitsWith: .success) {
            var problems: [ConfigProblem] = []
            FaultPlan.fail(.socket, with: .addressFamilyNotSupported, afterPassing: 1)
            let usable = InetAddresses.usableFamilies([.ipv4, .ipv6], problems: &problems)
            #expect(usable == .ipv4)
            #expect(
                problems.map(\.description) == [
                    "warning: inet_protocols: disabling IPv6 name/address support:"
                        + " Address family not supported by protocol"
                ]
            )
            FaultPlan.clear()
            problems = []
            FaultPlan.fail(.socket, with: .addressFamilyNotSupported)
            #expect(!InetAddresses.usableFamilies(.ipv4, problems: &problems).contains(.ipv4))
            #expect(problems.first?.text.hasPrefix("inet_protocols: disabling IPv4 ") == true)
        }
    }
}
