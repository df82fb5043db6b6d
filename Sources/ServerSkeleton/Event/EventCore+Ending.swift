//===----------------------------------------------------------------------===//
// Quartermaster: how the connections of an event server come to their end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import SystemCalls
import WorkerPage

extension EventCore {
    /// The connection is over: nothing more is heard of it or sent to it, and the service is told.
    mutating func end(_ slot: SlotID, _ end: ConnectionEnd) {
        guard connections.contains(slot), !connections[slot].isOver else { return }
        connections[slot].end = end
        patience.end(for: &connections[slot].waitingSince)
        if let watch = connections[slot].reading.take() { life.loop.remove(watch) }
        if let watch = connections[slot].writing.take() { life.loop.remove(watch) }
        if let timer = connections[slot].connectTimer.take() { life.loop.remove(timer) }
        if let block = connections[slot].kept.take() { inputs.release(block) }
        outputs.removeAll(from: &connections[slot].pending)
        tell(.over(ClientID(slot)))
    }

    /// Forgets and closes a connection that is over.
    @usableFromInline mutating func remove(_ id: ClientID) -> ConnectionEnd? {
        guard let connection = connections.remove(id.slot) else { return nil }
        if connection.isClient {
            life.counts.count(.closed)
            life.finished(1)
            if !hasClients { life.becameIdle(life.loop.now) }
        } else {
            outgoing -= 1
        }
        let end = connection.end
        // Its descriptor is free then.
        _ = consume connection
        if unwatched.isEmpty { resumeUnlessUnwanted() } else { tryAgain() }
        return end
    }

    mutating func disconnect(_ id: ClientID) { end(id.slot, .left(.ended)) }

    mutating func reset(_ id: ClientID) {
        guard isConnected(id) else { return }
        try? connections[id.slot].output.resetWhenClosed()
        disconnect(id)
    }

    /// Who has not got everything is not to take what it has for the whole.
    func resetIfIncomplete(_ slot: SlotID) {
        if !connections[slot].pending.isEmpty { try? connections[slot].output.resetWhenClosed() }
    }

    mutating func disconnectWhenSent(_ id: ClientID) {
        if corkOwner == id { flush() }
        guard isConnected(id) else { return }
        if connections[id.slot].pending.isEmpty && connections[id.slot].way == .there { return disconnect(id) }
        connections[id.slot].closesWhenSent = true
        updateReading(id.slot)
    }

    // MARK: who has to do something

    /// Gives up on those, and on senders, that kept us waiting for too long.
    mutating func sweep() {
        patience.timerFired()
        for index in 0..<connections.capacity {
            guard let slot = connections.id(at: index), let since = connections[slot].waitingSince else { continue }
            if patience.isOver(since, life.loop.now) {
                log.verbose(1, "timeout on client")
                resetIfIncomplete(slot)
                end(slot, .left(.timedOut))
            }
        }
        if passed.sweep(&life), !hasClients { life.becameIdle(life.loop.now) }
        if patience.hasWaiting || passed.count > 0 { patience.arm(&life.loop) }
    }

    /// The peer may send something next, or stay silent.
    mutating func owesNothing(_ slot: SlotID) {
        if connections[slot].isClient {
            patience.owesNothing(&connections[slot].waitingSince, &life.loop)
        } else {
            patience.end(for: &connections[slot].waitingSince)
        }
    }
}
