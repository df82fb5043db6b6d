//===----------------------------------------------------------------------===//
// Quartermaster: connections that other processes are passing to us
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterProtocol
import SystemCalls

/// Senders whose descriptor or attributes are not all there yet; each is heard when it sends something.
struct PassedConnections: ~Copyable {
    /// How far a sender has come.
    enum Progress: ~Copyable {
        case incomplete
        case complete(PassedConnection)
    }

    private let log: Log
    private let serviceName: String
    private let usesAttributes: Bool
    private var receptions = Slab<PassReception>(capacity: 0)

    /// - Parameter usesAttributes: false: the service looks at none, and who sends some should know.
    init(_ circumstances: Circumstances, usesAttributes: Bool) {
        log = circumstances.log
        serviceName = circumstances.serviceName
        self.usesAttributes = usesAttributes
    }

    var count: Int { receptions.count }

    mutating func begin(_ sender: consuming Arrival, _ life: inout ChildLife) {
        if receptions.count == receptions.capacity { receptions.reserve(receptions.count + 1) }
        let number = sender.descriptor.number
        guard let slot = receptions.insert(PassReception(sender, now: life.loop.now)) else { return }
        _ = watch(slot, number, &life)
    }

    /// A sender that the kernel has no memory to watch waits, and no other is accepted meanwhile.
    private mutating func watch(_ slot: SlotID, _ number: DescriptorNumber, _ life: inout ChildLife) -> Bool {
        do throws(SystemError) {
            receptions[slot].watch = try life.loop.watch(number, for: .readable, token: EventToken(.sender, slot: slot))
            return true
        } catch {
            life.warn(
                .watch,
                "watch sender of a connection: \(error.reason) -- trying again, and accepting no clients for a moment"
            )
            life.pause()
            life.tryAgainSoon()
            return false
        }
    }

    /// Tries again for those who wait for it; whether all are watched.
    mutating func watchAll(_ life: inout ChildLife) -> Bool {
        for index in 0..<receptions.capacity {
            guard let slot = receptions.id(at: index), receptions[slot].watch == nil else { continue }
            if !watch(slot, receptions[slot].sender.number, &life) { return false }
        }
        return true
    }

    /// Reads what a sender sent.
    mutating func advance(_ slot: SlotID, _ life: inout ChildLife) -> Progress {
        guard receptions.contains(slot) else { return .incomplete }
        let stage = receptions[slot].advance(now: life.loop.now)
        switch stage {
        case .waiting: return .incomplete
        case .complete:
            let connection = receptions[slot].connection()
            end(slot, &life)
            guard let connection else { return .incomplete }
            if connection.attributes != nil, !usesAttributes {
                life.warn(.passAttributes, "service ignores 'pass' connection attributes")
            }
            return .complete(connection)
        case .failed(let why):
            complain(why, &life)
            end(slot, &life)
            return .incomplete
        }
    }

    /// Gives up on senders that are too slow; whether there were any.
    mutating func sweep(_ life: inout ChildLife) -> Bool {
        let before = receptions.count
        for index in 0..<receptions.capacity {
            guard let slot = receptions.id(at: index), receptions[slot].millisecondsLeft(life.loop.now) <= 0
            else { continue }
            complain("timeout", &life)
            end(slot, &life)
        }
        return receptions.count < before
    }

    private func complain(_ why: String, _ life: inout ChildLife) {
        life.warn(.passedConnection, "service \(serviceName): receive connection: \(why)")
    }

    private mutating func end(_ slot: SlotID, _ life: inout ChildLife) {
        if let watch = receptions[slot].watch { life.loop.remove(watch) }
        _ = receptions.remove(slot)
    }
}
