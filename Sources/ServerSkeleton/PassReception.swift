//===----------------------------------------------------------------------===//
// Quartermaster: a connection that another process passes to us
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterProtocol
import SystemCalls

/// The sender's connection, on which one descriptor comes, then a list of attributes. Closing it tells the sender that
/// both have arrived.
struct PassReception: ~Copyable {
    let sender: Descriptor
    var watch: WatchID?
    var received: Descriptor?
    /// Keeps a number free for the descriptor that is to come: the kernel drops one that it has no number for.
    private var reserve: Descriptor?
    var list: [UInt8] = []
    /// When the present stage began.
    var since: LoopTime

    init(_ sender: consuming Descriptor, reserve: consuming Descriptor, now: LoopTime) {
        self.sender = sender
        self.reserve = consume reserve
        since = now
    }

    /// More bytes of attributes than anybody sends.
    static let longestList = 16 * 1024

    enum Stage: Equatable {
        case waiting
        case complete
        case failed(String)
    }

    /// Takes what is there, and not one byte that belongs to something else.
    mutating func advance(now: LoopTime) -> Stage {
        do throws(SystemError) {
            if received == nil {
                // Readable may mean an end of file; only a byte that is there brings the descriptor.
                reserve = nil
                received = try sender.number.receiveDescriptor()
                since = now
            }
            while true {
                switch try readList() {
                case .bytes: if PassList.isComplete(list) { return .complete }
                case .wouldBlock: return .waiting
                case .endOfFile: return list.isEmpty ? .complete : .failed("attribute list ends early")
                }
                if list.count > Self.longestList { return .failed("attribute list is too long") }
            }
        } catch {
            switch error.code {
            case .resourceTemporarilyUnavailable:
                if received == nil { reserve = try? sender.number.duplicate(atLeast: 0) }
                return .waiting
            case .brokenPipe: return .failed("sender hung up")
            case .badMessage: return .failed("no descriptor in the message")
            default: return .failed(error.reason)
            }
        }
    }

    /// Peeks, and takes as far as the list goes.
    private mutating func readList() throws(SystemError) -> Transfer {
        var bytes = [UInt8](repeating: 0, count: 512)
        var span = bytes.mutableSpan
        var raw = unsafe span.mutableBytes
        let result = try sender.number.peek(into: &raw)
        guard case .bytes(let count) = result else { return result }
        let wanted = PassList.bytesThatBelong(list, bytes[..<count])
        guard let taken = try sender.number.read(atMost: wanted) else { return .wouldBlock }
        list += taken
        return .bytes(taken.count)
    }
}

extension StreamCore {
    mutating func startReception(_ sender: consuming Descriptor, reserve: consuming Descriptor) {
        if passes.count == passes.capacity { passes.reserve(passes.count + 1) }
        let number = sender.number
        guard let slot = passes.insert(PassReception(sender, reserve: reserve, now: loop.now)) else { return }
        do throws(SystemError) {
            let watch = try loop.watch(number, for: .readable, token: EventToken(kind: Kind.pass, slot: slot))
            _ = passes.withElement(slot) { $0.watch = watch }
            armSweep()
        } catch {
            log.warning("watch sender of a connection: \(error.reason)")
            endReception(slot)
        }
    }

    /// Something came from a sender. A client, when everything is there.
    mutating func receivePassed(_ slot: SlotID) -> ClientID? {
        let now = loop.now
        switch passes.withElement(slot, { $0.advance(now: now) }) {
        case .complete: return takePassed(slot)
        case .failed(let why):
            log.warning("service \(circumstances.serviceName): receive connection: \(why)")
            endReception(slot)
            return nil
        case .waiting, nil: return nil
        }
    }

    private mutating func takePassed(_ slot: SlotID) -> ClientID? {
        let parts = passes.withElement(slot) { ($0.received.take()?.release(), PassList.parse($0.list)) }
        endReception(slot)
        guard let (received, list) = parts, let number = received else { return nil }
        let descriptor = Descriptor(owning: number)
        if list != nil, circumstances.ignoresPassAttributes {
            log.warning("service ignores 'pass' connection attributes")
        }
        do throws(SystemError) {
            try number.setNonBlocking(true)
        } catch {
            log.warning("service \(circumstances.serviceName): receive connection: \(error.reason)")
            return nil
        }
        attributes = list
        return admit(descriptor)
    }

    private mutating func endReception(_ slot: SlotID) {
        if let watch = passes.withElement(slot, { $0.watch }) ?? nil { loop.remove(watch) }
        _ = passes.remove(slot)
        if !hasClients { limits.becameIdle(loop.now) }
    }

    mutating func sweepReceptions() {
        for index in 0..<passes.capacity {
            guard let slot = passes.id(at: index), let since = passes.withElement(slot, { $0.since }) else { continue }
            if passIsOverdue(since: since) {
                log.warning("service \(circumstances.serviceName): receive connection: timeout")
                endReception(slot)
            }
        }
    }
}
