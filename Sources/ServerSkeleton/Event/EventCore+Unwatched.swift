//===----------------------------------------------------------------------===//
// Quartermaster: connections that the kernel has no memory to watch
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import FixedMemory
import SystemCalls

extension EventCore {
    /// It is not given up: this is tried again when a connection has ended or a second has passed. No others are
    /// accepted meanwhile. One that can never be watched is over.
    mutating func cannotWatch(_ slot: SlotID, _ error: SystemError) {
        guard error.isWatchShortage else {
            life.warn(.watch, "watch client: \(error.reason) -- disconnecting it")
            return end(slot, .left(.lost(ServiceError(error))))
        }
        life.warn(.watch, "watch client: \(error.reason) -- trying again, and accepting no clients for a moment")
        if !unwatched.contains(slot) { unwatched.append(slot) }
        life.pause()
        life.tryAgainSoon()
    }

    /// First come those that are there already.
    mutating func tryAgain() {
        let waiting = unwatched
        unwatched = []
        for slot in waiting where connections.contains(slot) && !connections[slot].isOver {
            if !connections[slot].pending.isEmpty { startWriting(slot) }
            updateReading(slot)
        }
        resumeUnwatchedDescriptors()
        tryToDrainAgain()
        if unwatched.isEmpty, unwatchedDescriptors.isEmpty, passed.watchAll(&life) { resumeUnlessUnwanted() }
    }
}
