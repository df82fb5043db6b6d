//===----------------------------------------------------------------------===//
// Quartermaster: what an event server sends, at once or later
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import SystemCalls
import WorkerPage

extension EventCore {
    /// Larger pieces are written from where they are.
    private static var smallPiece: Int { 4096 }

    mutating func send(_ bytes: RawSpan, to id: ClientID) -> Sending {
        guard isConnected(id), connections[id.slot].takesOutput else { return .gone }
        if bytes.byteCount == 0 { return .sent }
        if bytes.byteCount <= Self.smallPiece, !hasPending(id) {
            uncork(for: id, room: bytes.byteCount)
            // What was in the way may have filled the kernel's buffer.
            if isConnected(id), !hasPending(id) {
                cork.append(bytes)
                return .sent
            }
            if corkOwner == id { corkOwner = nil }
        } else if corkOwner == id {
            flush()
        }
        guard isConnected(id), connections[id.slot].takesOutput else { return .gone }
        if hasPending(id), bytes.byteCount > roomInQueue(id) { return .full }
        return put(bytes, to: id)
    }

    /// As much as there is room for.
    mutating func sendPart(_ bytes: RawSpan, to id: ClientID) -> Int {
        if corkOwner == id { flush() }
        guard isConnected(id), connections[id.slot].takesOutput, bytes.byteCount > 0 else { return 0 }
        var done = 0
        if !hasPending(id) {
            guard let count = write(bytes, to: id.slot) else { return 0 }
            done = count
        }
        let rest = min(bytes.byteCount - done, roomInQueue(id))
        if rest > 0 {
            outputs.append(bytes.extracting(done..<done + rest), to: &connections[id.slot].pending)
            waitForRoom(id.slot)
        }
        return done + max(rest, 0)
    }

    /// All of it, at once or later.
    private mutating func put(_ bytes: RawSpan, to id: ClientID) -> Sending {
        var sent = 0
        if !hasPending(id) {
            guard let count = write(bytes, to: id.slot) else { return .gone }
            if count == bytes.byteCount { return .sent }
            sent = count
        }
        outputs.append(bytes.extracting(sent..<bytes.byteCount), to: &connections[id.slot].pending)
        waitForRoom(id.slot)
        return .waits
    }

    /// How many bytes the kernel took; nil when the connection is over.
    private mutating func write(_ bytes: RawSpan, to slot: SlotID) -> Int? {
        do throws(SystemError) {
            guard case .bytes(let count) = try connections[slot].output.write(bytes) else { return 0 }
            if connections[slot].isClient { life.counts.count(.sent, count) }
            return count
        } catch {
            lost(slot, error)
            return nil
        }
    }

    mutating func lost(_ slot: SlotID, _ error: SystemError) {
        log.verbose(1, "write to client: \(error.reason)")
        end(slot, .left(.lost(ServiceError(error))))
    }

    // MARK: how much of it

    /// Whether what is sent now has to wait: for what was sent before, or for the connection.
    private func hasPending(_ id: ClientID) -> Bool {
        !connections[id.slot].pending.isEmpty || connections[id.slot].way != .there
    }

    private func roomInQueue(_ id: ClientID) -> Int { max(wishes.pendingLimit - connections[id.slot].pending.count, 0) }

    mutating func room(of id: ClientID) -> Int {
        guard isConnected(id), connections[id.slot].takesOutput else { return 0 }
        return max(roomInQueue(id) - (corkOwner == id ? cork.count : 0), 0)
    }

    func pendingOutput(of id: ClientID) -> Int {
        connections.contains(id.slot) ? connections[id.slot].pending.count : 0
    }

    // MARK: the end of it

    mutating func finishOutput(_ id: ClientID) {
        if corkOwner == id { flush() }
        guard isConnected(id), !connections[id.slot].isFinishing else { return }
        connections[id.slot].isFinishing = true
        if !hasPending(id) { endOutput(id.slot) }
    }

    /// Everything is sent.
    mutating func endOutput(_ slot: SlotID) {
        if connections[slot].outputEnded { return }
        connections[slot].outputEnded = true
        do throws(SystemError) {
            try connections[slot].output.shutdownWriting()
        } catch {
            // A pipe, or a connection that is gone, which the next read says.
            if error.code == .notSocket { connections[slot].closeOutput() }
        }
        if connections[slot].inputEnded { end(slot, .left(.ended)) }
    }
}
