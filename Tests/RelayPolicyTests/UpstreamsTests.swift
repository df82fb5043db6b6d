//===----------------------------------------------------------------------===//
// Quartermaster: which upstream a client gets
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import RelayPolicy

struct UpstreamsTests {
    private static let pauses = Upstreams.Pauses(first: 1000, longest: 5000)

    private func make(_ count: Int, _ balance: Upstreams.Balance) -> Upstreams {
        Upstreams(count: count, balance: balance, pauses: Self.pauses)
    }

    /// A client that comes, and connects at once; nil when it is turned away.
    private func connect(_ upstreams: inout Upstreams, now: Int64 = 0) -> Int? {
        var tried = Upstreams.Tried()
        guard let attempt = upstreams.next(&tried, now: now) else { return nil }
        upstreams.connected(attempt)
        return attempt.place
    }

    private func connect(_ upstreams: inout Upstreams, times: Int) -> [Int?] {
        (0..<times).map { _ in connect(&upstreams) }
    }

    // What changes a value cannot stand in an expectation as a method.

    private func next(_ upstreams: inout Upstreams, _ tried: inout Upstreams.Tried, now: Int64) -> Upstreams.Attempt? {
        upstreams.next(&tried, now: now)
    }

    private func failed(_ upstreams: inout Upstreams, _ attempt: Upstreams.Attempt, now: Int64) -> Upstreams.Failure {
        upstreams.failed(attempt, now: now)
    }

    private func connected(_ upstreams: inout Upstreams, _ attempt: Upstreams.Attempt) -> Bool {
        upstreams.connected(attempt)
    }

    /// A client that comes, and fails everywhere.
    private func fail(_ upstreams: inout Upstreams, now: Int64 = 0) -> [Int] {
        var tried = Upstreams.Tried()
        var places: [Int] = []
        while let attempt = upstreams.next(&tried, now: now) {
            _ = upstreams.failed(attempt, now: now)
            places.append(attempt.place)
        }
        return places
    }

    @Test("in turn, everyone gets the same share")
    func roundRobin() {
        var upstreams = make(3, .roundRobin)
        #expect(connect(&upstreams, times: 7) == [0, 1, 2, 0, 1, 2, 0])
    }

    @Test("the one with the fewest connections comes next, attempts included")
    func leastConnections() {
        var upstreams = make(3, .leastConnections)
        #expect(connect(&upstreams, times: 3) == [0, 1, 2])
        upstreams.closed(1)
        var tried = Upstreams.Tried()
        #expect(next(&upstreams, &tried, now: 0)?.place == 1)
        #expect(connect(&upstreams) == 2, "an attempt at 1 counts as a connection, and equals come in turn")
        upstreams.closed(0)
        #expect(connect(&upstreams) == 0)
    }

    @Test("a backup serves only while those before it are down")
    func backups() {
        var upstreams = make(3, .first)
        #expect(connect(&upstreams, times: 3) == [0, 0, 0])
        var tried = Upstreams.Tried()
        let attempt = upstreams.next(&tried, now: 0)!
        #expect(failed(&upstreams, attempt, now: 0) == .wentDown(1000))
        #expect(next(&upstreams, &tried, now: 0)?.place == 1, "the same client gets the next one")
        #expect(connect(&upstreams, now: 999) == 1)
        #expect(connect(&upstreams, now: 1000) == 0, "its pause is over")
        #expect(connect(&upstreams, now: 1000) == 0, "the trial has succeeded")
    }

    @Test("each failed trial doubles the pause, up to the limit; a success ends it")
    func pausesGrow() {
        var upstreams = make(1, .roundRobin)
        #expect(fail(&upstreams, now: 0) == [0])
        var now: Int64 = 0
        for pause: Int64 in [1000, 2000, 4000, 5000, 5000] {
            #expect(fail(&upstreams, now: now + pause - 1) == [])
            now += pause
            #expect(fail(&upstreams, now: now) == [0])
        }
        #expect(connect(&upstreams, now: now + 5000) == 0)
        #expect(fail(&upstreams, now: now + 5000) == [0])
        #expect(fail(&upstreams, now: now + 5999) == [])
        #expect(fail(&upstreams, now: now + 6000) == [0], "after a success the pause is the first again")
        #expect(Upstreams.Pauses(first: 0, longest: -1).after(failures: 500) == 1)
        #expect(Upstreams.Pauses(first: 1 << 40, longest: .max).after(failures: 60) == .max)
    }

    @Test("one client tries an upstream whose pause is over; the others go elsewhere, or are turned away")
    func oneTrial() {
        var upstreams = make(2, .first)
        #expect(fail(&upstreams) == [0, 1])
        var (first, second) = (Upstreams.Tried(), Upstreams.Tried())
        let trial = upstreams.next(&first, now: 1000)!
        #expect(trial == .init(place: 0, isTrial: true))
        let other = upstreams.next(&second, now: 1000)!
        #expect(other == .init(place: 1, isTrial: true))
        #expect(fail(&upstreams, now: 100_000) == [], "both have a trial under way")
        #expect(connected(&upstreams, other))
        #expect(connect(&upstreams, now: 1000) == 1)
        upstreams.gaveUp(trial, now: 1000)
        #expect(connect(&upstreams, now: 1000) == 0, "a trial that was given up is left to the next client")
    }

    @Test("attempts that began before an upstream went down make its pause no longer, but may end it")
    func lateResults() {
        var upstreams = make(1, .roundRobin)
        var tried = (0..<4).map { _ in Upstreams.Tried() }
        let attempts = tried.indices.map { upstreams.next(&tried[$0], now: 0)! }
        #expect(failed(&upstreams, attempts[0], now: 10) == .wentDown(1000))
        #expect(failed(&upstreams, attempts[1], now: 20) == .nothingNew)
        var last = Upstreams.Tried()
        let trial = upstreams.next(&last, now: 1010)!
        #expect(failed(&upstreams, attempts[2], now: 1010) == .nothingNew, "it is not the trial that has failed")
        #expect(connected(&upstreams, attempts[3]))
        #expect(failed(&upstreams, trial, now: 1020) == .wentDown(1000))
    }

    @Test("no upstream is tried twice for one client, even if it has come up meanwhile")
    func notTwice() {
        var upstreams = make(2, .roundRobin)
        var (first, second) = (Upstreams.Tried(), Upstreams.Tried())
        let attempt = upstreams.next(&first, now: 0)!
        let slow = upstreams.next(&second, now: 0)!
        #expect([attempt.place, slow.place] == [0, 1])
        #expect(failed(&upstreams, attempt, now: 0) == .wentDown(1000))
        #expect(connect(&upstreams, now: 1000) == 0)
        let other = upstreams.next(&first, now: 1000)
        #expect(other?.place == 1)
        #expect(next(&upstreams, &first, now: 1000) == nil)
    }
}
