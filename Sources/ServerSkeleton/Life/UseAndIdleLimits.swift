//===----------------------------------------------------------------------===//
// Quartermaster: how long a process lives
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events

/// Counts requests and idle time against `max_use` and `max_idle`; a limit of 0 is none. Ends nothing itself.
struct UseAndIdleLimits {
    let useLimit: Int
    private let idleMilliseconds: Int64
    private(set) var used = 0
    /// When the last client left, or the process started.
    private var idleSince = LoopTime(nanoseconds: 0)
    private var idleTimer: WatchID?
    private var isLookDue = false

    init(useLimit: Int, idleLimit: Int) {
        self.useLimit = max(useLimit, 0)
        idleMilliseconds = LoopTime.milliseconds(ofSeconds: idleLimit)
    }

    var isUsedUp: Bool { useLimit > 0 && used >= useLimit }

    mutating func count(_ uses: Int) { used &+= uses }

    /// The last client left now.
    mutating func becameIdle(_ now: LoopTime) { idleSince = now }

    /// Milliseconds until an idle process has reached its limit; 0 or less when it has.
    private func idleMillisecondsLeft(_ now: LoopTime) -> Int64 {
        idleMilliseconds - now.milliseconds(since: idleSince)
    }

    // MARK: the idle limit's timer

    /// Starts the timer that looks at the idle limit, if there is one.
    mutating func startIdleTimer(_ loop: inout EventLoop, token: EventToken) {
        becameIdle(loop.now)
        guard idleMilliseconds > 0 else { return }
        let timer = loop.makeTimer(token: token)
        loop.arm(timer, milliseconds: idleMilliseconds)
        idleTimer = timer
    }

    /// The process goes on although its limit was reached: a client came at the last moment.
    mutating func restart(_ loop: inout EventLoop) {
        becameIdle(loop.now)
        if let idleTimer { loop.arm(idleTimer, milliseconds: idleMilliseconds) }
    }

    /// The timer fired. Its event may come before this turn's work, so the limit is looked at after it.
    mutating func idleTimerFired() { isLookDue = true }

    /// Whether the process has been idle for too long; if not, the timer runs for what is left. `isInUse`: a client is
    /// connected.
    mutating func isIdleTooLong(_ loop: inout EventLoop, isInUse: Bool) -> Bool {
        guard isLookDue, let idleTimer else { return false }
        isLookDue = false
        let left = isInUse ? idleMilliseconds : idleMillisecondsLeft(loop.now)
        if left > 0 { loop.arm(idleTimer, milliseconds: left) }
        return left <= 0
    }
}
