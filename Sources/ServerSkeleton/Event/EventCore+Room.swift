//===----------------------------------------------------------------------===//
// Quartermaster: output that waits until a peer has room for it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import SystemCalls
import WorkerPage

extension EventCore {
    /// Blocks that are written for one connection in one turn at most.
    private static var blocksAtOnce: Int { 16 }

    /// What a TCP peer does not read fills the kernel's memory for all connections: by default megabytes for each.
    mutating func limitUnsent(_ number: DescriptorNumber) {
        guard let limit = life.circumstances.unsentLimit else { return }
        // A passed connection may be none of TCP.
        try? number.setOption(.unsentLimit, CInt(clamping: limit))
    }

    /// The peer has to take what we have.
    mutating func waitForRoom(_ slot: SlotID) {
        updateReading(slot)
        // One that is not there yet has a limit of its own.
        guard connections[slot].way == .there else { return }
        patience.wait(for: &connections[slot].waitingSince, &life.loop)
        startWriting(slot)
    }

    mutating func startWriting(_ slot: SlotID) {
        if connections[slot].isWriting { return }
        do throws(SystemError) {
            if let writing = connections[slot].writing {
                try life.loop.start(writing)
            } else {
                let number = connections[slot].output
                let watch = try life.loop.watch(number, for: .writable, token: EventToken(.client, slot: slot))
                connections[slot].writing = watch
            }
            connections[slot].isWriting = true
        } catch {
            cannotWatch(slot, error)
        }
    }

    mutating func stopWriting(_ slot: SlotID) {
        guard connections[slot].isWriting, let writing = connections[slot].writing else { return }
        life.loop.stop(writing)
        connections[slot].isWriting = false
    }

    /// A connection has room again, or is there at last.
    mutating func carryOn(_ id: ClientID) -> LoopEvent? {
        guard isConnected(id) else { return nil }
        let slot = id.slot
        if connections[slot].way == .underWay { return connectionCame(id) }
        for _ in 0..<Self.blocksAtOnce where !connections[slot].pending.isEmpty {
            guard let (count, left) = writeFront(slot) else { return nil }
            outputs.removeFirst(count, from: &connections[slot].pending)
            if count > 0 { patience.wait(for: &connections[slot].waitingSince, &life.loop) }
            if left > 0 { return nil }
        }
        return connections[slot].pending.isEmpty ? allSent(id) : nil
    }

    private mutating func writeFront(_ slot: SlotID) -> (count: Int, left: Int)? {
        do throws(SystemError) {
            let front = outputs.front(of: connections[slot].pending)
            guard case .bytes(let count) = try connections[slot].output.write(front) else {
                return (0, front.byteCount)
            }
            if connections[slot].isClient { life.counts.count(.sent, count) }
            return (count, front.byteCount - count)
        } catch {
            lost(slot, error)
            return nil
        }
    }

    private mutating func allSent(_ id: ClientID) -> LoopEvent? {
        let slot = id.slot
        stopWriting(slot)
        owesNothing(slot)
        if connections[slot].closesWhenSent {
            end(slot, .left(.ended))
            return nil
        }
        if connections[slot].isFinishing { endOutput(slot) }
        if connections[slot].isOver { return nil }
        updateReading(slot)
        return .hasRoom(id)
    }
}
