//===----------------------------------------------------------------------===//
// Quartermaster: who is connected to an event server
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import SystemCalls

extension EventCore {
    @usableFromInline func contains(_ id: ClientID) -> Bool { connections.contains(id.slot) }

    /// Whether it is connected, and is not to be disconnected.
    @usableFromInline mutating func isConnected(_ id: ClientID) -> Bool {
        connections.contains(id.slot) && !connections[id.slot].isOver
    }

    func client(after id: ClientID?) -> ClientID? {
        var index = id.map { $0.place + 1 } ?? 0
        while index < connections.capacity {
            if let slot = connections.id(at: index), connections[slot].isClient, !connections[slot].isOver {
                return ClientID(slot)
            }
            index += 1
        }
        return nil
    }

    func peerAddress(_ id: ClientID) -> String? {
        guard connections.contains(id.slot) else { return nil }
        return Client(id: id, passAttributes: nil, descriptor: connections[id.slot].input).peerAddress()
    }

    func withAddresses<Result>(of id: ClientID, _ body: (_ peer: RawSpan, _ own: RawSpan) -> Result) -> Result {
        var peer = InlineArray<128, UInt8>(repeating: 0)
        var own = InlineArray<128, UInt8>(repeating: 0)
        var sizes = (peer: 0, own: 0)
        if connections.contains(id.slot) {
            let number = connections[id.slot].input
            // All bytes of the arrays are initialised: that is what `unsafe` has to be said for, here and below.
            var peerSpan = peer.mutableSpan
            var room = unsafe peerSpan.mutableBytes
            sizes.peer = (try? number.copyName(ofPeer: true, into: &room)) ?? 0
            var ownSpan = own.mutableSpan
            room = unsafe ownSpan.mutableBytes
            sizes.own = (try? number.copyName(ofPeer: false, into: &room)) ?? 0
        }
        return body(
            unsafe peer.span.bytes.extracting(first: sizes.peer),
            unsafe own.span.bytes.extracting(first: sizes.own)
        )
    }
}
