//===----------------------------------------------------------------------===//
// Quartermaster: the relay's timers, and the end of its process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

extension Relay {
    mutating func started(_ handle: inout EventHandle<End>) {
        let timer = handle.makeTimer(tag: 0)
        // A quarter of the limit, within a quarter of a second and ten seconds.
        handle.arm(timer, every: min(max(Int64(settings.idleSeconds) * 250, 250), 10_000))
    }

    /// Ends the pairs in which nothing has moved for too long.
    mutating func timerFired(_ timer: TimerID, _ handle: inout EventHandle<End>) {
        let limit = Int64(settings.idleSeconds) * 1000
        let now = handle.time.milliseconds
        var next = handle.client(after: nil)
        while let client = next {
            next = handle.client(after: client)
            guard now - handle[client].active >= limit else { continue }
            log.verbose(1, "nothing has moved for \(settings.idleSeconds) s -- closing a client and its upstream")
            handle.disconnect(client)
        }
    }

    /// A process that is replaced serves its clients to the end, within limits; a fresh one serves who comes.
    mutating func willLeave(_ reason: LeaveReason, _ handle: inout EventHandle<End>) -> LeaveDecision {
        reason == .terminated || ends == 0 ? .atOnce : .whenTold(withinSeconds: settings.drainSeconds)
    }
}
