//===----------------------------------------------------------------------===//
// Quartermaster: timers and descriptors of an event service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import FixedMemory
import SystemCalls

/// A timer of a service.
struct ServiceTimer: ~Copyable {
    let tag: UInt64
    var timer: WatchID?
    /// Milliseconds; 0: it rings once.
    var every: Int64 = 0
    /// When it rings next, if it repeats.
    var due = LoopTime(nanoseconds: 0)

    init(tag: UInt64) { self.tag = tag }
}

/// A descriptor of a service that is watched.
struct ServiceWatch: ~Copyable {
    let descriptor: Int32
    let purpose: DescriptorWatch.Purpose
    let tag: UInt64
    var watch: WatchID?

    init(_ descriptor: Int32, _ purpose: DescriptorWatch.Purpose, tag: UInt64) {
        self.descriptor = descriptor
        self.purpose = purpose
        self.tag = tag
    }
}

extension EventCore {
    // MARK: timers

    mutating func makeTimer(tag: UInt64) -> TimerID {
        if timers.count == timers.capacity { timers.reserve(max(timers.count * 2, 16)) }
        guard let slot = timers.insert(ServiceTimer(tag: tag)) else {
            preconditionFailure("a table with room has none")
        }
        timers[slot].timer = life.loop.makeTimer(token: EventToken(.serviceTimer, slot: slot))
        return TimerID(slot, tag: tag)
    }

    mutating func arm(_ timer: TimerID, _ milliseconds: Int64, every: Int64) {
        guard timers.contains(timer.slot), let watch = timers[timer.slot].timer else { return }
        // The turn may be long already, and the loop counts from now on.
        let every = min(every, LoopTime.longestWait)
        timers[timer.slot].every = every
        if every > 0 { timers[timer.slot].due = life.loop.present.after(milliseconds: every) }
        life.loop.arm(watch, milliseconds: milliseconds)
    }

    mutating func cancel(_ timer: TimerID) {
        guard timers.contains(timer.slot), let watch = timers[timer.slot].timer else { return }
        timers[timer.slot].every = 0
        life.loop.stop(watch)
    }

    mutating func remove(_ timer: TimerID) {
        guard let removed = timers.remove(timer.slot), let watch = removed.timer else { return }
        life.loop.remove(watch)
    }

    /// A timer rang. One that repeats runs on from when it was due, so that it does not drift.
    mutating func fire(_ slot: SlotID) -> LoopEvent? {
        guard timers.contains(slot), let watch = timers[slot].timer else { return nil }
        let every = timers[slot].every
        if every > 0 {
            let step = every * 1_000_000
            let late = max(life.loop.now.nanoseconds - timers[slot].due.nanoseconds, 0)
            timers[slot].due = LoopTime(nanoseconds: timers[slot].due.nanoseconds + (late / step + 1) * step)
            let left = timers[slot].due.nanoseconds - life.loop.present.nanoseconds
            life.loop.arm(watch, milliseconds: max((left + 999_999) / 1_000_000, 0))
        }
        return .timer(TimerID(slot, tag: timers[slot].tag))
    }

    // MARK: descriptors

    mutating func watch(
        _ descriptor: Int32,
        for purpose: DescriptorWatch.Purpose,
        tag: UInt64
    ) throws(ServiceError) -> DescriptorWatch {
        if watches.count == watches.capacity { watches.reserve(max(watches.count * 2, 16)) }
        guard let slot = watches.insert(ServiceWatch(descriptor, purpose, tag: tag)) else {
            preconditionFailure("a table with room has none")
        }
        do throws(SystemError) {
            let token = EventToken(.serviceDescriptor, slot: slot)
            let interest = purpose == .reading ? Interest.readable : .writable
            watches[slot].watch = try life.loop.watch(DescriptorNumber(descriptor), for: interest, token: token)
            return DescriptorWatch(slot, descriptor, purpose, tag: tag)
        } catch {
            _ = watches.remove(slot)
            throw ServiceError(error)
        }
    }

    mutating func pause(_ watch: DescriptorWatch) {
        guard watches.contains(watch.slot), let paused = watches[watch.slot].watch else { return }
        life.loop.stop(paused)
        unwatchedDescriptors.removeAll { $0 == watch.slot }
    }

    mutating func resume(_ watch: DescriptorWatch) {
        if watches.contains(watch.slot) { resume(watch.slot) }
    }

    private mutating func resume(_ slot: SlotID) {
        guard let watch = watches[slot].watch else { return }
        do throws(SystemError) {
            try life.loop.start(watch)
        } catch {
            life.warn(.watchDescriptor, "watch descriptor: \(error.reason) -- trying again in a second")
            if !unwatchedDescriptors.contains(slot) { unwatchedDescriptors.append(slot) }
            life.tryAgainSoon()
        }
    }

    /// Those that the kernel had no memory for.
    mutating func resumeUnwatchedDescriptors() {
        let waiting = unwatchedDescriptors
        unwatchedDescriptors = []
        for slot in waiting where watches.contains(slot) { resume(slot) }
    }

    mutating func remove(_ watch: DescriptorWatch) {
        guard let removed = watches.remove(watch.slot) else { return }
        if let watch = removed.watch { life.loop.remove(watch) }
        unwatchedDescriptors.removeAll { $0 == watch.slot }
    }

    /// A descriptor is ready.
    mutating func ready(_ slot: SlotID) -> LoopEvent? {
        guard watches.contains(slot) else { return nil }
        let watch = DescriptorWatch(slot, watches[slot].descriptor, watches[slot].purpose, tag: watches[slot].tag)
        return .descriptor(watch)
    }
}
