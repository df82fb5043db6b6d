//===----------------------------------------------------------------------===//
// Quartermaster: who comes to an event server
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import MasterProtocol
import SystemCalls
import WorkerPage

extension EventCore {
    /// The next client that is waiting; nil when there is none, or when there were enough for one turn.
    @usableFromInline mutating func acceptNext() -> ClientID? {
        while !acceptsNobody, let arrival = life.acceptNext() {
            if life.circumstances.transport == .pass {
                passed.begin(arrival, &life)
                patience.arm(&life.loop)
            } else if let id = admit(arrival.descriptor) {
                return id
            }
        }
        return nil
    }

    mutating func receivePassed(_ slot: SlotID) -> LoopEvent? {
        switch passed.advance(slot, &life) {
        case .incomplete:
            if !hasClients { life.becameIdle(life.loop.now) }
            return nil
        case .complete(let connection):
            attributes = connection.attributes
            return admit(connection.descriptor).map { .arrived($0) }
        }
    }

    /// Puts a client into the table.
    private mutating func admit(_ descriptor: consuming Descriptor) -> ClientID? {
        if life.circumstances.transport != .unix { limitUnsent(descriptor.number) }
        guard let slot = insert(EventConnection(descriptor, isClient: true)) else { return nil }
        life.counts.count(.accepted)
        owesNothing(slot)
        if inFlowDelay.judge() == .later {
            connections[slot].isHeldBack = true
            inFlowDelay.holdBack(slot, &life.loop)
        }
        updateReading(slot)
        return ClientID(slot)
    }

    /// The client of a one-shot server.
    @usableFromInline mutating func admitStandardClient() -> ClientID? {
        for number in [DescriptorNumber.standardInput, .standardOutput] {
            // Others read from a terminal, too, and would be surprised.
            if !number.isTerminal { try? number.setNonBlocking(true) }
        }
        var connection = EventConnection(Descriptor(owning: .standardInput), isClient: true)
        connection.setOutput(Descriptor(owning: .standardOutput))
        guard let slot = insert(connection) else { return nil }
        updateReading(slot)
        return ClientID(slot)
    }

    mutating func insert(_ connection: consuming EventConnection) -> SlotID? {
        if connections.count == connections.capacity { reserve() }
        if !connection.isClient { outgoing += 1 }
        return connections.insert(connection)
    }

    mutating func endDelays() {
        for slot in inFlowDelay.release(&life.loop) where connections.contains(slot) {
            connections[slot].isHeldBack = false
            updateReading(slot)
        }
    }

    /// What a service is told about a client that arrived.
    @usableFromInline mutating func client(_ id: ClientID) -> Client {
        defer { attributes = nil }
        return Client(id: id, passAttributes: attributes, descriptor: connections[id.slot].input)
    }

    // MARK: for now nobody

    mutating func pauseAccepting() {
        if acceptsNobody { return }
        acceptsNobody = true
        life.pause()
    }

    mutating func resumeAccepting() {
        if !acceptsNobody { return }
        acceptsNobody = false
        if unwatched.isEmpty { life.resume() } else { tryAgain() }
    }

    /// What has kept us from accepting is over, as far as the machine is concerned.
    mutating func resumeUnlessUnwanted() {
        if !acceptsNobody { life.resume() }
    }
}
