//===----------------------------------------------------------------------===//
// Quartermaster: clients that the kernel has no memory to watch
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import SystemCalls

// A client that was accepted is not given up for want of memory: it waits until it can be watched. No others are
// accepted meanwhile, so few are waiting; those in the queue are left to other processes.
extension StreamCore {
    /// The client cannot be watched now. This is tried again when a client has left or a second has passed. One that
    /// can never be watched, such as a file that somebody has passed, is disconnected.
    mutating func cannotWatch(_ slot: SlotID, _ error: SystemError) {
        guard error.isWatchShortage else {
            life.warn(.watch, "watch client: \(error.reason) -- disconnecting it")
            return doomed.append(ClientID(slot))
        }
        life.warn(.watch, "watch client: \(error.reason) -- trying again, and accepting no clients for a moment")
        if !unwatched.contains(slot) { unwatched.append(slot) }
        life.pause()
        life.tryAgainSoon()
    }

    /// First come those that were accepted already.
    mutating func tryAgain() {
        let waiting = unwatched
        unwatched = []
        for slot in waiting where connections.contains(slot) {
            let hasUnsent = connections[slot].unsent != nil
            if hasUnsent { waitForRoom(slot) }
            // What it is sent first, it takes first; but whoever was never watched is heard later.
            let isNew = connections[slot].reading == nil && !inFlowDelay.holdsBack(slot)
            if !hasUnsent || isNew { startReading(slot) }
        }
        if unwatched.isEmpty, passed.watchAll(&life) { life.resume() }
    }
}
