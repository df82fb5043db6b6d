//===----------------------------------------------------------------------===//
// Quartermaster: tests of greylisting, limits and what is kept of them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import PolicyDecisions

/// A state with a clock that the test moves, and questions in short.
private struct Scene: ~Copyable {
    static let key = HashKey(first: 1, second: 2)
    var state: PolicyState
    var lists = AllowLists(key: key)
    /// Seconds since 1970.
    var now = 1_000_000.0
    private(set) var records: [StateRecord] = []

    init(_ rules: PolicyRules) { state = PolicyState(rules, key: Self.key) }

    init(delay: Int = 60, window: Int = 1000, lifetime: Int = 6400, auto: Int = 0, capacity: Int = 100) {
        let greylist = GreylistRules(delay: delay, retryWindow: window, lifetime: lifetime, autoAllowAfter: auto)
        var rules = PolicyRules(greylist: greylist, rates: RateRules(timeUnit: 3600))
        rules.greylistCapacity = capacity
        self.init(rules)
    }

    init(limits: [RateLimit: Int], unit: Int = 100, capacity: Int = 100) {
        var rules = PolicyRules(greylist: nil, rates: RateRules(timeUnit: unit))
        for (limit, number) in limits { rules.rates[limit] = number }
        rules.rateCapacity = capacity
        self.init(rules)
    }

    /// What the last question has changed.
    var changed: Int { state.changes.count }

    mutating func ask(_ changes: [String: String?] = [:]) -> PolicyVerdict {
        let bytes = Array(question(changes).utf8)
        guard case .whole(let request, let size) = PolicyRequest.parse(bytes.span.bytes), size == bytes.count else {
            Issue.record("no question")
            return .unconcerned
        }
        let verdict = state.decide(request, bytes.span.bytes, lists, now: Int64(now * 1_000_000))
        for index in 0..<state.changes.count { records.append(state.changes[index]) }
        return verdict
    }

    /// A message of its own from a client.
    mutating func message(_ number: Int, _ changes: [String: String?] = [:]) -> PolicyVerdict {
        ask(changes.merging(["instance": "i\(number)"]) { old, _ in old })
    }
}

struct GreylistTests {
    @Test("a triplet passes from the last second of its delay on")
    func delay() {
        var scene = Scene()
        #expect(scene.ask() == .greylisted(seconds: 60))
        #expect(scene.changed == 1)
        scene.now += 59
        #expect(scene.ask() == .greylisted(seconds: 1))
        #expect(scene.changed == 0, "too early changes nothing")
        scene.now += 1
        #expect(scene.ask() == .passed)
        #expect(scene.changed == 1)
        #expect(scene.ask() == .passed)
        #expect(scene.changed == 0, "what is known needs no record")
    }

    @Test("who comes back too late begins anew")
    func window() {
        var scene = Scene()
        #expect(scene.ask() == .greylisted(seconds: 60))
        scene.now += 1000
        #expect(scene.ask() == .passed, "the last second of the window")
        #expect(scene.ask(["sender": "other@example.com"]) == .greylisted(seconds: 60))
        scene.now += 1001
        #expect(scene.ask(["sender": "other@example.com"]) == .greylisted(seconds: 60))
        scene.now += 60
        #expect(scene.ask(["sender": "other@example.com"]) == .passed)
    }

    @Test("a triplet that has passed is remembered since it was seen last")
    func lifetime() {
        var scene = Scene()
        _ = scene.ask()
        scene.now += 60
        #expect(scene.ask() == .passed)
        for _ in 0..<5 {
            scene.now += 6400
            #expect(scene.ask() == .passed)
            #expect(scene.changed == 1, "seen: saved")
        }
        scene.now += 6401
        #expect(scene.ask() == .greylisted(seconds: 60))
    }

