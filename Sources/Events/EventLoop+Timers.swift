//===----------------------------------------------------------------------===//
// Quartermaster: timers of the event loop, and those that libevent has no memory for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CEvent
import FixedMemory
import SystemCalls

// A deed that failed is tried again by a timer, so a timer must not fail. libevent's needs memory: where there is none,
// the timer is *held* in its watcher, where it needs none, and every turn ends after a moment to look after it.
extension EventLoop {
    /// A timer that is not running yet.
    package mutating func makeTimer(token: EventToken) -> WatchID {
        insert(token: token, what: .timer, descriptor: nil, isExclusive: false, assign: (-1, 0))
    }

    /// Runs the timer once, `milliseconds` from now; a running timer starts over.
    ///
    /// Cannot fail: a timer that is held is reported up to 50 ms late.
    package mutating func arm(_ id: WatchID, milliseconds: Int64) {
        let microseconds = min(max(milliseconds, 0), LoopTime.longestWait) * 1000
        let isReal = !standsStill
        let start = now.nanoseconds
        let isEnlisted = watchers.withElement(id.slot) { watcher -> Bool in
            watcher.due = 0
            watcher.becomeActive()
            if isReal, watcher.enlist(microseconds: microseconds) { return true }
            // As it ran before, it must not ring now.
            watcher.becomeInactive()
            watcher.becomeActive()
            watcher.due = (isReal ? Clock.monotonicNanoseconds() : start) + microseconds * 1000
            return false
        }
        if isEnlisted == false { holdsTimers = true }
    }

    /// Milliseconds until the next timer of a loop whose time stands still; nil without one.
    package var millisecondsToNextTimer: Int64? {
        var next: Int64?
        for index in 0..<watchers.capacity {
            guard let slot = watchers.id(at: index), watchers[slot].due > 0 else { continue }
            next = min(next ?? .max, watchers[slot].due)
        }
        return next.map { max(($0 - now.nanoseconds + 999_999) / 1_000_000, 0) }
    }

    /// How long a turn waits at most, in milliseconds, while timers are held.
    static var heldTimerPatience: Int64 { 50 }

    /// Reports the held timers that are due, and offers the others to libevent again.
    mutating func lookAfterHeldTimers() {
        let now = now.nanoseconds
        holdsTimers = false
        for index in 0..<watchers.capacity {
            guard let slot = watchers.id(at: index), watchers[slot].due > 0 else { continue }
            if watchers[slot].due <= now {
                unsafe cevent_report(watchers[slot].record)
            } else if standsStill || !watchers[slot].enlist(microseconds: (watchers[slot].due - now + 999) / 1000) {
                holdsTimers = true
                continue
            }
            watchers[slot].due = 0
        }
    }
}
