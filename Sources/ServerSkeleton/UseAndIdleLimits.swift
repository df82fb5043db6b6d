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

    init(useLimit: Int, idleLimit: Int) {
        self.useLimit = max(useLimit, 0)
        idleMilliseconds = Int64(max(idleLimit, 0)) * 1000
    }

    var hasIdleLimit: Bool { idleMilliseconds > 0 }
    /// First time to look at the idle limit, in milliseconds.
    var idlePeriod: Int64 { idleMilliseconds }

    var isUsedUp: Bool { useLimit > 0 && used >= useLimit }

    mutating func count(_ uses: Int) { used &+= uses }

    /// The last client left now.
    mutating func becameIdle(_ now: LoopTime) { idleSince = now }

    /// Milliseconds until an idle process has reached its limit; 0 or less when it has.
    func idleMillisecondsLeft(_ now: LoopTime) -> Int64 {
        idleMilliseconds - now.milliseconds(since: idleSince)
    }
}