    @Test("when it was seen is saved as exactly as it matters: to a 64th of its lifetime")
    func precision() {
        var scene = Scene()
        _ = scene.ask()
        scene.now += 60
        _ = scene.ask()
        scene.now += 100
        #expect(scene.ask() == .passed)
        #expect(scene.changed == 0)
        scene.now += 1
        #expect(scene.ask() == .passed)
        #expect(scene.changed == 1)
    }

    @Test("network, sender and recipient make the triplet")
    func triplet() {
        var scene = Scene()
        _ = scene.ask()
        scene.now += 60
        #expect(scene.ask(["client_address": "192.0.2.200"]) == .passed, "the same /24")
        #expect(scene.ask(["sender": "A@EXAMPLE.com"]) == .passed, "letters do not matter")
        #expect(scene.ask(["client_name": "elsewhere.example.net"]) == .passed)
        for other in [["client_address": "192.0.3.7"], ["sender": "c@example.com"], ["recipient": "c@example.org"]] {
            #expect(scene.ask(other) == .greylisted(seconds: 60))
        }
        #expect(scene.ask(["client_address": "2001:db8::1"]) == .greylisted(seconds: 60))
        #expect(scene.ask(["client_address": "unknown"]) == .greylisted(seconds: 60))
        scene.now += 60
        #expect(scene.ask(["client_address": "2001:db8::ffff"]) == .passed, "the same /64")
        #expect(scene.ask(["client_address": "2001:db8:0:1::1"]) == .greylisted(seconds: 60))
        #expect(scene.ask(["client_address": "unknown"]) == .passed)
        #expect(scene.ask(["sender": ""]) == .greylisted(seconds: 60), "the null sender is one")
    }

    @Test("a network is let through once so many of its triplets have passed")
    func autoAllow() {
        var scene = Scene(auto: 2)
        for sender in ["a@example.com", "b@example.com", "c@example.com"] { _ = scene.ask(["sender": sender]) }
        scene.now += 60
        #expect(scene.ask(["sender": "a@example.com"]) == .passed)
        #expect(scene.changed == 2)
        #expect(scene.ask(["sender": "a@example.com"]) == .passed)
        #expect(scene.ask(["sender": "new@example.com"]) == .greylisted(seconds: 60), "once is not twice")
        #expect(scene.ask(["sender": "b@example.com"]) == .passed)
        #expect(scene.ask(["sender": "newer@example.com"]) == .passed)
        #expect(scene.ask(["client_address": "192.0.3.7"]) == .greylisted(seconds: 60), "another network")
        scene.now += 6400
        #expect(scene.ask(["sender": "newest@example.com"]) == .passed)
        scene.now += 6401
        #expect(scene.ask(["sender": "latest@example.com"]) == .greylisted(seconds: 60), "not seen for too long")
    }

    @Test("without automatic allowance no network is remembered")
    func noAutoAllow() {
        var scene = Scene(auto: 0)
        _ = scene.ask()
        scene.now += 60
        _ = scene.ask()
        #expect(scene.state.greylistCount == 1)
    }

    @Test("those who have logged in are not greylisted, unless wanted")
    func users() {
        var scene = Scene()
        #expect(scene.ask(["sasl_username": "joe"]) == .unconcerned)
        var rules = PolicyRules(
            greylist: GreylistRules(delay: 5, retryWindow: 10, lifetime: 10, autoAllowAfter: 0),
            rates: RateRules(timeUnit: 1)
        )
        rules.greylistsUsers = true
        var other = Scene(rules)
        #expect(other.ask(["sasl_username": "joe"]) == .greylisted(seconds: 5))
    }

    @Test("only recipients are greylisted", arguments: ["DATA", "END-OF-MESSAGE", "MAIL", "CONNECT"])
    func stages(_ stage: String) {
        var scene = Scene()
        #expect(scene.ask(["protocol_state": stage]) == .unconcerned)
        #expect(scene.state.count == 0)
    }

