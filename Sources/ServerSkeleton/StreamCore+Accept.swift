//===----------------------------------------------------------------------===//
// Quartermaster: clients coming
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterProtocol
import SystemCalls

extension StreamCore {
    @usableFromInline var mayAccept: Bool {
        listeners.hasReady && !isEnding && !(limits.isUsedUp && !hasClients)
    }

    /// The next client that is waiting; nil when there is none, or when there were enough for one turn.
    @usableFromInline mutating func acceptNext() -> ClientID? {
        while let listener = listeners.next() {
            do throws(SystemError) {
                if circumstances.transport == .pass {
                    try acceptSender(listener)
                    continue
                }
                switch try listener.accept() {
                case .client(let descriptor):
                    listeners.budget -= 1
                    if let id = admit(descriptor) { return id }
                case .nothing: listeners.isDone()
                }
            } catch {
                pauseAccepting(error)
            }
        }
        return nil
    }

    /// Somebody who will pass a connection. Only when there is room for that, too, is he taken from the queue.
    private mutating func acceptSender(_ listener: DescriptorNumber) throws(SystemError) {
        let reserve = try listener.duplicate(atLeast: 0)
        switch try listener.accept() {
        case .client(let sender):
            listeners.budget -= 1
            startReception(sender, reserve: reserve)
        case .nothing: listeners.isDone()
        }
    }

    /// Takes a connection into the table; nil when the system has no room for it.
    mutating func admit(_ descriptor: consuming Descriptor) -> ClientID? {
        if connections.count == connections.capacity { connections.reserve(connections.count + 1) }
        guard let slot = connections.insert(Connection(descriptor)) else { return nil }
        if circumstances.inFlowDelayMilliseconds > 0, !TokenPipe.get(log) {
            delay(slot)
        } else if !startReading(slot) {
            remove(ClientID(slot))
            return nil
        }
        return ClientID(slot)
    }

    /// Whether the client's input is watched from now on.
    mutating func startReading(_ slot: SlotID) -> Bool {
        guard let number = connections.withElement(slot, { $0.descriptor.number }) else { return false }
        do throws(SystemError) {
            let watch = try loop.watch(number, for: .readable, token: EventToken(kind: Kind.client, slot: slot))
            let owesReplies = connections.withElement(slot) { connection -> Bool in
                connection.reading = watch
                return connection.unsent != nil
            }
            // No more requests from a client that has not taken its greeting yet.
            if owesReplies == true { loop.stop(watch) }
            return true
        } catch {
            log.warning("watch client: \(error.reason)")
            return false
        }
    }

    /// What a service is told about a client that arrived.
    @usableFromInline mutating func client(_ id: ClientID) -> Client {
        let number = connections.withElement(id.slot) { $0.descriptor.number } ?? .standardInput
        defer { attributes = nil }
        return Client(id: id, passAttributes: attributes, descriptor: number)
    }

    // MARK: no descriptors

    /// Accepting fails for a reason that will not go away at once. We say that we are busy, so that others are asked,
    /// and try again when a client has left or a second has passed.
    private mutating func pauseAccepting(_ error: SystemError) {
        if let heldBack = listeners.gate.pass(nowSeconds: loop.now.milliseconds / 1000) {
            let more = heldBack > 0 ? " (\(heldBack) more since the last message)" : ""
            log.warning("accept connection: \(error.reason) -- accepting no clients for a moment\(more)")
        }
        status.take()
        listeners.pause(&loop)
        let timer = listeners.timer ?? loop.makeTimer(token: EventToken(kind: Kind.acceptAgain))
        loop.arm(timer, milliseconds: Listeners.pauseMilliseconds)
        listeners.timer = timer
    }

    mutating func resumeAccepting() {
        guard listeners.isPaused else { return }
        do throws(SystemError) {
            try listeners.resume(&loop)
        } catch {
            log.fatal("watch listener", error)
        }
    }

    // MARK: in-flow delay

    private mutating func delay(_ slot: SlotID) {
        let milliseconds = circumstances.inFlowDelayMilliseconds
        let until = LoopTime(nanoseconds: loop.now.nanoseconds + milliseconds * 1_000_000)
        delayed.append((slot, until))
        if delayed.count == 1 { armDelay(milliseconds) }
    }

    private mutating func armDelay(_ milliseconds: Int64) {
        let timer = delayTimer ?? loop.makeTimer(token: EventToken(kind: Kind.delay))
        loop.arm(timer, milliseconds: max(milliseconds, 1))
        delayTimer = timer
    }

    /// The oldest clients have waited long enough.
    mutating func endDelays() {
        let due = delayed.prefix { $0.until <= loop.now }.count
        for entry in delayed.prefix(due) where connections.contains(entry.id) {
            if !startReading(entry.id) { doomed.append(ClientID(entry.id)) }
        }
        delayed.removeFirst(due)
        if let first = delayed.first { armDelay(first.until.milliseconds(since: loop.now) + 1) }
    }
}
