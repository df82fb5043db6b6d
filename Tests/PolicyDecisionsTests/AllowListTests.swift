//===----------------------------------------------------------------------===//
// Quartermaster: tests of the lists of who is let through
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import PolicyDecisions

struct AllowListTests {
    private func list(_ text: String, _ kind: AllowList.Kind) throws -> AllowList {
        let bytes = Array(text.utf8)
        return try AllowList(bytes.span.bytes, kind, key: DecisionScene.key)
    }

    @Test(
        "who is on a list of clients",
        arguments: [
            ("192.0.2.7", "unknown", true), ("192.0.2.8", "unknown", false), ("198.51.100.0", "unknown", true),
            ("198.51.100.255", "unknown", true), ("198.51.101.0", "unknown", false), ("2001:db8:5::1", "unknown", true),
            ("2001:db9::1", "unknown", false), ("::ffff:192.0.2.7", "unknown", true),
            ("10.0.0.1", "mail.example.com", true),
            ("10.0.0.1", "MAIL.Example.Com", true), ("10.0.0.1", "x.mail.example.com", false),
            ("10.0.0.1", "example.net", false), ("10.0.0.1", "a.b.example.net", true),
            ("10.0.0.1", "aexample.net", false),
            ("10.0.0.1", "", false), ("unknown", "unknown", false), ("2001:db8:5::1", "", true),
        ]
    )
    func clients(_ address: String, _ name: String, _ isListed: Bool) throws {
        let list = try list(
            """
            # friends
            192.0.2.7            # one of them
            198.51.100.0/24
            \t2001:db8::/32 \r
            mail.example.com
            .example.net
            unknown

            """,
            .clients
        )
        #expect(list.count == 6)
        let found = withBytes(address) { ClientAddress($0) }
        #expect(withBytes(name) { list.hasClient(found, name: $0) } == isListed)
    }

    @Test(
        "who is on a list of addresses",
        arguments: [
            ("joe@example.com", true), ("JOE@example.COM", true), ("jim@example.com", false), ("x@example.net", true),
            ("x@sub.example.net", false), ("x@example.org", false), ("x@a.b.example.org", true),
            ("abuse@anywhere", true),
            ("x@at.example", true), ("", true), ("joe", false), ("x@y@example.net", true), ("@", false),
            ("abuse", false),
        ]
    )
    func addresses(_ address: String, _ isListed: Bool) throws {
        let list = try list("joe@example.com\nexample.net\n.example.org\nabuse@\n@at.example\n<>", .addresses)
        #expect(withBytes(address) { list.hasAddress($0) } == isListed)
    }

    @Test("an empty list has nobody")
    func empty() throws {
        for text in ["", "\n\n", "# nobody", "   \t"] {
            let clients = try list(text, .clients)
            #expect(clients.count == 0)
            #expect(!withBytes("x") { clients.hasClient(ClientAddress(ipv4: 1), name: $0) })
            let addresses = try list(text, .addresses)
            #expect(!withBytes("") { addresses.hasAddress($0) })
        }
    }

    @Test("0.0.0.0/0 is all of IPv4 and nothing of IPv6; ::/0 is all of IPv6 and nothing of IPv4")
    func everything() throws {
        let four = try list("0.0.0.0/0", .clients)
        let six = [try list("::/0", .clients), try list("::/80", .clients)]
        let both = try list("0.0.0.0/0\n::/0", .clients)
        for text in ["192.0.2.7", "::1", "2001:db8::1"] {
            let address = withBytes(text) { ClientAddress($0) }
            #expect(withBytes("unknown") { four.hasClient(address, name: $0) } == (text == "192.0.2.7"))
            #expect(withBytes("unknown") { six[0].hasClient(address, name: $0) } == (text != "192.0.2.7"))
            #expect(withBytes("unknown") { six[1].hasClient(address, name: $0) } == (text == "::1"))
            #expect(withBytes("unknown") { both.hasClient(address, name: $0) })
        }
    }

    @Test(
        "what is wrong with a list of clients, and where",
        arguments: [
            ("192.0.2.7\n192.0.2.0/33", 2, "the length of the network \"192.0.2.0/33\" is no number from 0 to 32"),
            ("2001:db8::/129", 1, "the length of the network \"2001:db8::/129\" is no number from 0 to 128"),
            ("192.0.2.0/", 1, "the length of the network \"192.0.2.0/\" is no number from 0 to 32"),
            ("192.0.2.0/-1", 1, "the length of the network \"192.0.2.0/-1\" is no number from 0 to 32"),
            ("192.0.2.7/24", 1, "\"192.0.2.7/24\" has bits set behind its length"),
            ("\n\n192.0.2.300", 3, "\"192.0.2.300\" is no address"), ("1:2:3", 1, "\"1:2:3\" is no address"),
            ("example.com/24", 1, "\"example.com/24\" is no address"), ("192.0.2", 1, "\"192.0.2\" is no address"),
            ("mail.example.com OK", 1, "more than one word: \"mail.example.com OK\""),
            ("exa$mple.com", 1, "\"exa$mple.com\" is no name of a host or domain"),
            ("a..b", 1, "\"a..b\" is no name of a host or domain"), (".", 1, "\".\" is no address"),
            ("..a", 1, "\"..a\" is no name of a host or domain"), ("a.", 1, "\"a.\" is no name of a host or domain"),
        ]
    )
    func malformedClients(_ text: String, _ line: Int, _ why: String) {
        let problem = #expect(throws: AllowListProblem.self) { try list(text, .clients) }
        #expect(problem?.line == line)
        #expect(problem?.text == why)
        #expect(problem?.cure.isEmpty == false)
    }

    @Test(
        "what is wrong with a list of addresses",
        arguments: [
            ("<joe@example.com>", "\"<joe@example.com>\" is no address"), ("@", "\"\" is no name of a host or domain"),
            ("joe smith@example.com", "more than one word: \"joe smith@example.com\""),
            ("exam ple", "more than one word: \"exam ple\""), ("a..b", "\"a..b\" is no name of a host or domain"),
            ("@a..b", "\"a..b\" is no name of a host or domain"),
        ]
    )
    func malformedAddresses(_ text: String, _ why: String) {
        let problem = #expect(throws: AllowListProblem.self) { try list(text, .addresses) }
        #expect(problem?.text == why)
    }

    @Test("who is listed is neither greylisted nor counted")
    func decisions() throws {
        var rules = PolicyRules(
            greylist: GreylistRules(delay: 60, retryWindow: 1000, lifetime: 1000, autoAllowAfter: 0),
            rates: RateRules(timeUnit: 100)
        )
        rules.rates[.clientMessages] = 1
        var scene = DecisionScene(rules)
        scene.lists.clients = try list("203.0.113.0/24", .clients)
        scene.lists.senders = try list("friend@example.com", .addresses)
        scene.lists.recipients = try list("postmaster@", .addresses)
        for number in 0..<3 {
            #expect(scene.message(number, ["client_address": "203.0.113.9"]) == .allowed)
            #expect(scene.message(number, ["sender": "friend@example.com"]) == .allowed)
            #expect(scene.message(number, ["recipient": "postmaster@example.org"]) == .allowed)
        }
        #expect(scene.state.count == 0)
        #expect(scene.message(9) == .greylisted(seconds: 60))
        #expect(
            scene.message(9, ["recipient": "", "protocol_state": "DATA"]) == .passed,
            "no recipient is no listed one"
        )
    }
}
