//===----------------------------------------------------------------------===//
// Quartermaster: the words that owner and event loop exchange
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import FixedMemory

/// The name that the owner of a watcher gave it: which kind of thing it is, and which one of that kind. Comes back
/// with every occurrence, so that handling an event is a switch over `kind`.
package struct EventToken: Hashable, Sendable {
    package let kind: UInt32
    package let index: UInt32
    package let generation: UInt32

    package init(kind: UInt32, index: UInt32 = 0, generation: UInt32 = 0) {
        self.kind = kind
        self.index = index
        self.generation = generation
    }

    package init(kind: UInt32, slot: SlotID) {
        self.init(kind: kind, index: slot.index, generation: slot.generation)
    }

    package var slot: SlotID { SlotID(index: index, generation: generation) }
}

/// The name of one watcher in its loop. A name outlives its watcher harmlessly.
package struct WatchID: Hashable, Sendable {
    let slot: SlotID
}

/// What to wait for on a descriptor.
package enum Interest: Sendable {
    case readable
    case writable
    /// Readable, and of all processes that wait in this way on the same open file the kernel wakes one
    /// (epoll_ctl(2) EPOLLEXCLUSIVE). Falls back to `readable` where the kernel refuses.
    case readableExclusively
}

/// One thing that happened this turn.
package struct Occurrence: Equatable, Sendable {
    package enum What: Sendable { case readable, writable, timer, signal }
    package let token: EventToken
    package let what: What
    package let watch: WatchID
}
