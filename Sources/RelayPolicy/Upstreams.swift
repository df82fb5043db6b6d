//===----------------------------------------------------------------------===//
// Quartermaster: which upstream a client gets
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Decides which upstream is tried for a client, and for how long one that cannot be reached is left alone. Knows them
/// by their places in the administrator's list; never connects, and asks no clock: the caller says what time it is.
///
/// | An upstream is | A client may get it | Leads to |
/// | --- | --- | --- |
/// | up | yes | an attempt fails: down |
/// | down | no | its pause is over, and a client comes: on trial |
/// | on trial | no, the client on trial has it | success: up; failure: down, for longer; given up: down, and due |
///
/// An attempt that began before an upstream went down says nothing new when it fails. One that succeeds does.
package struct Upstreams: Equatable, Sendable {
    package enum Balance: Sendable {
        /// One after the other.
        case roundRobin
        /// The one with the fewest connections and attempts; of equals, one after the other.
        case leastConnections
        /// The first one in the list that is not down: the others are its backups.
        case first
    }

    /// How long an upstream is left alone after a failure. Each failed trial doubles it.
    package struct Pauses: Equatable, Sendable {
        package let first: Int64
        package let longest: Int64

        /// In milliseconds; both at least 1, and `longest` not below `first`.
        package init(first: Int64, longest: Int64) {
            self.first = max(first, 1)
            self.longest = max(longest, self.first)
        }

        func after(failures: Int) -> Int64 {
            // More than sixty doublings are more than any limit.
            if failures > 60 { return longest }
            let (pause, isTooLarge) = first.multipliedReportingOverflow(by: 1 << Int64(max(failures - 1, 0)))
            return isTooLarge ? longest : min(pause, longest)
        }
    }

    enum Health: Equatable, Sendable {
        case up
        case down(until: Int64)
        case onTrial
    }

    struct Upstream: Equatable, Sendable {
        var health = Health.up
        /// Failed attempts in a row that counted.
        var failures = 0
        var connections = 0
        var attempts = 0

        var load: Int { connections + attempts }
    }

    /// A client's try to reach an upstream. Every attempt ends with `connected`, `failed`, `gaveUp` or
    /// `putBack`, once.
    package struct Attempt: Hashable, Sendable {
        package let place: Int
        package let isTrial: Bool
    }

    /// The upstreams that were tried for one client, so that none is tried twice.
    package struct Tried: Hashable, Sendable {
        private var places: UInt64 = 0

        package init() {}

        mutating func insert(_ place: Int) { places |= 1 << UInt64(place) }
        mutating func remove(_ place: Int) { places &= ~(1 << UInt64(place)) }
        func contains(_ place: Int) -> Bool { places >> UInt64(place) & 1 == 1 }
        package var isEmpty: Bool { places == 0 }
    }

    /// What a failure means.
    package enum Failure: Equatable, Sendable {
        /// The upstream was up, and is left alone for so many milliseconds now.
        case wentDown(Int64)
        /// It is still down.
        case staysDown(Int64)
        /// It was known to be down.
        case nothingNew
    }

    package static let mostUpstreams = 64

    private let balance: Balance
    private let pauses: Pauses
    var upstreams: [Upstream]
    /// Where the next round begins.
    var cursor = 0

    /// - Parameter count: 1 to `mostUpstreams`.
    package init(count: Int, balance: Balance, pauses: Pauses) {
        precondition((1...Self.mostUpstreams).contains(count))
        self.balance = balance
        self.pauses = pauses
        upstreams = Array(repeating: Upstream(), count: count)
    }

    package var count: Int { upstreams.count }

    /// How many connections go to the upstream.
    package func connections(_ place: Int) -> Int { upstreams[place].connections }

    // MARK: questions

    /// The upstream to try for a client, which is noted in `tried`; nil when all that it has not tried are down.
    package mutating func next(_ tried: inout Tried, now: Int64) -> Attempt? {
        var best: Int?
        for step in 0..<upstreams.count {
            let place = balance == .first ? step : (cursor + step) % upstreams.count
            guard !tried.contains(place), mayTry(place, now) else { continue }
            guard let other = best else {
                best = place
                if balance == .leastConnections { continue }
                break
            }
            if upstreams[place].load < upstreams[other].load { best = place }
        }
        guard let place = best else { return nil }
        cursor = (place + 1) % upstreams.count
        tried.insert(place)
        let isTrial = upstreams[place].health != .up
        if isTrial { upstreams[place].health = .onTrial }
        upstreams[place].attempts += 1
        return Attempt(place: place, isTrial: isTrial)
    }

    private func mayTry(_ place: Int, _ now: Int64) -> Bool {
        switch upstreams[place].health {
        case .up: true
        case .down(let until): until <= now
        case .onTrial: false
        }
    }

    // MARK: events

    /// Returns whether the upstream was down.
    @discardableResult package mutating func connected(_ attempt: Attempt) -> Bool {
        end(attempt)
        let wasDown = upstreams[attempt.place].health != .up
        upstreams[attempt.place].connections += 1
        upstreams[attempt.place].health = .up
        upstreams[attempt.place].failures = 0
        return wasDown
    }

    package mutating func failed(_ attempt: Attempt, now: Int64) -> Failure {
        end(attempt)
        let place = attempt.place
        switch upstreams[place].health {
        // Another attempt has succeeded since this trial began; the pause begins anew all the same.
        case .up: break
        case .onTrial where attempt.isTrial: break
        case .onTrial, .down: return .nothingNew
        }
        let wasUp = upstreams[place].health == .up
        upstreams[place].failures += 1
        let pause = pauses.after(failures: upstreams[place].failures)
        upstreams[place].health = .down(until: now + pause)
        return wasUp ? .wentDown(pause) : .staysDown(pause)
    }

    /// The client has left before there was a result. A trial is left to the next client.
    package mutating func gaveUp(_ attempt: Attempt, now: Int64) {
        end(attempt)
        if attempt.isTrial, upstreams[attempt.place].health == .onTrial {
            upstreams[attempt.place].health = .down(until: now)
        }
    }

    /// The attempt came to nothing for want of descriptors or memory here: the client may try this upstream again.
    package mutating func putBack(_ attempt: Attempt, _ tried: inout Tried, now: Int64) {
        gaveUp(attempt, now: now)
        tried.remove(attempt.place)
    }

    /// A connection to the upstream is over.
    package mutating func closed(_ place: Int) {
        precondition(upstreams[place].connections > 0)
        upstreams[place].connections -= 1
    }

    private mutating func end(_ attempt: Attempt) {
        precondition(upstreams[attempt.place].attempts > 0)
        upstreams[attempt.place].attempts -= 1
    }
}
