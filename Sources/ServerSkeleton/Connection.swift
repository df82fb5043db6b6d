//===----------------------------------------------------------------------===//
// Quartermaster: one connected client
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import SystemCalls

/// A connection and what waits on it. Most of the time nothing does.
struct Connection: ~Copyable {
    let descriptor: Descriptor
    /// Nil while the client waits for its in-flow delay.
    var reading: WatchID?
    var writing: WatchID?
    /// Input that is no whole request yet, or that waits until replies are taken.
    var kept: BlockPool.BlockID?
    /// Replies that the client has not taken yet, and how much of them it has.
    var unsent: BlockPool.BlockID?
    var unsentOffset = 0
    /// To be disconnected once it took everything.
    var closesWhenSent = false
    /// Since when we wait for this client; nil when it owes us nothing.
    var waitingSince: LoopTime?

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}

/// How many connections are waited for, and the timer that looks after them.
struct Waits {
    var count = 0
    var timer: WatchID?
    var isArmed = false
}
