//===----------------------------------------------------------------------===//
// Quartermaster: clients that owe us something, and for how long
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterProtocol

extension StreamCore {
    /// Notes that we wait for a client from now on: for the rest of a request, or to take its replies. One coarse timer
    /// looks after all of them, and runs only while there are any.
    mutating func setWaiting(_ slot: SlotID, _ isWaiting: Bool) {
        if !isWaiting, waits.count == 0 { return }
        let since = isWaiting ? loop.now : nil
        let change = connections.withElement(slot) { connection -> Int in
            let was = connection.waitingSince == nil ? 0 : 1
            connection.waitingSince = since
            return (isWaiting ? 1 : 0) - was
        }
        waits.count += change ?? 0
        if isWaiting { armSweep() }
    }

    /// A quarter of the limit, within a second and ten.
    private var sweepMilliseconds: Int64 { min(max(circumstances.ipcTimeoutMilliseconds / 4, 250), 10_000) }

    func passIsOverdue(since: LoopTime) -> Bool {
        loop.now.milliseconds(since: since) >= Int64(ProtocolLimit.passReceiveSeconds) * 1000
    }

    mutating func armSweep() {
        if waits.isArmed { return }
        let timer = waits.timer ?? loop.makeTimer(token: EventToken(kind: Kind.sweep))
        loop.arm(timer, milliseconds: sweepMilliseconds)
        waits.timer = timer
        waits.isArmed = true
    }

    /// Gives up on clients that kept us waiting for too long.
    mutating func sweep() {
        waits.isArmed = false
        for index in 0..<connections.capacity {
            guard let slot = connections.id(at: index), let since = connections.withElement(slot, { $0.waitingSince })
            else { continue }
            if let since, loop.now.milliseconds(since: since) >= circumstances.ipcTimeoutMilliseconds {
                log.verbose(1, "timeout on client")
                doomed.append(ClientID(slot))
            }
        }
        sweepReceptions()
        if waits.count > 0 || passes.count > 0 { armSweep() }
    }
}
