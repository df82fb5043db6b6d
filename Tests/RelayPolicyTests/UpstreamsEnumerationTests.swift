//===----------------------------------------------------------------------===//
// Quartermaster: upstreams, in every order of events
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import RelayPolicy

/// What goes on around the upstreams: clients with attempts and connections, and a clock.
private struct Around: Hashable {
    struct Trying: Hashable {
        var attempt: Upstreams.Attempt
        var tried: Upstreams.Tried
        /// What this client has tried, as the test knows it.
        var places: Set<Int>
    }

    var trying: [Trying] = []
    var connected: [Int] = []
    var now: Int64 = 0
}

private struct Moment: Hashable {
    var upstreams: Upstreams
    var around: Around

    func hash(into hasher: inout Hasher) {
        hasher.combine(around)
        for upstream in upstreams.upstreams {
            hasher.combine(upstream.failures)
            hasher.combine(upstream.load)
        }
        hasher.combine(upstreams.cursor)
    }
}

struct UpstreamsEnumerationTests {
    private static let pauses = Upstreams.Pauses(first: 2, longest: 4)

    @Test(
        "in every order of clients, results and time, promises hold",
        arguments: [Upstreams.Balance.roundRobin, .leastConnections, .first],
        [1, 2, 3]
    )
    func everyOrder(_ balance: Upstreams.Balance, _ count: Int) {
        let start = Moment(
            upstreams: Upstreams(count: count, balance: balance, pauses: Self.pauses),
            around: Around()
        )
        var seen: Set<Moment> = [start]
        var front = [start]
        for _ in 0..<(count == 3 ? 8 : count == 2 ? 10 : 14) {
            var next: [Moment] = []
            for moment in front {
                for step in steps(from: moment, balance) where seen.insert(step).inserted {
                    check(step)
                    next.append(step)
                }
            }
            front = next
        }
        #expect(seen.count > 500, "a walk that goes nowhere shows nothing")
    }

    private func steps(from moment: Moment, _ balance: Upstreams.Balance) -> [Moment] {
        var found: [Moment] = []
        if moment.around.trying.count < 3 {
            var step = moment
            ask(&step, .init(), [], balance)
            found.append(step)
        }
        for index in moment.around.trying.indices {
            let client = moment.around.trying[index]
            var rest = moment
            rest.around.trying.remove(at: index)

            var success = rest
            success.upstreams.connected(client.attempt)
            success.around.connected.append(client.attempt.place)
            success.around.connected.sort()
            if success.around.connected.count <= 2 { found.append(success) }

            var failure = rest
            let before = failure.upstreams.upstreams[client.attempt.place]
            let result = failure.upstreams.failed(client.attempt, now: failure.around.now)
            judge(result, before, failure.upstreams.upstreams[client.attempt.place], failure.around.now)
            ask(&failure, client.tried, client.places, balance)
            found.append(failure)

            var end = rest
            end.upstreams.gaveUp(client.attempt, now: end.around.now)
            found.append(end)
        }
        for index in moment.around.connected.indices {
            var step = moment
            step.upstreams.closed(step.around.connected.remove(at: index))
            found.append(step)
        }
        if moment.around.now < 6 {
            var step = moment
            step.around.now += 1
            found.append(step)
        }
        return found
    }

    /// A client asks, for the first time or after a failure.
    private func ask(
        _ moment: inout Moment,
        _ tried: Upstreams.Tried,
        _ places: Set<Int>,
        _ balance: Upstreams.Balance
    ) {
        let before = moment.upstreams
        let possible = before.upstreams.indices.filter { place in
            if places.contains(place) { return false }
            switch before.upstreams[place].health {
            case .up: return true
            case .down(let until): return until <= moment.around.now
            case .onTrial: return false
            }
        }
        var tried = tried
        let attempt = moment.upstreams.next(&tried, now: moment.around.now)
        #expect((attempt == nil) == possible.isEmpty, "turned away if, and only if, there is nobody to try")
        guard let attempt else { return }
        #expect(possible.contains(attempt.place))
        #expect(attempt.isTrial == (before.upstreams[attempt.place].health != .up))
        switch balance {
        case .first: #expect(attempt.place == possible.first)
        case .leastConnections:
            #expect(before.upstreams[attempt.place].load == possible.map { before.upstreams[$0].load }.min())
        case .roundRobin:
            let turn = possible.min {
                ($0 - before.cursor + before.count) % before.count < ($1 - before.cursor + before.count) % before.count
            }
            #expect(attempt.place == turn)
        }
        moment.around.trying.append(.init(attempt: attempt, tried: tried, places: places.union([attempt.place])))
    }

    private func judge(
        _ result: Upstreams.Failure,
        _ before: Upstreams.Upstream,
        _ after: Upstreams.Upstream,
        _ now: Int64
    ) {
        switch result {
        case .nothingNew:
            #expect(after.health == before.health && after.failures == before.failures)
        case .wentDown(let pause), .staysDown(let pause):
            #expect(after.failures == before.failures + 1)
            #expect((2...4).contains(pause))
            #expect(after.health == .down(until: now + pause))
            #expect((before.health == .up) == (result == .wentDown(pause)))
        }
    }

    private func check(_ moment: Moment) {
        for (place, upstream) in moment.upstreams.upstreams.enumerated() {
            let attempts = moment.around.trying.filter { $0.attempt.place == place }
            #expect(upstream.attempts == attempts.count)
            #expect(upstream.connections == moment.around.connected.filter { $0 == place }.count)
            if upstream.health == .onTrial {
                // Trials that were overtaken by a success may still be under way beside it.
                #expect(attempts.contains { $0.attempt.isTrial }, "somebody is to end the trial")
            }
            if case .down(let until) = upstream.health { #expect(until <= moment.around.now + 4) }
            if upstream.health == .up { #expect(upstream.failures == 0) }
        }
    }
}
