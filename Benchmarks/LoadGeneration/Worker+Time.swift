//===----------------------------------------------------------------------===//
// Quartermaster: what a worker does when, by the clock
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls

extension Worker {
    /// What is due.
    mutating func handleDue(_ now: Int64) throws(SystemError) {
        time.noteWarmUp(at: now)
        if isOpenLoop { try beginDue() }
        if !isStopping, now >= time.endAt || link.isStopping || (isOpenLoop && starts.next == nil) { stop(at: now) }
        wake(at: now)
        if time.takeSweep(at: now) { sweep(at: now) }
    }

    /// No exchange begins any more.
    mutating func stop(at now: Int64) {
        if !isStopping {
            isStopping = true
            time.stoppedAt = min(now, time.endAt)
        }
        if isOpenLoop {
            account.ledger.miss(starts.takeMissed(before: time.stoppedAt))
            while let slot = free.popFirst() { retire(slot) }
        }
        if traits.holdsConnection {
            for slot in clients.indices where clients[slot].isBusy && clients[slot].phase == .resting {
                settle(slot, .answered)
            }
        }
    }

    private mutating func sweep(at now: Int64) {
        lastError = nil
        for slot in clients.indices where clients[slot].isWaiting && now >= clients[slot].deadline {
            settle(slot, .timedOut)
        }
    }

    // MARK: the open loop

    /// Begins what is due, as long as clients are free.
    private mutating func beginDue() throws(SystemError) {
        while !isStopping, let slot = free.head, let (due, now) = starts.takeDue(before: time.endAt) {
            _ = free.popFirst()
            account.noteStart(due: due, at: now, freeSince: freeSince, measuringFrom: time.measureFrom)
            begin(slot, at: now, intended: due)
            try step(slot)
        }
    }

    // MARK: waiting

    /// How many milliseconds the event loop may wait.
    mutating func patience(at now: Int64) throws(SystemError) -> Int64 {
        var until = min(now + RunTime.longestNap, time.nextSweep)
        if !retrying.isEmpty { until = min(until, now + 1_000_000) }
        if let slot = turnedAway.head { until = min(until, wakes[slot]) }
        if let slot = pausing.head { until = min(until, wakes[slot]) }
        return try starts.patience(until: until, from: now, hasFree: !free.isEmpty)
    }

    /// A slow client's next byte.
    mutating func pause(_ slot: Int) {
        let now = Clock.monotonicNanoseconds()
        clients[slot].deadline = now + plan.dribbleNanoseconds + plan.timeoutNanoseconds
        wakes[slot] = now + plan.dribbleNanoseconds
        pausing.append(slot)
    }

    private mutating func wake(at now: Int64) {
        while let slot = turnedAway.head, wakes[slot] <= now || isStopping {
            _ = turnedAway.popFirst()
            line.append(slot)
        }
        while let slot = pausing.head, wakes[slot] <= now {
            _ = pausing.popFirst()
            line.append(slot)
        }
    }
}
