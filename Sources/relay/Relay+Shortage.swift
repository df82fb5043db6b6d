//===----------------------------------------------------------------------===//
// Quartermaster: clients of the relay for whose upstream there are no descriptors, or no memory
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton

extension Relay {
    /// Who waits for descriptors or memory, in the order in which they came. A shortage passes, as a rule when somebody
    /// else leaves: so a client is kept for as long as connecting may take, nobody else is accepted meanwhile, and who
    /// comes is left to other processes.
    struct Shortage {
        static let retryMilliseconds: Int64 = 100

        /// Some of them may have left.
        var waiting: [ClientID] = []
        var timer: TimerID?
        var noted = RepeatedWarning()
        var givenUp = RepeatedWarning()
    }

    /// The first one of a shortage starts the timer, and each that comes to wait stays behind it.
    mutating func waitForDescriptors(
        _ client: ClientID,
        _ end: inout End,
        _ error: ServiceError,
        _ handle: inout EventHandle<End>
    ) {
        let text = "connect to upstreams: \(error.reason)"
        shortage.noted.log(log, at: handle.time, "\(text) -- keeping clients, and trying again")
        let now = handle.time.milliseconds
        let limit = end.shortageEnds ?? now + settings.connectMilliseconds
        end.shortageEnds = limit
        if now >= limit {
            shortage.givenUp.log(log, at: handle.time, "\(text) -- closing a client")
            return handle.disconnect(client)
        }
        shortage.waiting.append(client)
        handle.pauseAccepting()
        armShortageTimer(&handle)
    }

    private mutating func armShortageTimer(_ handle: inout EventHandle<End>) {
        let timer = shortage.timer ?? handle.makeTimer(tag: TimerTag.shortage)
        shortage.timer = timer
        handle.arm(timer, milliseconds: Shortage.retryMilliseconds)
    }

    /// Tries again for those who wait. When there is nothing for one of them there is nothing for those behind it, but
    /// for whose time is over: one try each time.
    mutating func shortageTimerFired(_ handle: inout EventHandle<End>) {
        let waiting = shortage.waiting
        shortage.waiting = []
        let now = handle.time.milliseconds
        for client in waiting where handle.isConnected(client) {
            var end = handle[client]
            if !shortage.waiting.isEmpty, let limit = end.shortageEnds, now < limit {
                shortage.waiting.append(client)
            } else {
                findUpstream(for: client, &end, &handle)
                if handle.isConnected(client) { handle[client] = end }
            }
        }
        acceptIfThereIsRoom(&handle)
    }
}
