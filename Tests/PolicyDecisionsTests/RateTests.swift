//===----------------------------------------------------------------------===//
// Quartermaster: tests of limits
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import PolicyDecisions

struct RateTests {
    @Test("so many at once, and then one after the other")
    func bucket() {
        var scene = DecisionScene(limits: [.clientMessages: 4], unit: 100)
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
        var scene = DecisionScene(limits: [.clientMessages: 2, .clientRecipients: 5], unit: 100)
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
        var scene = DecisionScene(limits: [.clientMessages: 3, .clientRecipients: 10], unit: 100)
        func ask(_ scene: inout DecisionScene, _ number: Int, _ recipients: Int) -> PolicyVerdict {
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
        var scene = DecisionScene(limits: [limit: 1])
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
        var scene = DecisionScene(limits: [limit: 1])
        for number in 0..<5 { #expect(scene.message(number, empty.mapValues { $0 }) == .passed) }
        #expect(scene.state.rateCount == 0)
    }

    @Test("one limit that is reached leaves the others as they were")
    func allOrNothing() {
        var scene = DecisionScene(limits: [.clientMessages: 2, .senderMessages: 1])
        #expect(scene.message(1) == .passed)
        for number in 2..<10 { #expect(scene.message(number) == .limited(.senderMessages, seconds: 100)) }
        #expect(scene.message(10, ["sender": "other@example.com"]) == .passed)
        #expect(scene.message(11, ["sender": "third@example.com"]) == .limited(.clientMessages, seconds: 50))
    }

    @Test("an IPv6 client is its /64")
    func prefix() {
        var scene = DecisionScene(limits: [.clientMessages: 1])
        #expect(scene.message(1, ["client_address": "2001:db8::1"]) == .passed)
        #expect(scene.message(2, ["client_address": "2001:db8::2"]) == .limited(.clientMessages, seconds: 100))
    }

    @Test("a clock that is set back is taken for one that stood still")
    func clock() {
        var scene = DecisionScene(limits: [.clientMessages: 2])
        _ = scene.message(1)
        scene.now -= 400_000
        #expect(scene.message(2) == .passed, "one of two was used")
        #expect(scene.message(3) == .limited(.clientMessages, seconds: 50))
        scene.now -= 400_000
        #expect(scene.message(3) == .limited(.clientMessages, seconds: 50))
        scene.now += 50
        #expect(scene.message(4) == .passed)
        scene.now += 1_000_000
        #expect(scene.message(5) == .passed)
    }

    @Test("buckets that were used while the clock was ahead are forgotten like others")
    func ahead() {
        var scene = DecisionScene(limits: [.senderMessages: 5], unit: 10)
        scene.now += 1_000_000
        for number in 0..<20 { _ = scene.message(number, ["sender": "\(number)@example.com"]) }
        scene.now -= 1_000_000
        for number in 20..<30 { _ = scene.message(number, ["sender": "\(number)@example.com"]) }
        scene.now += 11
        for number in 30..<40 { _ = scene.message(number, ["sender": "\(number)@example.com"]) }
        #expect(scene.state.rateCount == 10)
    }

    @Test("a full table forgets the bucket that was used least recently")
    func eviction() {
        var scene = DecisionScene(limits: [.senderMessages: 1], unit: 3600, capacity: 100)
        for number in 0..<101 { _ = scene.message(number, ["sender": "\(number)@example.com"]) }
        #expect(scene.state.rateCount == 100)
        #expect(scene.state.rateEvictions == 1)
        #expect(scene.message(200, ["sender": "1@example.com"]) == .limited(.senderMessages, seconds: 3600))
        #expect(scene.message(201, ["sender": "0@example.com"]) == .passed, "forgotten")
    }

    @Test("buckets that are full again are forgotten")
    func expiry() {
        var scene = DecisionScene(limits: [.senderMessages: 5], unit: 10)
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
        var scene = DecisionScene(rules)
        for number in 0..<5 { #expect(scene.message(number) == .greylisted(seconds: 60)) }
        scene.now += 60
        #expect(scene.message(6) == .passed)
        #expect(scene.message(7) == .limited(.clientMessages, seconds: 100))
    }

    @Test("very large limits and units do not overflow")
    func extremes() {
        var scene = DecisionScene(limits: [.clientMessages: 1_000_000_000, .clientRecipients: 1], unit: 2_592_000)
        #expect(scene.message(1) == .passed)
        #expect(scene.message(2) == .limited(.clientRecipients, seconds: 2_592_000))
        var fast = DecisionScene(limits: [.clientMessages: 1_000_000_000], unit: 1)
        for number in 0..<1000 { #expect(fast.message(number) == .passed) }
    }
}
