//===----------------------------------------------------------------------===//
// Quartermaster: tests of greylisting
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import PolicyDecisions

struct GreylistTests {
    @Test("a triplet passes from the last second of its delay on")
    func delay() {
        var scene = DecisionScene()
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
        var scene = DecisionScene()
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
        var scene = DecisionScene()
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
        var scene = DecisionScene()
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
        var scene = DecisionScene()
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
        var scene = DecisionScene(auto: 2)
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

    @Test(
        "a window that is over before the delay is would let nobody in: it is made longer",
        arguments: [1, 240, 300, 359]
    )
    func window(_ window: Int) {
        var rules = GreylistRules(delay: 300, retryWindow: window, lifetime: 6400, autoAllowAfter: 0)
        let said = rules.widenWindow()
        #expect(
            said == "policyd_greylist_retry_window (\(window)s) leaves no time after policyd_greylist_delay (300s)"
                + " -- using 600s"
        )
        #expect(rules.widenWindow() == nil)
        var scene = DecisionScene(PolicyRules(greylist: rules, rates: RateRules(timeUnit: 1)))
        #expect(scene.ask() == .greylisted(seconds: 300))
        scene.now += 300
        #expect(scene.ask() == .passed)
    }

    @Test("without automatic allowance no network is remembered")
    func noAutoAllow() {
        var scene = DecisionScene(auto: 0)
        _ = scene.ask()
        scene.now += 60
        _ = scene.ask()
        #expect(scene.state.greylistCount == 1)
    }

    @Test("those who have logged in are not greylisted, unless wanted")
    func users() {
        var scene = DecisionScene()
        #expect(scene.ask(["sasl_username": "joe"]) == .unconcerned)
        var rules = PolicyRules(
            greylist: GreylistRules(delay: 5, retryWindow: 10, lifetime: 10, autoAllowAfter: 0),
            rates: RateRules(timeUnit: 1)
        )
        rules.greylistsUsers = true
        var other = DecisionScene(rules)
        #expect(other.ask(["sasl_username": "joe"]) == .greylisted(seconds: 5))
    }

    @Test("only recipients are greylisted", arguments: ["DATA", "END-OF-MESSAGE", "MAIL", "CONNECT"])
    func stages(_ stage: String) {
        var scene = DecisionScene()
        #expect(scene.ask(["protocol_state": stage]) == .unconcerned)
        #expect(scene.state.count == 0)
    }

    @Test("a clock that is set back neither lets pass nor forgets")
    func clock() {
        var scene = DecisionScene()
        _ = scene.ask()
        scene.now -= 5000
        #expect(scene.ask() == .greylisted(seconds: 60))
        scene.now += 5060
        // Counted from when it asked by the clock of then; that is over its window by now, or within it.
        #expect(scene.ask() == .greylisted(seconds: 60))
        scene.now += 60
        #expect(scene.ask() == .passed)
        scene.now -= 100_000
        #expect(scene.ask() == .passed)
    }

    @Test("who came while the clock was hours ahead waits for the delay, not for these hours")
    func ahead() {
        var scene = DecisionScene()
        scene.now += 36_000
        #expect(scene.ask() == .greylisted(seconds: 60))
        scene.now -= 36_000
        #expect(scene.ask() == .greylisted(seconds: 60))
        scene.now += 60
        #expect(scene.ask() == .passed)
    }

    @Test("what was seen while the clock was ahead does not keep others from being forgotten")
    func aheadAndOver() {
        var scene = DecisionScene()
        scene.now += 1_000_000
        for index in 0..<5 { _ = scene.ask(["sender": "ahead\(index)@example.com"]) }
        scene.now -= 1_000_000
        for index in 0..<20 { _ = scene.ask(["sender": "\(index)@example.com"]) }
        #expect(scene.state.greylistCount == 25)
        scene.now += 1001
        for index in 0..<10 { _ = scene.ask(["sender": "x\(index)@example.com"]) }
        #expect(scene.state.greylistCount == 10)
    }

    @Test("what is over is forgotten")
    func expiry() {
        var scene = DecisionScene()
        for index in 0..<20 { _ = scene.ask(["sender": "\(index)@example.com"]) }
        #expect(scene.state.greylistCount == 20)
        scene.now += 1001
        for index in 0..<10 { _ = scene.ask(["sender": "x\(index)@example.com"]) }
        #expect(scene.state.greylistCount == 10)
        #expect(scene.state.greylistEvictions == 0)
    }

    @Test("a flood of strangers costs no friend its place, and no stranger of the last moment his")
    func flood() {
        var scene = DecisionScene(capacity: 100)
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
        var scene = DecisionScene(capacity: 100)
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
