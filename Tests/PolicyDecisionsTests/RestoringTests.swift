//===----------------------------------------------------------------------===//
// Quartermaster: tests of saved decisions that are put in again
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import PolicyDecisions

struct RestoringTests {
    /// What a state knows, as a set: the order of kinds does not matter to decisions.
    private func records(_ state: inout PolicyState) -> [StateRecord] {
        var found: [StateRecord] = []
        state.beginWalk()
        while let record = state.nextRecord() { found.append(record) }
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
        var scene = DecisionScene(rules)
        var random = Numbers(seed: UInt64(capacity))
        for number in 0..<4000 {
            let address = "10.0.\(random.next() % 5).\(random.next() % 3)"
            let sender = "\(random.next() % 40)@example.com"
            let recipient = "\(random.next() % 6)@example.org"
            _ = scene.message(number, ["client_address": address, "sender": sender, "recipient": recipient])
            scene.now += Double(random.next() % 4)
        }
        let whole = records(&scene.state)
        #expect(whole.count > 50)
        var fromState = PolicyState(rules, key: DecisionScene.key)
        for record in whole { fromState.restore(record, now: Int64(scene.now * 1_000_000)) }
        // What is over may be left out.
        let kept = records(&fromState)
        #expect(kept.allSatisfy { whole.contains($0) })
        let tooOld = whole.filter { !kept.contains($0) }
        let now = UInt32(scene.now)
        #expect(tooOld.allSatisfy { now - $0.time > ($0.table == .rates ? 300 : $0.queue == 0 ? 500 : 3000) })

        var fromDecisions = PolicyState(rules, key: DecisionScene.key)
        for record in scene.records { fromDecisions.restore(record, now: Int64(scene.now * 1_000_000)) }
        if capacity == 1000 { #expect(records(&fromDecisions) == kept, "in the same order") }
    }

    @Test("what cannot be is passed over")
    func nonsense() {
        var scene = DecisionScene()
        scene.state.restore(
            StateRecord(table: .greylist, queue: 3, count: 1, key: 5, value: 0, time: 1_000_000),
            now: 1_000_000_000_000
        )
        scene.state.restore(
            StateRecord(table: .rates, queue: 0, count: 1, key: 5, value: 0, time: 1_000_000),
            now: 1_000_000_000_000
        )
        #expect(scene.state.count == 0, "no such queue, and no limits")
        var limited = DecisionScene(limits: [.clientMessages: 1])
        limited.state.restore(
            StateRecord(table: .rates, queue: 0, count: 0, key: 5, value: .max, time: 1_000_000),
            now: 1_000_000_000_000
        )
        #expect(limited.state.count == 0, "a moment before 1970")
    }

    @Test("who starts while the clock is years behind forgets nobody for it, and nobody waits for these years")
    func clockBehind() {
        var before = DecisionScene(delay: 60, window: 1000, lifetime: 6400, auto: 2)
        let year = 31_536_000.0
        before.now += 50 * year
        for index in 0..<40 { _ = before.ask(["sender": "friend\(index)@example.com"]) }
        before.now += 60
        for index in 0..<40 { _ = before.ask(["sender": "friend\(index)@example.com"]) }
        _ = before.ask(["sender": "stranger@example.com", "client_address": "198.51.100.1"])
        var after = DecisionScene(delay: 60, window: 1000, lifetime: 6400, auto: 2)
        for record in before.records { after.state.restore(record, now: Int64(after.now * 1_000_000)) }
        let count = after.state.greylistCount
        #expect(count == before.state.greylistCount)
        // The machine has just started, and nobody has told it the time.
        #expect(after.ask(["sender": "friend39@example.com"]) == .passed)
        #expect(after.ask(["sender": "x@example.com", "client_address": "203.0.113.1"]) == .greylisted(seconds: 60))
        #expect(after.changed == 1, "nobody else is saved with a time of long ago")
        after.now = before.now + 60
        for index in 10..<40 {
            #expect(after.ask(["sender": "friend\(index)@example.com", "client_address": "192.0.2.9"]) == .passed)
        }
        #expect(
            after.ask(["sender": "stranger@example.com", "client_address": "198.51.100.1"]) == .passed,
            "it has waited"
        )
    }

    @Test("records together make what they make one by one")
    func together() {
        var one = DecisionScene(auto: 2)
        for index in 0..<150 {
            _ = one.ask(["sender": "\(index % 70)@example.com"])
            one.now += 30
        }
        var each = DecisionScene(auto: 2)
        var all = DecisionScene(auto: 2)
        var batch = StateRecords()
        let now = Int64(one.now * 1_000_000)
        for record in one.records {
            each.state.restore(record, now: now)
            batch.append(record)
            if batch.isFull {
                all.state.restore(batch, now: now)
                batch.removeAll()
            }
        }
        all.state.restore(batch, now: now)
        #expect(one.records.count > StateRecords.capacity)
        #expect(records(&each.state) == records(&all.state))
    }

    @Test("a bucket of a time to come is as full as it was, from now on")
    func bucketAhead() {
        var before = DecisionScene(limits: [.clientMessages: 2])
        before.now += 1_000_000
        _ = before.message(1)
        var after = DecisionScene(limits: [.clientMessages: 2])
        for record in before.records { after.state.restore(record, now: Int64(after.now * 1_000_000)) }
        #expect(after.message(2) == .passed)
        #expect(after.message(3) == .limited(.clientMessages, seconds: 50))
    }

    @Test("a smaller table keeps what is worth most")
    func smaller() {
        var scene = DecisionScene(capacity: 1000)
        for index in 0..<300 { _ = scene.ask(["sender": "friend\(index)@example.com"]) }
        scene.now += 60
        for index in 0..<50 { _ = scene.ask(["sender": "friend\(index)@example.com"]) }
        var small = DecisionScene(capacity: 100)
        small.now = scene.now
        for record in records(&scene.state) { small.state.restore(record, now: Int64(scene.now * 1_000_000)) }
        #expect(small.state.greylistCount == 100)
        for index in 0..<50 { #expect(small.ask(["sender": "friend\(index)@example.com"]) == .passed) }
    }
}
