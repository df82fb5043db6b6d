//===----------------------------------------------------------------------===//
// Quartermaster: bytes from connections of an event server, and to them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import SystemCalls
import WorkerPage

extension EventCore {
    /// Blocks that are written for one connection in one turn at most.
    private static var blocksAtOnce: Int { 16 }
    /// Larger pieces are written from where they are.
    private static var smallPiece: Int { 4096 }

    // MARK: coming

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
        owesNothing(slot)
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

    mutating func pauseReading(_ id: ClientID) {
        guard isConnected(id) else { return }
        connections[id.slot].isPaused = true
        if connections[id.slot].pending.isEmpty { owesNothing(id.slot) }
        updateReading(id.slot)
    }

    mutating func resumeReading(_ id: ClientID) {
        guard isConnected(id), connections[id.slot].isPaused else { return }
        connections[id.slot].isPaused = false
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

    // MARK: going

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

    private mutating func lost(_ slot: SlotID, _ error: SystemError) {
        log.verbose(1, "write to client: \(error.reason)")
        end(slot, .left(.lost(ServiceError(error))))
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

    // MARK: connections that the kernel has no memory to watch

    /// It is not given up: this is tried again when a connection has ended or a second has passed. No others are
    /// accepted meanwhile.
    mutating func cannotWatch(_ slot: SlotID, _ error: SystemError) {
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
