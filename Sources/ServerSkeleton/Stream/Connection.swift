//===----------------------------------------------------------------------===//
// Quartermaster: a connection of a stream server, and what waits on it
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
    /// Input that is no whole request yet, or that waits until replies are sent.
    var kept: BlockPool.BlockID?
    /// Replies that the client has had no room for yet, and how much of them is sent.
    var unsent: BlockPool.BlockID?
    var unsentOffset = 0
    /// To be disconnected once everything is sent.
    var closesWhenSent = false
    /// Whether the client has asked something before, and has its answer or what waits of it.
    var isAnswered = false
    /// Since when we wait for this client; nil when it owes us nothing.
    var waitingSince: LoopTime?

    init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }
}

/// How many clients are waited for, for the rest of a request or to receive their replies. One coarse timer looks after
/// all of them, and runs only while there are any.
struct ClientPatience {
    let limitMilliseconds: Int64
    /// Whether a client that owes nothing is waited for as well.
    private let limitsSilence: Bool
    private var count = 0
    private var timer: WatchID?
    private var isArmed = false

    init(_ circumstances: Circumstances, limitsSilence: Bool) {
        limitMilliseconds = circumstances.ipcTimeoutMilliseconds
        self.limitsSilence = limitsSilence
    }

    var hasWaiting: Bool { count > 0 }

    /// - Parameter since: of the client: since when it is waited for.
    mutating func wait(for since: inout LoopTime?, _ loop: inout EventLoop) {
        if since == nil { count += 1 }
        since = loop.now
        arm(&loop)
    }

    mutating func end(for since: inout LoopTime?) {
        if since == nil { return }
        since = nil
        count -= 1
    }

    /// The client may send something next, or stay silent.
    @inline(__always)
    mutating func owesNothing(_ since: inout LoopTime?, _ loop: inout EventLoop) {
        if limitsSilence { wait(for: &since, &loop) } else { end(for: &since) }
    }

    func isOver(_ since: LoopTime, _ now: LoopTime) -> Bool { now.milliseconds(since: since) >= limitMilliseconds }

    /// A quarter of the limit, within a quarter of a second and ten seconds.
    mutating func arm(_ loop: inout EventLoop) {
        if isArmed { return }
        let timer = timer ?? loop.makeTimer(token: EventToken(.clientLimit))
        loop.arm(timer, milliseconds: min(max(limitMilliseconds / 4, 250), 10_000))
        self.timer = timer
        isArmed = true
    }

    mutating func timerFired() { isArmed = false }
}
