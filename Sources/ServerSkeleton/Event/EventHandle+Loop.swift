//===----------------------------------------------------------------------===//
// Quartermaster: what an event service does with the loop and the life of its process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension EventHandle {
    // MARK: timers

    /// A timer that is not running yet. It may be used again and again; `tag` comes back with it.
    public mutating func makeTimer(tag: UInt64) -> TimerID { core.makeTimer(tag: tag) }

    /// Runs the timer once, `milliseconds` from now; a running one starts over.
    public mutating func arm(_ timer: TimerID, milliseconds: Int64) { core.arm(timer, milliseconds, every: 0) }

    /// Runs the timer every so many milliseconds, at least 1, without drifting. When the process was busy for longer,
    /// those that were missed are left out.
    public mutating func arm(_ timer: TimerID, every milliseconds: Int64) {
        core.arm(timer, max(milliseconds, 1), every: max(milliseconds, 1))
    }

    /// Stops the timer: it does not ring, even if its time came in this turn. It may be armed again.
    public mutating func cancel(_ timer: TimerID) { core.cancel(timer) }

    /// Stops the timer and forgets it.
    public mutating func remove(_ timer: TimerID) { core.remove(timer) }

    // MARK: descriptors

    /// Watches a descriptor of the service's own, until it is paused or removed. Remove the watch before closing the
    /// descriptor.
    ///
    /// - Throws: memory is short, or it is a plain file, which is always ready.
    public mutating func watch(
        _ descriptor: Int32,
        for purpose: DescriptorWatch.Purpose,
        tag: UInt64
    ) throws(ServiceError) -> DescriptorWatch {
        try core.watch(descriptor, for: purpose, tag: tag)
    }

    /// Says nothing more of the descriptor until `resume`.
    public mutating func pause(_ watch: DescriptorWatch) { core.pause(watch) }

    /// Takes up watching again. Where memory is short for it, that is tried again each second.
    public mutating func resume(_ watch: DescriptorWatch) { core.resume(watch) }

    /// Stops watching and forgets the watch.
    public mutating func remove(_ watch: DescriptorWatch) { core.remove(watch) }

    // MARK: turns

    /// The process does not wait before its next turn.
    public mutating func turnAgain() { core.turnAgain() }

    /// The watchdog is told that work which takes long makes progress.
    public mutating func pat() { core.pat() }

    // MARK: the end of the process

    /// Accepts nobody any more, and makes the process independent of its master, which takes it for ended and starts
    /// another one when a client comes: a child goes on with all that is connected, and the process itself ends. The
    /// child finishes: it ends when its last client has left.
    ///
    /// Everything stays as it is, but for the process ID and locks of fcntl(2), which a child does not inherit. Nor
    /// would it have threads: while a library has some in this process, there is no child.
    ///
    /// - Returns: false when there is no memory for a child, or there are threads: nothing has changed, and it may be
    ///   tried later.
    public mutating func drain() -> Bool { core.drain() }

    /// Ends the process when this handler has returned; who is connected is cut off. The way out after
    /// `LeaveDecision.whenTold`. Before anything else has asked it to end, it does so as one that retires.
    public mutating func leave() { core.leave() }

    /// Whether somebody is in the middle of passing a connection, which will be a client.
    package var isReceivingConnections: Bool { mutating get { core.passed.count > 0 } }

    /// The process is to end, or finishes: it accepts nobody any more.
    public var isLeaving: Bool { mutating get { core.isLeaving } }
}
