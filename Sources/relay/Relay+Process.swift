//===----------------------------------------------------------------------===//
// Quartermaster: the relay's timers, and the end of its process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

extension Relay {
    /// What the relay's timers are for.
    enum TimerTag {
        static let idle: UInt64 = 0
        static let shortage: UInt64 = 1
    }

    mutating func started(_ handle: inout EventHandle<End>) {
        let timer = handle.makeTimer(tag: TimerTag.idle)
        // A quarter of the limit, within a quarter of a second and ten seconds.
        handle.arm(timer, every: min(max(Int64(settings.idleSeconds) * 250, 250), 10_000))
    }

    mutating func timerFired(_ timer: TimerID, _ handle: inout EventHandle<End>) {
        if timer.tag == TimerTag.shortage { shortageTimerFired(&handle) } else { endIdlePairs(&handle) }
    }

    /// Ends the pairs in which nothing has moved for too long.
    private mutating func endIdlePairs(_ handle: inout EventHandle<End>) {
        let limit = Int64(settings.idleSeconds) * 1000
        let now = handle.time.milliseconds
        var next = handle.client(after: nil)
        while let client = next {
            next = handle.client(after: client)
            guard now - handle[client].active >= limit else { continue }
            log.verbose(1, "nothing has moved for \(settings.idleSeconds) s -- closing a client and its upstream")
            endPair(client, &handle)
        }
    }

    /// Where something waits to be taken, neither end is to take what it has for the whole.
    private mutating func endPair(_ client: ClientID, _ handle: inout EventHandle<End>) {
        guard let peer = handle[client].peer, handle.isConnected(peer) else { return handle.disconnect(client) }
        guard handle.pendingOutput(of: client) + handle.pendingOutput(of: peer) > 0 else {
            return handle.disconnect(client)
        }
        handle.reset(peer)
        handle.reset(client)
    }

    /// A process that is replaced serves its clients to the end, within limits; a fresh one serves who comes.
    mutating func willLeave(_ reason: LeaveReason, _ handle: inout EventHandle<End>) -> LeaveDecision {
        reason == .terminated || ends == 0 ? .atOnce : .whenTold(withinSeconds: settings.drainSeconds)
    }
}
