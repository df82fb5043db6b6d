//===----------------------------------------------------------------------===//
// Quartermaster: what the connections of an event server send
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import SystemCalls
import WorkerPage

extension EventCore {
    /// Reads once. Input that was kept comes first.
    @usableFromInline mutating func receive(from id: ClientID, into input: inout InputBuffer) -> Reception {
        guard isConnected(id), !connections[id.slot].inputEnded,
            connections[id.slot].isReading || connections[id.slot].isAlwaysReadable
        else { return .nothing }
        input.buffer.removeAll()
        let hadToWait = connections[id.slot].isStalled
        restoreKeptBytes(id.slot, into: &input)
        // There may be no room to read more.
        if hadToWait { return .some }
        do throws(SystemError) {
            switch try input.fill(from: connections[id.slot].input) {
            case .bytes(let count):
                if connections[id.slot].isClient { life.counts.count(.received, count) }
                if connections[id.slot].isAlwaysReadable { tell(.input(id)) }
                return .some
            case .endOfFile:
                inputHasEnded(id.slot)
                return .ended
            case .wouldBlock:
                keep(id.slot, input.buffer.bytes)
                return .nothing
            }
        } catch {
            log.verbose(1, "read from client: \(error.reason)")
            end(id.slot, .left(.lost(ServiceError(error))))
            return .nothing
        }
    }

    private mutating func inputHasEnded(_ slot: SlotID) {
        connections[slot].inputEnded = true
        // It may have something to take yet.
        if connections[slot].pending.isEmpty { owesNothing(slot) }
        updateReading(slot)
    }

    /// The service has been told that the input has ended.
    @usableFromInline mutating func endIfBothDirectionsHave(_ id: ClientID) {
        guard isConnected(id), connections[id.slot].inputEnded, connections[id.slot].outputEnded else { return }
        end(id.slot, .left(.ended))
    }

    /// Input that had to wait.
    @usableFromInline mutating func restoreKept(of id: ClientID, into input: inout InputBuffer) -> Reception {
        guard isConnected(id), connections[id.slot].isStalled, mayBeHeard(id) else { return .nothing }
        input.buffer.removeAll()
        restoreKeptBytes(id.slot, into: &input)
        return input.count > 0 ? .some : .nothing
    }

    private mutating func restoreKeptBytes(_ slot: SlotID, into input: inout InputBuffer) {
        connections[slot].isStalled = false
        guard let block = connections[slot].kept.take() else { return }
        _ = input.buffer.append(inputs.bytes(block))
        inputs.release(block)
    }

    private mutating func keep(_ slot: SlotID, _ bytes: borrowing RawSpan) {
        if bytes.byteCount == 0 { return }
        connections[slot].kept = inputs.store(bytes)
    }

    /// Whether the service may be given input of this connection.
    @usableFromInline func mayBeHeard(_ id: ClientID) -> Bool {
        connections.contains(id.slot)
            && connections[id.slot].mayBeHeard(whileOutputWaits: wishes.hearsWhileOutputWaits)
    }

    /// Ends the work on one connection for this turn: keeps the input from `done` on, which the service has not dealt
    /// with, for when there is more of it, or for when it may be heard again.
    @usableFromInline mutating func settle(_ id: ClientID, keeping input: borrowing InputBuffer, from done: Int) {
        flush()
        guard isConnected(id), !connections[id.slot].closesWhenSent else { return }
        let rest = input.bytes(from: min(done, input.count))
        if rest.byteCount == 0 {
            if connections[id.slot].pending.isEmpty { owesNothing(id.slot) }
        } else if !mayBeHeard(id) {
            keep(id.slot, rest)
            connections[id.slot].isStalled = true
        } else if rest.byteCount >= wishes.requestLimit {
            life.warn(.request, "\(name): request exceeds \(wishes.requestLimit) bytes -- disconnecting the client")
            end(id.slot, .left(.overrun))
        } else {
            keep(id.slot, rest)
            patience.wait(for: &connections[id.slot].waitingSince, &life.loop)
        }
    }

    // MARK: whether the kernel is asked

    mutating func pauseReading(_ id: ClientID) {
        guard isConnected(id) else { return }
        connections[id.slot].isPaused = true
        if connections[id.slot].pending.isEmpty { owesNothing(id.slot) }
        updateReading(id.slot)
    }

    mutating func resumeReading(_ id: ClientID) {
        guard isConnected(id), connections[id.slot].isPaused else { return }
        connections[id.slot].isPaused = false
        // The rest of a request is owed as before.
        if connections[id.slot].kept != nil { patience.wait(for: &connections[id.slot].waitingSince, &life.loop) }
        updateReading(id.slot)
    }

    /// Watches the input of a connection, or stops to, as its state wants it.
    mutating func updateReading(_ slot: SlotID) {
        let isHeard = connections[slot].mayBeHeard(whileOutputWaits: wishes.hearsWhileOutputWaits)
        if isHeard, connections[slot].isStalled { tell(.heardAgain(ClientID(slot))) }
        if isHeard, !connections[slot].inputEnded { startReading(slot) } else { stopReading(slot) }
    }

    private mutating func startReading(_ slot: SlotID) {
        if connections[slot].isReading { return }
        if connections[slot].isAlwaysReadable { return tell(.input(ClientID(slot))) }
        do throws(SystemError) {
            if let reading = connections[slot].reading {
                try life.loop.start(reading)
            } else {
                let number = connections[slot].input
                let watch = try life.loop.watch(number, for: .readable, token: EventToken(.client, slot: slot))
                connections[slot].reading = watch
            }
            connections[slot].isReading = true
        } catch {
            if error.code == .notPermitted {
                connections[slot].isAlwaysReadable = true
                tell(.input(ClientID(slot)))
            } else {
                cannotWatch(slot, error)
            }
        }
    }

    private mutating func stopReading(_ slot: SlotID) {
        guard connections[slot].isReading, let reading = connections[slot].reading else { return }
        life.loop.stop(reading)
        connections[slot].isReading = false
    }
}
