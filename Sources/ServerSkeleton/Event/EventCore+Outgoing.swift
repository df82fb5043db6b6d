//===----------------------------------------------------------------------===//
// Quartermaster: connections that an event service makes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import SystemCalls

extension EventCore {
    /// A UNIX socket whose queue is full is tried again so often: the kernel does not say when there is room.
    private static var retryMilliseconds: Int64 { 20 }

    @usableFromInline mutating func connect(
        to address: NetworkAddress,
        within milliseconds: Int64
    ) throws(ServiceError) -> ClientID {
        do throws(SystemError) {
            let socket = try makeSocket(address.address.family, .stream)
            try socket.number.setNonBlocking(true)
            if address.address.family != .unix {
                try socket.number.setOption(.noDelay, 1)
                limitUnsent(socket.number)
            }
            let (way, failure) = try begin(socket.number, address)
            var connection = EventConnection(socket, isClient: false)
            connection.way = way
            connection.address = address
            connection.connectUntil = life.loop.now.after(milliseconds: max(milliseconds, 1))
            guard let slot = insert(connection) else { preconditionFailure("a table with room has none") }
            if let failure {
                end(slot, .notConnected(.refused(ServiceError(failure))))
            } else if way == .there {
                tell(.connected(ClientID(slot)))
                updateReading(slot)
            } else {
                if way == .underWay { try watchUnlessOver(slot) }
                armConnectTimer(slot)
            }
            return ClientID(slot)
        } catch {
            throw ServiceError(error)
        }
    }

    /// How far connect(2) came, or why it cannot. Throws where the machine is short of something.
    private func begin(
        _ number: DescriptorNumber,
        _ address: NetworkAddress
    ) throws(SystemError) -> (EventConnection.Way, SystemError?) {
        do throws(SystemError) {
            try number.connect(to: address.address)
            return (.there, nil)
        } catch {
            switch error.code {
            case .nowInProgress: return (.underWay, nil)
            case .resourceTemporarilyUnavailable where address.address.family == .unix: return (.toTryAgain, nil)
            case .noMemory, .noBufferSpace: throw error
            default: return (.there, error)
            }
        }
    }

    /// The kernel says when the connection is there. The service is told when it cannot.
    private mutating func watchUnlessOver(_ slot: SlotID) throws(SystemError) {
        do throws(SystemError) {
            let number = connections[slot].output
            connections[slot].writing = try life.loop.watch(
                number,
                for: .writable,
                token: EventToken(.client, slot: slot)
            )
            connections[slot].isWriting = true
        } catch {
            _ = remove(ClientID(slot))
            throw error
        }
    }

    private mutating func armConnectTimer(_ slot: SlotID) {
        let left = connections[slot].connectUntil.milliseconds(since: life.loop.now)
        let timer = connections[slot].connectTimer ?? life.loop.makeTimer(token: EventToken(.connectLimit, slot: slot))
        connections[slot].connectTimer = timer
        let pause = connections[slot].way == .toTryAgain ? min(left, Self.retryMilliseconds) : left
        life.loop.arm(timer, milliseconds: max(pause, 1))
    }

    /// It has taken too long, or may be tried again.
    mutating func connectLimitReached(_ slot: SlotID) {
        guard connections.contains(slot), !connections[slot].isOver, connections[slot].way != .there else { return }
        if connections[slot].connectUntil.milliseconds(since: life.loop.now) <= 0 {
            return end(slot, .notConnected(.timedOut))
        }
        guard connections[slot].way == .toTryAgain, let address = connections[slot].address else {
            return armConnectTimer(slot)
        }
        do throws(SystemError) {
            let (way, failure) = try begin(connections[slot].output, address)
            if let failure { return end(slot, .notConnected(.refused(ServiceError(failure)))) }
            if way != .there { return armConnectTimer(slot) }
            isThere(slot)
            tell(.connected(ClientID(slot)))
        } catch {
            armConnectTimer(slot)
        }
    }

    /// The kernel has an answer.
    mutating func connectionCame(_ id: ClientID) -> LoopEvent? {
        do throws(SystemError) {
            if let failure = try connections[id.slot].output.pendingError() { throw failure }
            isThere(id.slot)
            // One that was to be closed as soon as it is there is over by now.
            return isConnected(id) ? .connected(id) : nil
        } catch {
            end(id.slot, .notConnected(.refused(ServiceError(error))))
            return nil
        }
    }

    /// What was sent meanwhile goes out next.
    private mutating func isThere(_ slot: SlotID) {
        connections[slot].way = .there
        if let timer = connections[slot].connectTimer.take() { life.loop.remove(timer) }
        if !connections[slot].pending.isEmpty {
            waitForRoom(slot)
        } else {
            stopWriting(slot)
            if connections[slot].closesWhenSent { return end(slot, .left(.ended)) }
            if connections[slot].isFinishing { endOutput(slot) }
        }
        updateReading(slot)
    }
}
