//===----------------------------------------------------------------------===//
// Quartermaster: output of one connection that an event server collects
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import FixedMemory
import SystemCalls
import WorkerPage

extension EventCore {
    /// The cork is this connection's from here on, with so much room.
    @usableFromInline mutating func uncork(for id: ClientID, room: Int) {
        if corkOwner == id, cork.room >= room { return }
        flush()
        corkOwner = id
    }

    /// Sends what was collected.
    @usableFromInline mutating func flush() {
        guard let id = corkOwner.take() else { return }
        defer { cork.reset() }
        guard connections.contains(id.slot), connections[id.slot].takesOutput else { return }
        if cork.isOverfull {
            life.warn(.reply, "\(name): reply does not fit -- disconnecting the client")
            return end(id.slot, .left(.overrun))
        }
        if cork.count > 0 {
            var sent = 0
            if connections[id.slot].pending.isEmpty, connections[id.slot].way == .there {
                guard let count = writeCork(to: id.slot) else { return }
                sent = count
            } else if connections[id.slot].pending.count + cork.count > wishes.pendingLimit {
                life.warn(.reply, "\(name): too much output waits for a client -- disconnecting it")
                return end(id.slot, .left(.overrun))
            }
            if sent < cork.count {
                Self.append(cork, from: sent, to: &outputs, &connections[id.slot].pending)
                waitForRoom(id.slot)
            }
        }
        if cork.mustDisconnect { disconnectWhenSent(id) }
    }

    private static func append(
        _ cork: borrowing Reply,
        from start: Int,
        to outputs: inout ByteQueues,
        _ queue: inout ByteQueues.Queue
    ) {
        outputs.append(cork.buffer.bytes.extracting(droppingFirst: start), to: &queue)
    }

    /// The same as `write` for what was collected.
    private mutating func writeCork(to slot: SlotID) -> Int? {
        do throws(SystemError) {
            let count = try writtenOfCork(to: slot)
            if connections[slot].isClient { life.counts.count(.sent, count) }
            return count
        } catch {
            lost(slot, error)
            return nil
        }
    }

    private func writtenOfCork(to slot: SlotID) throws(SystemError) -> Int {
        guard case .bytes(let count) = try connections[slot].output.write(cork.buffer.bytes) else { return 0 }
        return count
    }
}
