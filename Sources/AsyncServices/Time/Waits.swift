//===----------------------------------------------------------------------===//
// Quartermaster: tasks that wait for something that the event loop will tell
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// Why a task that waited goes on.
enum Wakeup {
    /// What it waited for is there.
    case ready
    case timedOut
    case cancelled
}

/// The name of one wait. It outlives it harmlessly.
struct WaitID: Hashable, Sendable {
    fileprivate let slot: SlotID
}

/// A suspended task. It goes on once: the value is used up by it.
@safe private struct Suspension: ~Copyable {
    private let continuation: UnsafeContinuation<Wakeup, Never>

    init(_ continuation: UnsafeContinuation<Wakeup, Never>) { unsafe self.continuation = continuation }

    consuming func resume(_ why: Wakeup) { unsafe continuation.resume(returning: why) }
}

/// The tasks that are suspended until the loop tells them something, each with a moment until which it waits at most,
/// if it has one. The first of event, moment and cancellation counts; what comes later finds nobody.
///
/// Of the loop's own thread. Memory is used again: a wait allocates nothing once there have been as many at a time.
struct Waits: ~Copyable {
    private struct Wait: ~Copyable {
        /// Nil before it suspends.
        var suspension: Suspension?
        /// What happened before it suspended.
        var early: Wakeup?
        var timer: TimerHeap<Due>.TimerID?
    }

    fileprivate enum Due {
        case wait(WaitID)
        case work(Work)
    }

    /// What is done when its moment has come.
    enum Work {
        case job(UnownedJob)
        case action(() -> Void)
    }

    /// The name of an action that is due at some moment.
    struct AlarmID { fileprivate let timer: TimerHeap<Due>.TimerID }

    private var slots = Slab<Wait>(capacity: 64)
    private var timers = TimerHeap<Due>()

    /// When the next of them is over; nanoseconds.
    var next: Int64? { timers.next }

    // MARK: time

    /// A job that the clock enqueues.
    mutating func add(_ job: UnownedJob, at moment: Int64) { _ = timers.add(.work(.job(job)), at: moment) }

    mutating func add(at moment: LoopClock.Instant, _ action: @escaping () -> Void) -> AlarmID {
        AlarmID(timer: timers.add(.work(.action(action)), at: moment.nanoseconds))
    }

    mutating func remove(_ alarm: AlarmID) { timers.remove(alarm.timer) }

    /// Wakes the waits that are over, and returns what is due besides; nil when there is nothing, or nothing any more.
    mutating func passTime(_ now: Int64) -> Work? {
        while let due = timers.popDue(now) {
            switch due {
            case .work(let work): return work
            case .wait(let id):
                slots[id.slot].timer = nil
                wake(id, .timedOut)
            }
        }
        return nil
    }

    // MARK: a wait

    mutating func begin(until deadline: LoopClock.Instant?) -> WaitID {
        if slots.count == slots.capacity { slots.reserve(slots.count * 2) }
        guard let slot = slots.insert(Wait()) else { preconditionFailure("a slab with room refused a wait") }
        let id = WaitID(slot: slot)
        if let deadline { slots[slot].timer = timers.add(.wait(id), at: deadline.nanoseconds) }
        return id
    }

    /// What the wait is for has happened. False when it is over already, for whatever reason.
    @discardableResult
    mutating func wake(_ id: WaitID, _ why: Wakeup) -> Bool {
        guard slots.contains(id.slot) else { return false }
        if let suspension = slots[id.slot].suspension.take() {
            end(id)
            suspension.resume(why)
            return true
        }
        if slots[id.slot].early != nil { return false }
        slots[id.slot].early = why
        return true
    }

    private mutating func suspend(_ id: WaitID, _ suspension: consuming Suspension) {
        if let early = slots[id.slot].early {
            end(id)
            suspension.resume(early)
        } else {
            slots[id.slot].suspension = consume suspension
        }
    }

    /// Forgets all of them, and what was due besides. None of the tasks goes on.
    mutating func abandonAll() {
        timers.removeAll()
        for index in 0..<slots.capacity { if let slot = slots.id(at: index) { _ = slots.remove(slot) } }
    }

    private mutating func end(_ id: WaitID) {
        guard let wait = slots.remove(id.slot) else { return }
        if let timer = wait.timer { timers.remove(timer) }
    }

    /// Suspends the calling task until `wake`, the deadline that `begin` was given, or cancellation.
    @LoopActor static func suspend(_ id: WaitID) async -> Wakeup {
        await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { unsafe LoopExecutor.shared.waits.suspend(id, Suspension($0)) }
        } onCancel: {
            cancel(id)
        }
    }

    /// Comes from whoever cancels, on whatever thread.
    private static func cancel(_ id: WaitID) {
        if LoopExecutor.shared.isOwnThread {
            LoopExecutor.shared.waits.wake(id, .cancelled)
        } else {
            Task { @LoopActor in LoopExecutor.shared.waits.wake(id, .cancelled) }
        }
    }

    @LoopActor static func sleep(until deadline: LoopClock.Instant) async throws {
        let id = LoopExecutor.shared.waits.begin(until: deadline)
        if await suspend(id) == .cancelled { throw CancellationError() }
    }
}
