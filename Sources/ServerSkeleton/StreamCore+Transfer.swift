//===----------------------------------------------------------------------===//
// Quartermaster: bytes coming and going, and those that wait
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import SystemCalls

/// What a read came to.
@usableFromInline enum Reception {
    case some, nothing, ended
}

extension StreamCore {
    // MARK: coming

    /// Reads once. Input that was kept comes first.
    @usableFromInline mutating func receive(from id: ClientID, into input: inout InputBuffer) -> Reception {
        let facts = connections.withElement(id.slot) { ($0.descriptor.number, $0.kept != nil) }
        guard let (number, hasKept) = facts else { return .nothing }
        input.buffer.removeAll()
        if hasKept { takeKeptBytes(id.slot, into: &input) }
        do throws(SystemError) {
            var result = Transfer.wouldBlock
            _ = try input.buffer.fill { (room: inout MutableRawSpan) throws(SystemError) -> Int in
                result = try number.read(into: &room)
                if case .bytes(let count) = result { return count }
                return 0
            }
            switch result {
            case .bytes: return .some
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

    /// Input that waited until the client took its replies. False when there was none.
    @usableFromInline mutating func takeKept(of id: ClientID, into input: inout InputBuffer) -> Bool {
        input.buffer.removeAll()
        takeKeptBytes(id.slot, into: &input)
        return input.count > 0
    }

    private mutating func takeKeptBytes(_ slot: SlotID, into input: inout InputBuffer) {
        let kept = connections.withElement(slot) { connection -> BlockPool.BlockID? in
            defer { connection.kept = nil }
            return connection.kept
        }
        guard let block = kept ?? nil else { return }
        _ = input.buffer.append(blocks.bytes(block))
        blocks.release(block)
    }

    private mutating func keep(_ slot: SlotID, _ bytes: borrowing RawSpan) {
        if bytes.byteCount == 0 { return }
        let block = blocks.store(bytes)
        _ = connections.withElement(slot) { $0.kept = block }
    }

    // MARK: going

    /// What became of a reply.
    private enum Delivery {
        case taken
        /// The client has to take earlier bytes, or these, before it gets more.
        case kept
        case failed
        /// There is no such client.
        case unknown
    }

    /// Sends what was appended. False when the client did not take everything now, or is gone: no more for it.
    @usableFromInline mutating func send(_ reply: inout Reply, to id: ClientID) -> Bool {
        deliver(&reply, to: id) == .taken
    }

    private mutating func deliver(_ reply: inout Reply, to id: ClientID) -> Delivery {
        let facts = connections.withElement(id.slot) { ($0.descriptor.number, $0.unsent == nil) }
        guard let (number, isFree) = facts else { return .unknown }
        guard isFree else { return .kept }
        if reply.count == 0 { return .taken }
        do throws(SystemError) {
            var sent = 0
            if case .bytes(let count) = try number.write(reply.buffer.bytes) { sent = count }
            defer { reply.buffer.removeAll() }
            if sent == reply.count { return .taken }
            let block = blocks.store(reply.buffer.bytes.extracting(sent..<reply.count))
            _ = connections.withElement(id.slot) { $0.unsent = block }
            return .kept
        } catch {
            log.verbose(1, "write to client: \(error.reason)")
            reply.reset()
            reply.disconnect()
            return .failed
        }
    }

    /// Ends the work on one client for this turn: sends the replies, keeps what is left of the input. False when the
    /// client is to leave.
    @usableFromInline mutating func settle(
        _ id: ClientID,
        _ reply: inout Reply,
        _ input: inout InputBuffer,
        done: Int
    ) -> Bool {
        let isOverfull = reply.isOverfull
        let delivery = deliver(&reply, to: id)
        let mustDisconnect = reply.mustDisconnect
        reply.reset()
        if isOverfull {
            log.warning("service \(circumstances.serviceName): reply does not fit -- disconnecting the client")
            return false
        }
        if delivery == .unknown { return true }
        let isBlocked = delivery == .kept
        if mustDisconnect {
            if !isBlocked { return false }
            _ = connections.withElement(id.slot) { $0.closesWhenSent = true }
        }
        let rest = input.count - min(done, input.count)
        if rest > 0, !mustDisconnect {
            if !isBlocked, rest >= input.maximumRequestSize { return refuseRequest(input.maximumRequestSize) }
            keep(id.slot, input.buffer.bytes.extracting(input.count - rest..<input.count))
        }
        input.buffer.removeAll()
        if isBlocked { waitForRoom(id.slot) }
        setWaiting(id.slot, isBlocked || rest > 0)
        return true
    }

    private func refuseRequest(_ limit: Int) -> Bool {
        log.warning("service \(circumstances.serviceName): request exceeds \(limit) bytes -- disconnecting the client")
        return false
    }

    /// The client has to take what we have before it gets a hearing again.
    private mutating func waitForRoom(_ slot: SlotID) {
        guard
            let (number, reading, writing) = connections.withElement(
                slot,
                { ($0.descriptor.number, $0.reading, $0.writing) }
            )
        else { return }
        if let reading { loop.stop(reading) }
        do throws(SystemError) {
            if let writing { return try loop.start(writing) }
            let watch = try loop.watch(number, for: .writable, token: EventToken(kind: Kind.client, slot: slot))
            _ = connections.withElement(slot) { $0.writing = watch }
        } catch {
            log.warning("watch client: \(error.reason)")
            doomed.append(ClientID(slot))
        }
    }

    /// The client has room again.
    mutating func carryOn(_ id: ClientID) -> StreamEvent? {
        let facts = connections.withElement(id.slot) { ($0.descriptor.number, $0.unsent, $0.unsentOffset) }
        guard let (number, unsent, offset) = facts, let block = unsent else { return nil }
        do throws(SystemError) {
            let (count, left) = try writeRest(of: block, from: offset, to: number)
            if left == 0 { return allTaken(id, block) }
            _ = connections.withElement(id.slot) { $0.unsentOffset += count }
            if count > 0 { setWaiting(id.slot, true) }
            return nil
        } catch {
            log.verbose(1, "write to client: \(error.reason)")
            return .lost(id)
        }
    }

    private func writeRest(
        of block: BlockPool.BlockID,
        from offset: Int,
        to number: DescriptorNumber
    ) throws(SystemError) -> (count: Int, left: Int) {
        let bytes = blocks.bytes(block)
        let left = bytes.byteCount - offset
        guard case .bytes(let count) = try number.write(bytes.extracting(offset..<bytes.byteCount)) else {
            return (0, left)
        }
        return (count, left - count)
    }

    private mutating func allTaken(_ id: ClientID, _ block: BlockPool.BlockID) -> StreamEvent? {
        blocks.release(block)
        let facts = connections.withElement(id.slot) { connection in
            connection.unsent = nil
            connection.unsentOffset = 0
            return (connection.reading, connection.writing, connection.closesWhenSent)
        }
        guard let (reading, writing, closesWhenSent) = facts else { return nil }
        if closesWhenSent { return .lost(id) }
        setWaiting(id.slot, false)
        if let writing { loop.stop(writing) }
        do throws(SystemError) {
            if let reading { try loop.start(reading) }
        } catch {
            log.warning("watch client: \(error.reason)")
            return .lost(id)
        }
        return .resumed(id)
    }

    // MARK: leaving

    /// Forgets and closes a connection.
    @usableFromInline mutating func remove(_ id: ClientID) {
        setWaiting(id.slot, false)
        let facts = connections.withElement(id.slot) { ($0.reading, $0.writing, $0.kept, $0.unsent) }
        guard let (reading, writing, kept, unsent) = facts else { return }
        if let reading { loop.remove(reading) }
        if let writing { loop.remove(writing) }
        if let kept { blocks.release(kept) }
        if let unsent { blocks.release(unsent) }
        _ = connections.remove(id.slot)
        limits.count(1)
        if !hasClients { limits.becameIdle(loop.now) }
        resumeAccepting()
    }
}
