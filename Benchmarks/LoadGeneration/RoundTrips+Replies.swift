//===----------------------------------------------------------------------===//
// Quartermaster: what comes back of datagrams, and how their exchanges end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import LoadReports
import SystemCalls

extension RoundTrips {
    /// Takes what has come for a sender, but no more than it may wait for.
    mutating func receive(_ index: Int) {
        for _ in 0..<max(senders[index].underWay, 1) {
            guard senders[index].isOpen else { return }
            do throws(SystemError) {
                switch try senders[index].number.receive(into: &received, at: 0, atMost: received.count) {
                case .wouldBlock: return
                case .endOfFile: take(0, index)
                case .bytes(let count): take(count, index)
                }
            } catch {
                // An earlier datagram came back as undeliverable: it was the oldest, most likely.
                guard let place = oldest(of: index) else { return close(index) }
                return settle(place, Outcome(of: error), because: error)
            }
        }
    }

    private func oldest(of index: Int) -> Int? {
        var found: Int?
        for place in index * plan.outstanding..<(index + 1) * plan.outstanding where trips[place].isSent {
            if let best = found, trips[best].began <= trips[place].began { continue }
            found = place
        }
        return found
    }

    private mutating func take(_ count: Int, _ index: Int) {
        guard let numbers else {
            // What is given up gets a new socket, so this is of now.
            return trips[index].isSent ? compare(count, index) : stray(.unexpected)
        }
        guard let (thread, place, round) = numbers.read(received, count), thread == share.index,
            trips.indices.contains(place), sender(of: place) == index
        else {
            // With one datagram under way there is no doubt which it shall answer.
            if plan.outstanding == 1, trips[index].isSent { return settle(index, .wrongReply, bytes: count) }
            return stray(.unexpected)
        }
        if round == trips[place].round, trips[place].isSent {
            numbers.clear(&received)
            return compare(count, place)
        }
        strayOf(place, age: trips[place].round &- round)
    }

    /// A reply to a datagram that was answered, or given up, before.
    private mutating func strayOf(_ place: Int, age: UInt32) {
        switch age {
        case 0 where trips[place].isLost:
            trips[place].isLost = false
            stray(.late)
        case 1...64 where trips[place].lost >> UInt64(age - 1) & 1 == 1:
            trips[place].lost &= ~(1 << UInt64(age - 1))
            stray(.late)
        case 0...64: stray(.duplicate)
        default: stray(.unexpected)
        }
    }

    private mutating func stray(_ kind: StrayReplies.Kind) {
        if time.isMeasuring { account.ledger.strays?.count(kind) }
    }

    private mutating func compare(_ count: Int, _ place: Int) {
        let match = script.match(step, received, start: 0, count: count, known: 0)
        settle(place, match == .complete ? .answered : .wrongReply, bytes: count)
    }

    // MARK: ends

    mutating func settle(_ place: Int, _ outcome: Outcome, because error: SystemError? = nil, bytes count: Int = 0) {
        let now = Clock.monotonicNanoseconds()
        let index = sender(of: place)
        if trips[place].isMeasured {
            account.settle(outcome, at: now)
            if outcome == .answered { account.noteRoundTrip(trips[place].intended, trips[place].began, now) }
        }
        if outcome.isFailure, account.firstProblem == nil { account.firstProblem = describe(outcome, error, count) }
        if trips[place].isSent { senders[index].underWay -= 1 }
        trips[place].isBusy = false
        trips[place].isSent = false
        trips[place].isLost = outcome == .lost
        // Without a number, a reply that is late would be taken for that of the next one.
        if error != nil && senders[index].underWay == 0 || outcome == .lost && numbers == nil { close(index) }
        makeReady(place, outcome, at: now)
    }

    private func describe(_ outcome: Outcome, _ error: SystemError?, _ count: Int) -> String {
        if let error { return "\(outcome.name): \(error)" }
        if outcome != .wrongReply { return outcome.name }
        return "\(outcome.name), \"\(EscapedText.show(received[..<min(count, 200)]))\""
    }

    private mutating func makeReady(_ place: Int, _ outcome: Outcome, at now: Int64) {
        if isOpenLoop && isStopping {
            working -= 1
        } else if isOpenLoop {
            if free.isEmpty { freeSince = now }
            free.append(place)
        } else if outcome.wantsRest {
            wakes[place] = now + RunTime.rest
            turnedAway.append(place)
        } else {
            line.append(place)
        }
    }

    mutating func abandonAll() {
        let now = Clock.monotonicNanoseconds()
        stop(at: now)
        for place in trips.indices where trips[place].isBusy {
            if trips[place].isMeasured { account.settle(.abandoned, at: now) }
            if account.firstProblem == nil { account.firstProblem = describe(.abandoned, nil, 0) }
            trips[place].isBusy = false
        }
    }
}
