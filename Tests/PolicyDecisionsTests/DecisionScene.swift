//===----------------------------------------------------------------------===//
// Quartermaster: decisions with a clock that the test moves
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import PolicyDecisions

/// A state with a clock that the test moves, and questions in short.
struct DecisionScene: ~Copyable {
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
