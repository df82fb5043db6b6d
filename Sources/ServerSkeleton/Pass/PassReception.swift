//===----------------------------------------------------------------------===//
// Quartermaster: a connection that another process passes to us
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import MasterProtocol
import SystemCalls

/// A connection that has arrived, with what its sender said about it; nil for nothing.
struct PassedConnection: ~Copyable {
    let descriptor: Descriptor
    let attributes: PassAttributes?
}

/// The sender's connection, on which one descriptor comes, then a list of attributes. Closing it tells the sender that
/// both have arrived.
struct PassReception: ~Copyable {
    let sender: Descriptor
    var watch: WatchID?
    private var received: Descriptor?
    /// Keeps a number free for the descriptor that is to come: the kernel drops one that it has no number for.
    private var reserve: Descriptor?
    private var list = PassList()
    private let expectsList: Bool
    /// When the present stage began.
    private var since: LoopTime

    /// - Parameter expectsList: whether attributes follow; who has no use for them need not wait for their end.
    init(_ arrival: consuming Arrival, now: LoopTime, expectsList: Bool = true) {
        self.expectsList = expectsList
        sender = arrival.descriptor
        reserve = arrival.reserve
        since = now
    }

    /// More bytes of attributes than any sender has use for.
    private static let longestList = 16 * 1024

    enum Stage: Equatable {
        case waiting
        case complete
        case failed(String)
    }

    /// Until the present stage has lasted too long; 0 or less when it has.
    func millisecondsLeft(_ now: LoopTime) -> Int64 {
        Int64(ProtocolLimit.passReceiveSeconds) * 1000 - now.milliseconds(since: since)
    }

    /// What has arrived; once, after `.complete`.
    mutating func connection() -> PassedConnection? {
        guard let descriptor = received.take() else { return nil }
        return PassedConnection(descriptor: descriptor, attributes: list.attributes)
    }

    /// Reads what is there, and not one byte that belongs to something else.
    mutating func advance(now: LoopTime) -> Stage {
        do throws(SystemError) {
            if received == nil {
                // Readable may mean an end of file; only a byte that is there brings the descriptor.
                reserve = nil
                let descriptor = try sender.number.receiveDescriptor()
                try descriptor.number.setNonBlocking(true)
                received = consume descriptor
                since = now
            }
            if !expectsList { return .complete }
            while true {
                switch try readList() {
                case .bytes: if list.isComplete { return .complete }
                case .wouldBlock: return .waiting
                case .endOfFile: return list.byteCount == 0 ? .complete : .failed("attribute list ends early")
                }
                if list.byteCount > Self.longestList { return .failed("attribute list is too long") }
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

    /// Peeks, and reads as far as the list goes.
    private mutating func readList() throws(SystemError) -> Transfer {
        var block = InlineArray<512, UInt8>(repeating: 0)
        var span = block.mutableSpan
        // Any bytes may be written over bytes.
        var bytes = unsafe span.mutableBytes
        let peeked = try sender.number.peek(into: &bytes)
        guard case .bytes(let count) = peeked else { return peeked }
        let wanted = list.read(bytes.bytes.extracting(0..<count))
        // Nobody else reads here, so what was seen is still there; a list that lost bytes would be read wrongly.
        guard case .bytes(wanted) = try sender.number.read(into: &bytes, atMost: wanted) else {
            throw SystemError(.read, .ioError)
        }
        return .bytes(wanted)
    }
}