    @Test("a clock that is set back neither lets pass nor forgets")
    func clock() {
        var scene = Scene()
        _ = scene.ask()
        scene.now -= 5000
        #expect(scene.ask() == .greylisted(seconds: 60))
        scene.now += 5060
        #expect(scene.ask() == .passed)
        scene.now -= 100_000
        #expect(scene.ask() == .passed)
    }

    @Test("what is over is forgotten")
    func expiry() {
        var scene = Scene()
        for index in 0..<20 { _ = scene.ask(["sender": "\(index)@example.com"]) }
        #expect(scene.state.greylistCount == 20)
        scene.now += 1001
        for index in 0..<10 { _ = scene.ask(["sender": "x\(index)@example.com"]) }
        #expect(scene.state.greylistCount == 10)
        #expect(scene.state.greylistEvictions == 0)
    }

    @Test("a flood of strangers costs no friend its place, and no stranger of the last moment his")
    func flood() {
        var scene = Scene(capacity: 100)
        for index in 0..<50 { _ = scene.ask(["sender": "friend\(index)@example.com"]) }
        scene.now += 60
        for index in 0..<50 { #expect(scene.ask(["sender": "friend\(index)@example.com"]) == .passed) }
        for index in 0..<10_000 { _ = scene.ask(["sender": "\(index)@example.net"]) }
        #expect(scene.state.greylistCount == 100)
        #expect(scene.state.greylistEvictions == 9950)
        scene.now += 60
        for index in 0..<50 { #expect(scene.ask(["sender": "friend\(index)@example.com"]) == .passed) }
        for index in 9950..<10_000 { #expect(scene.ask(["sender": "\(index)@example.net"]) == .passed) }
    }

    @Test("a table full of friends lets strangers in")
    func friends() {
        var scene = Scene(capacity: 100)
        for round in 0..<3 {
            for index in 0..<50 { _ = scene.ask(["sender": "\(round).\(index)@example.com"]) }
            scene.now += 60
            for index in 0..<50 { _ = scene.ask(["sender": "\(round).\(index)@example.com"]) }
        }
        #expect(scene.state.greylistCount == 100)
        // All hundred are friends now or nearly; twenty strangers come, and all of them pass in the end.
        for index in 0..<20 { _ = scene.ask(["sender": "stranger\(index)@example.com"]) }
        scene.now += 60
        for index in 0..<20 { #expect(scene.ask(["sender": "stranger\(index)@example.com"]) == .passed) }
    }
}

struct RateTests {
    @Test("so many at once, and then one after the other")
    func bucket() {
        var scene = Scene(limits: [.clientMessages: 4], unit: 100)
        for number in 0..<4 { #expect(scene.message(number) == .passed) }
        #expect(scene.message(4) == .limited(.clientMessages, seconds: 25))
        #expect(scene.changed == 0, "what is refused uses nothing up")
        scene.now += 24.5
        #expect(scene.message(5) == .limited(.clientMessages, seconds: 1))
        scene.now += 0.5
        #expect(scene.message(6) == .passed)
        #expect(scene.message(7) == .limited(.clientMessages, seconds: 25))
        scene.now += 100
        for number in 10..<14 { #expect(scene.message(number) == .passed) }
        #expect(scene.message(14) == .limited(.clientMessages, seconds: 25))
        #expect(scene.message(15, ["client_address": "192.0.2.8"]) == .passed, "another client")
    }

    @Test("a message counts once, however often smtpd asks")
    func instances() {
        var scene = Scene(limits: [.clientMessages: 2, .clientRecipients: 5], unit: 100)
        for recipient in ["a@example.org", "b@example.org", "c@example.org"] {
            #expect(scene.message(1, ["recipient": recipient]) == .passed)
        }
        #expect(scene.message(1, ["protocol_state": "DATA", "recipient": "", "recipient_count": "3"]) == .passed)
        #expect(scene.changed == 0)
        #expect(scene.message(1, ["protocol_state": "END-OF-MESSAGE", "recipient_count": "3"]) == .passed)
        #expect(scene.message(2) == .passed)
        #expect(scene.message(3) == .limited(.clientMessages, seconds: 50))
        #expect(scene.message(2) == .passed, "its fifth recipient")
        #expect(scene.message(2) == .limited(.clientRecipients, seconds: 20))
    }

    @Test("asked at the end of the message only, all recipients count at once", arguments: ["DATA", "END-OF-MESSAGE"])
    func endOfMessage(_ stage: String) {
        var scene = Scene(limits: [.clientMessages: 3, .clientRecipients: 10], unit: 100)
        func ask(_ scene: inout Scene, _ number: Int, _ recipients: Int) -> PolicyVerdict {
            scene.message(number, ["protocol_state": stage, "recipient": "", "recipient_count": "\(recipients)"])
        }
        #expect(ask(&scene, 1, 7) == .passed)
        #expect(ask(&scene, 2, 4) == .limited(.clientRecipients, seconds: 10))
        #expect(ask(&scene, 3, 3) == .passed)
        #expect(ask(&scene, 4, 0) == .limited(.clientRecipients, seconds: 10), "at least one")
        #expect(ask(&scene, 5, 11) == .limited(.clientRecipients, seconds: 100), "more than ever fit")
        scene.now += 1000
        #expect(ask(&scene, 6, 11) == .limited(.clientRecipients, seconds: 100))
        #expect(ask(&scene, 7, 10) == .passed)
    }

    @Test(
        "whose limit it is",
        arguments: [
            (.senderMessages, ["sender": "x@example.com"], ["client_address": "198.51.100.1"]),
            (.senderRecipients, ["sender": "x@example.com"], ["recipient": "x@example.org"]),
            (.userMessages, ["sasl_username": "y"], ["sender": "x@example.com"]),
            (.userRecipients, ["sasl_username": "y"], ["client_address": "198.51.100.1"]),
            (.recipientMessages, ["recipient": "x@example.org"], ["sender": "x@example.com"]),
            (.clientMessages, ["client_address": "198.51.100.1"], ["sender": "x@example.com"]),
            (.clientRecipients, ["client_address": "2001:db8::1"], ["recipient": "x@example.org"]),
        ] as [(RateLimit, [String: String], [String: String])]
    )
    func subjects(_ limit: RateLimit, _ another: [String: String], _ same: [String: String]) {
        var scene = Scene(limits: [limit: 1])
        let base: [String: String?] = ["sasl_username": "joe"]
        #expect(scene.message(1, base) == .passed)
        let sameOne = base.merging(same.mapValues { $0 }) { $1 }
        #expect(scene.message(2, sameOne) == .limited(limit, seconds: 100))
        let anotherOne = base.merging(another.mapValues { $0 }) { $1 }
        #expect(scene.message(3, anotherOne) == .passed)
    }

    @Test(
        "nobody is limited under a name that many share",
        arguments: [
            (.senderMessages, ["sender": ""]), (.userRecipients, ["sasl_username": ""]),
            (.recipientMessages, ["recipient": "", "protocol_state": "DATA"]),
        ] as [(RateLimit, [String: String])]
    )
    func shared(_ limit: RateLimit, _ empty: [String: String]) {
        var scene = Scene(limits: [limit: 1])
        for number in 0..<5 { #expect(scene.message(number, empty.mapValues { $0 }) == .passed) }
        #expect(scene.state.rateCount == 0)
    }

    @Test("one limit that is reached leaves the others as they were")
    func allOrNothing() {
        var scene = Scene(limits: [.clientMessages: 2, .senderMessages: 1])
        #expect(scene.message(1) == .passed)
        for number in 2..<10 { #expect(scene.message(number) == .limited(.senderMessages, seconds: 100)) }
        #expect(scene.message(10, ["sender": "other@example.com"]) == .passed)
        #expect(scene.message(11, ["sender": "third@example.com"]) == .limited(.clientMessages, seconds: 50))
    }

    @Test("an IPv6 client is its /64")
    func prefix() {
        var scene = Scene(limits: [.clientMessages: 1])
        #expect(scene.message(1, ["client_address": "2001:db8::1"]) == .passed)
        #expect(scene.message(2, ["client_address": "2001:db8::2"]) == .limited(.clientMessages, seconds: 100))
    }

    @Test("a clock that is set back costs a unit of time at most")
    func clock() {
        var scene = Scene(limits: [.clientMessages: 2])
        _ = scene.message(1)
        _ = scene.message(2)
        scene.now -= 1_000_000
        #expect(scene.message(3) == .limited(.clientMessages, seconds: 50))
        scene.now += 50
        #expect(scene.message(4) == .limited(.clientMessages, seconds: 50), "full as far as a bucket may be")
        scene.now += 1_000_000
        #expect(scene.message(5) == .passed)
    }

    @Test("a full table forgets the bucket that was used least recently")
    func eviction() {
        var scene = Scene(limits: [.senderMessages: 1], unit: 3600, capacity: 100)
        for number in 0..<101 { _ = scene.message(number, ["sender": "\(number)@example.com"]) }
        #expect(scene.state.rateCount == 100)
        #expect(scene.state.rateEvictions == 1)
        #expect(scene.message(200, ["sender": "1@example.com"]) == .limited(.senderMessages, seconds: 3600))
        #expect(scene.message(201, ["sender": "0@example.com"]) == .passed, "forgotten")
    }

    @Test("buckets that are full again are forgotten")
    func expiry() {
        var scene = Scene(limits: [.senderMessages: 5], unit: 10)
        for number in 0..<20 { _ = scene.message(number, ["sender": "\(number)@example.com"]) }
        scene.now += 11
        for number in 20..<24 { _ = scene.message(number, ["sender": "\(number)@example.com"]) }
        #expect(scene.state.rateCount == 4)
        #expect(scene.state.rateEvictions == 0)
    }

    @Test("greylisting comes first: who has to wait is not counted")
    func order() {
        var rules = PolicyRules(
            greylist: GreylistRules(delay: 60, retryWindow: 1000, lifetime: 1000, autoAllowAfter: 0),
            rates: RateRules(timeUnit: 100)
        )
        rules.rates[.clientMessages] = 1
        var scene = Scene(rules)
        for number in 0..<5 { #expect(scene.message(number) == .greylisted(seconds: 60)) }
        scene.now += 60
        #expect(scene.message(6) == .passed)
        #expect(scene.message(7) == .limited(.clientMessages, seconds: 100))
    }

    @Test("very large limits and units do not overflow")
    func extremes() {
        var scene = Scene(limits: [.clientMessages: 1_000_000_000, .clientRecipients: 1], unit: 2_592_000)
        #expect(scene.message(1) == .passed)
        #expect(scene.message(2) == .limited(.clientRecipients, seconds: 2_592_000))
        var fast = Scene(limits: [.clientMessages: 1_000_000_000], unit: 1)
        for number in 0..<1000 { #expect(fast.message(number) == .passed) }
    }
}

struct RestoringTests {
    /// What a state knows, as a set: the order of kinds does not matter to decisions.
    private func records(_ state: borrowing PolicyState) -> [StateRecord] {
        var found: [StateRecord] = []
        state.forEachRecord { found.append($0) }
        return found
    }

    @Test("the records of decisions make the same state again, and so do those of the state", arguments: [100, 1000])
    func again(_ capacity: Int) {
        var rules = PolicyRules(
            greylist: GreylistRules(delay: 5, retryWindow: 500, lifetime: 3000, autoAllowAfter: 3),
            rates: RateRules(timeUnit: 300)
        )
        rules.rates[.senderMessages] = 5
        rules.rates[.clientRecipients] = 50
        rules.greylistCapacity = capacity
        rules.rateCapacity = capacity
        var scene = Scene(rules)
        var random = Numbers(seed: UInt64(capacity))
        for number in 0..<4000 {
            let address = "10.0.\(random.next() % 5).\(random.next() % 3)"
            let sender = "\(random.next() % 40)@example.com"
            let recipient = "\(random.next() % 6)@example.org"
            _ = scene.message(number, ["client_address": address, "sender": sender, "recipient": recipient])
            scene.now += Double(random.next() % 4)
        }
        let whole = records(scene.state)
        #expect(whole.count > 50)
        var fromState = PolicyState(rules, key: Scene.key)
        for record in whole { fromState.restore(record, now: Int64(scene.now * 1_000_000)) }
        // What is over may be left out.
        let kept = records(fromState)
        #expect(kept.allSatisfy { whole.contains($0) })
        let tooOld = whole.filter { !kept.contains($0) }
        let now = UInt32(scene.now)
        #expect(tooOld.allSatisfy { now - $0.time > ($0.table == .rates ? 300 : $0.queue == 0 ? 500 : 3000) })

        var fromDecisions = PolicyState(rules, key: Scene.key)
        for record in scene.records { fromDecisions.restore(record, now: Int64(scene.now * 1_000_000)) }
        if capacity == 1000 { #expect(records(fromDecisions) == kept, "in the same order") }
    }

    @Test("what cannot be is passed over, and the future counts as now")
    func nonsense() {
        var scene = Scene()
        scene.state.restore(
            StateRecord(table: .greylist, queue: 3, count: 1, key: 5, value: 0, time: 1_000_000),
            now: 1_000_000_000_000
        )
        scene.state.restore(
            StateRecord(table: .rates, queue: 0, count: 1, key: 5, value: 0, time: 1_000_000),
            now: 1_000_000_000_000
        )
        #expect(scene.state.count == 0, "no such queue, and no limits")
        scene.state.restore(
            StateRecord(table: .greylist, queue: 1, count: 1, key: 5, value: 0, time: .max),
            now: 1_000_000_000_000
        )
        #expect(records(scene.state).map(\.time) == [1_000_000])
        var limited = Scene(limits: [.clientMessages: 1])
        limited.state.restore(
            StateRecord(table: .rates, queue: 0, count: 0, key: 5, value: .max, time: 1_000_000),
            now: 1_000_000_000_000
        )
        #expect(limited.state.count == 0, "a moment before 1970")
    }

    @Test("a smaller table keeps what is worth most")
    func smaller() {
        var scene = Scene(capacity: 1000)
        for index in 0..<300 { _ = scene.ask(["sender": "friend\(index)@example.com"]) }
        scene.now += 60
        for index in 0..<50 { _ = scene.ask(["sender": "friend\(index)@example.com"]) }
        var small = Scene(capacity: 100)
        small.now = scene.now
        for record in records(scene.state) { small.state.restore(record, now: Int64(scene.now * 1_000_000)) }
        #expect(small.state.greylistCount == 100)
        for index in 0..<50 { #expect(small.ask(["sender": "friend\(index)@example.com"]) == .passed) }
    }
}

struct ListedTests {
    private func list(_ text: String, _ kind: AllowList.Kind) throws -> AllowList {
        let bytes = Array(text.utf8)
        return try AllowList(bytes.span.bytes, kind, key: Scene.key)
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

    @Test("0.0.0.0/0 is all of IPv4 and nothing of IPv6; ::/0 is everything")
    func everything() throws {
        let four = try list("0.0.0.0/0", .clients)
        let all = try list("::/0", .clients)
        for text in ["192.0.2.7", "::1", "2001:db8::1"] {
            let address = withBytes(text) { ClientAddress($0) }
            #expect(withBytes("unknown") { four.hasClient(address, name: $0) } == (text == "192.0.2.7"))
            #expect(withBytes("unknown") { all.hasClient(address, name: $0) })
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
        var scene = Scene(rules)
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
