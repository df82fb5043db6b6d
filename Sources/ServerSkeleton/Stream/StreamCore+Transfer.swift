//===----------------------------------------------------------------------===//
// Quartermaster: bytes from clients and to them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import SystemCalls
import WorkerPage

/// What a read came to.
@usableFromInline enum Reception {
    case some, nothing, ended
}

/// What became of a reply.
@usableFromInline enum Delivery {
    case sent
    /// The client has to receive earlier bytes, or these, before it gets more.
    case kept
    case failed
    /// There is no such client.
    case unknown
}

/// What becomes of a client after the work on it.
@usableFromInline enum Settled {
    case stays, leaves
}

extension StreamCore {
    // MARK: coming

    /// Reads once. Input that was kept comes first.
    @usableFromInline mutating func receive(from id: ClientID, into input: inout InputBuffer) -> Reception {
        guard connections.contains(id.slot) else { return .nothing }
        input.buffer.removeAll()
        restoreKeptBytes(id.slot, into: &input)
        do throws(SystemError) {
            switch try input.fill(from: connections[id.slot].descriptor.number) {
            case .bytes(let count):
                life.counts.count(.received, count)
                return .some
            case .endOfFile: return .ended
            case .wouldBlock:
                keep(id.slot, input.buffer.bytes)
                return .nothing
            }
        } catch {
            log.verbose(1, "read from client: \(error.reason)")
            return .ended
        }
    }

    /// Input that waited until the client had its replies.
    @usableFromInline mutating func restoreKept(of id: ClientID, into input: inout InputBuffer) -> Reception {
        input.buffer.removeAll()
        restoreKeptBytes(id.slot, into: &input)
        return input.count > 0 ? .some : .nothing
    }

    private mutating func restoreKeptBytes(_ slot: SlotID, into input: inout InputBuffer) {
        guard let block = connections[slot].kept else { return }
        connections[slot].kept = nil
        _ = input.buffer.append(blocks.bytes(block))
        blocks.release(block)
    }

    private mutating func keep(_ slot: SlotID, _ bytes: borrowing RawSpan) {
        if bytes.byteCount == 0 { return }
        connections[slot].kept = blocks.store(bytes)
    }

    // MARK: going

    /// Sends what was appended.
    @usableFromInline mutating func send(_ reply: inout Reply, to id: ClientID) -> Delivery {
        guard connections.contains(id.slot) else { return .unknown }
        if connections[id.slot].unsent != nil { return .kept }
        if reply.count == 0 { return .sent }
        do throws(SystemError) {
            var sent = 0
            let number = connections[id.slot].descriptor.number
            if case .bytes(let count) = try number.write(reply.buffer.bytes) { sent = count }
            life.counts.count(.sent, sent)
            defer { reply.buffer.removeAll() }
            if sent == reply.count { return .sent }
            connections[id.slot].unsent = blocks.store(reply.buffer.bytes.extracting(sent..<reply.count))
            return .kept
        } catch {
            log.verbose(1, "write to client: \(error.reason)")
            return .failed
        }
    }

    /// Ends the work on one client for this turn: sends the replies, and keeps the input from `done` on, which the
    /// service has not dealt with.
    @usableFromInline mutating func settle(
        _ id: ClientID,
        _ reply: inout Reply,
        keeping input: borrowing InputBuffer,
        from done: Int
    ) -> Settled {
        settle(id, &reply, keeping: input.bytes(from: min(done, input.count)), hasAsked: done > 0)
    }

    /// The same after a greeting: there was no input.
    @usableFromInline mutating func settle(_ id: ClientID, _ reply: inout Reply) -> Settled {
        settle(id, &reply, keeping: RawSpan(), hasAsked: false)
    }

    private mutating func settle(
        _ id: ClientID,
        _ reply: inout Reply,
        keeping rest: RawSpan,
        hasAsked: Bool
    ) -> Settled {
        let isOverfull = reply.isOverfull
        let mustDisconnect = reply.mustDisconnect
        let delivery = send(&reply, to: id)
        reply.reset()
        if isOverfull {
            life.warn(.reply, "\(name): reply does not fit -- disconnecting the client")
            return .leaves
        }
        switch delivery {
        case .unknown: return .stays
        case .failed: return .leaves
        case .sent:
            if hasAsked { connections[id.slot].isAnswered = true }
            return mustDisconnect ? .leaves : keepRest(rest, of: id.slot)
        case .kept:
            if hasAsked { connections[id.slot].isAnswered = true }
            if mustDisconnect { connections[id.slot].closesWhenSent = true } else { keep(id.slot, rest) }
            waitForRoom(id.slot)
            return .stays
        }
    }

    /// All replies are sent: what is left of its input is the beginning of a request.
    private mutating func keepRest(_ rest: RawSpan, of slot: SlotID) -> Settled {
        if rest.byteCount == 0 {
            owesNothing(slot)
            return .stays
        }
        if rest.byteCount >= requestLimit {
            life.warn(.request, "\(name): request exceeds \(requestLimit) bytes -- disconnecting the client")
            return .leaves
        }
        keep(slot, rest)
        patience.wait(for: &connections[slot].waitingSince, &life.loop)
        return .stays
    }

    private var name: String { "service \(life.circumstances.serviceName)" }

    /// The client has to receive what we have before it gets a hearing again.
    mutating func waitForRoom(_ slot: SlotID) {
        patience.wait(for: &connections[slot].waitingSince, &life.loop)
        if let reading = connections[slot].reading { life.loop.stop(reading) }
        do throws(SystemError) {
            if let writing = connections[slot].writing { return try life.loop.start(writing) }
            let number = connections[slot].descriptor.number
            let token = EventToken(.client, slot: slot)
            connections[slot].writing = try life.loop.watch(number, for: .writable, token: token)
        } catch {
            cannotWatch(slot, error)
        }
    }

    /// The client has room again.
    mutating func carryOn(_ id: ClientID) -> StreamEvent? {
        guard connections.contains(id.slot), let block = connections[id.slot].unsent else { return nil }
        do throws(SystemError) {
            let (count, left) = try writeRest(of: block, to: id.slot)
            if left == 0 { return allSent(id, block) }
            connections[id.slot].unsentOffset += count
            if count > 0 { patience.wait(for: &connections[id.slot].waitingSince, &life.loop) }
            return nil
        } catch {
            log.verbose(1, "write to client: \(error.reason)")
            return .lost(id)
        }
    }

    private func writeRest(
        of block: BlockPool.BlockID,
        to slot: SlotID
    ) throws(SystemError) -> (count: Int, left: Int) {
        let rest = blocks.bytes(block).extracting(droppingFirst: connections[slot].unsentOffset)
        guard case .bytes(let count) = try connections[slot].descriptor.number.write(rest) else {
            return (0, rest.byteCount)
        }
        life.counts.count(.sent, count)
        return (count, rest.byteCount - count)
    }

    private mutating func allSent(_ id: ClientID, _ block: BlockPool.BlockID) -> StreamEvent {
        blocks.release(block)
        connections[id.slot].unsent = nil
        connections[id.slot].unsentOffset = 0
        if connections[id.slot].closesWhenSent { return .lost(id) }
        owesNothing(id.slot)
        if let writing = connections[id.slot].writing { life.loop.stop(writing) }
        // Nobody asks before its in-flow delay is over, or before there is memory for the watch.
        if connections[id.slot].reading != nil { startReading(id.slot) }
        return .resumed(id)
    }
}
