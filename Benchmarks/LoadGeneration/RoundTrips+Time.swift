//===----------------------------------------------------------------------===//
// Quartermaster: what is done with datagrams when, by the clock
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls

extension RoundTrips {
    /// Collects what happened; waits when no datagram can go.
    mutating func pollEvents() throws(SystemError) {
        let now = Clock.monotonicNanoseconds()
        try handleDue(now)
        try loop.turn(waitingAtMost: line.isEmpty && working > 0 ? try patience(at: now) : 0)
        while let occurrence = loop.next() {
            switch Token(rawValue: occurrence.token.kind) {
            case .sender?: receive(Int(occurrence.token.index))
            case .alarm?: starts.hasRung = true
            case nil: preconditionFailure("an event without a watcher")
            }
        }
        retryAll()
        link.deliverIfAsked(&account, open: openCount)
    }

    private mutating func handleDue(_ now: Int64) throws(SystemError) {
        time.noteWarmUp(at: now)
        if isOpenLoop { beginDue() }
        if !isStopping, now >= time.endAt || link.isStopping || (isOpenLoop && starts.next == nil) { stop(at: now) }
        while let place = turnedAway.head, wakes[place] <= now || isStopping {
            _ = turnedAway.popFirst()
            line.append(place)
        }
        if time.takeSweep(at: now) { sweep(at: now) }
    }

    /// No datagram goes any more.
    mutating func stop(at now: Int64) {
        if !isStopping {
            isStopping = true
            time.stoppedAt = min(now, time.endAt)
        }
        if isOpenLoop {
            account.ledger.miss(starts.takeMissed(before: time.stoppedAt))
            while free.popFirst() != nil { working -= 1 }
        }
    }

    private mutating func sweep(at now: Int64) {
        for place in trips.indices where trips[place].isSent && now >= trips[place].deadline { settle(place, .lost) }
    }

    /// Begins what is due, as long as there are places.
    private mutating func beginDue() {
        while !isStopping, let place = free.head, let (due, now) = starts.takeDue(before: time.endAt) {
            _ = free.popFirst()
            account.noteStart(due: due, at: now, freeSince: freeSince, measuringFrom: time.measureFrom)
            begin(place, at: now, intended: due)
        }
    }

    /// Tries those whose peer had no room, until one of them finds that it still has none.
    private mutating func retryAll() {
        for _ in 0..<retrying.count {
            guard let place = retrying.popFirst() else { return }
            if Clock.monotonicNanoseconds() >= trips[place].deadline {
                settle(place, .timedOut)
                continue
            }
            let waiting = retrying.count
            send(place)
            if retrying.count > waiting { return }
        }
    }

    private mutating func patience(at now: Int64) throws(SystemError) -> Int64 {
        var until = min(now + RunTime.longestNap, time.nextSweep)
        if !retrying.isEmpty { until = min(until, now + 1_000_000) }
        if let place = turnedAway.head { until = min(until, wakes[place]) }
        return try starts.patience(until: until, from: now, hasFree: !free.isEmpty)
    }
}
