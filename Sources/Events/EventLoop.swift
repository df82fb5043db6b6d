//===----------------------------------------------------------------------===//
// Quartermaster: Events, readiness, timers and signals as values
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CEvent
import FixedMemory
package import SystemCalls

/// One libevent base and its watchers. A turn waits and collects; `next` hands out what happened, one value at a
/// time, so that no Swift code ever runs inside libevent and nothing re-enters the loop. A watcher removed in the
/// middle of a turn is never reported again in that turn, and what was collected before a watcher was stopped and
/// started, or a timer armed, is void.
///
/// Owner of all watcher memory, which never moves. One thread. Level-triggered: what is not handled is reported again.
@safe package struct EventLoop: ~Copyable {
    @safe private struct Watcher: ~Copyable {
        let record: UnsafeMutablePointer<cevent_watcher>
        let token: EventToken
        let what: Occurrence.What
        let descriptor: DescriptorNumber?
        let isExclusive: Bool
        var isActive: Bool
        /// When a timer is due that libevent had no memory for, in nanoseconds; 0: libevent has it.
        var due: Int64 = 0

        /// The loop's end: its base is gone already, and with it every registration.
        deinit { unsafe UnsafeMutableRawPointer(record).deallocate() }

        /// From here on it reports, and nothing that libevent noted earlier counts.
        mutating func becomeActive() {
            isActive = true
            unsafe record.pointee.arming &+= 1
        }

        mutating func becomeInactive() {
            _ = unsafe cevent_delete(record)
            isActive = false
            due = 0
        }

        consuming func takeRecord() -> UnsafeMutablePointer<cevent_watcher> {
            let record = unsafe self.record
            discard self
            return unsafe record
        }
    }

    private let base: OpaquePointer
    /// The epoll descriptor inside libevent, found once; nil where it could not be found.
    private let epoll: DescriptorNumber?
    private let ready: UnsafeMutablePointer<cevent_ready>
    private let turnLimit: UnsafeMutablePointer<cevent_watcher>
    private var watchers: Slab<Watcher>
    /// Watcher memory waiting for its next use.
    private var spareRecords: [UnsafeMutablePointer<cevent_watcher>] = unsafe []
    private var nextReady = 0
    /// Whether there may be timers that libevent had no memory for.
    private var holdsTimers = false
    /// When the current turn's waiting ended.
    package private(set) var now: LoopTime

    /// - Parameter capacity: watchers that fit without allocating. More make the loop grow.
    package init(capacity: Int) throws(SystemError) {
        // libevent makes its epoll instance first, which therefore gets the lowest free number.
        let expected = try? nextDescriptorNumber()
        guard let base = unsafe cevent_new_base() else { throw SystemError(.eventBase, .noMemory) }
        unsafe self.base = base
        epoll = expected.flatMap { isEpoll($0) ? $0 : nil }
        unsafe ready = .allocate(capacity: 1)
        unsafe ready.initialize(to: cevent_ready(items: nil, count: 0, capacity: 0))
        unsafe turnLimit = Self.allocateRecord()
        unsafe Self.assign(base, turnLimit, -1, 0)
        watchers = Slab(capacity: 0)
        now = LoopTime(nanoseconds: Clock.monotonicNanoseconds())
        grow(to: max(capacity, 16))
    }

    deinit {
        for index in unsafe spareRecords.indices { unsafe UnsafeMutableRawPointer(spareRecords[index]).deallocate() }
        unsafe cevent_free_base(base)
        unsafe UnsafeMutableRawPointer(turnLimit).deallocate()
        unsafe ready.pointee.items?.deallocate()
        unsafe ready.deallocate()
    }

    // MARK: watching

    /// Waits for `interest` on `descriptor` until `stop` or `remove`.
    ///
    /// Remove the watcher before the descriptor is closed: other processes may hold the same open file, and the kernel
    /// would go on reporting it.
    package mutating func watch(
        _ descriptor: DescriptorNumber,
        for interest: Interest,
        token: EventToken
    ) throws(SystemError) -> WatchID {
        let events = interest == .writable ? CEVENT_WRITE : CEVENT_READ
        let id = insert(
            token: token,
            what: interest == .writable ? .writable : .readable,
            descriptor: descriptor,
            isExclusive: interest == .readableExclusively,
            assign: (descriptor.rawValue, CShort(events.rawValue | CEVENT_PERSIST.rawValue))
        )
        do throws(SystemError) {
            try start(id)
        } catch {
            remove(id)
            throw error
        }
        return id
    }

    /// Takes up watching again after `stop`. Throws the reason of epoll_ctl(2): EPERM for what cannot be watched,
    /// ENOMEM or ENOSPC for what passes; the watcher is not active then, and may be started later.
    package mutating func start(_ id: WatchID) throws(SystemError) {
        let epoll = self.epoll
        let failure = watchers.withElement(id.slot) { watcher -> SystemError? in
            if watcher.isActive { return nil }
            let record = unsafe watcher.record
            do throws(SystemError) {
                try checked(watcher.what == .signal ? .sigaction : .epollControl) { unsafe cevent_add(record, -1) }
                if watcher.isExclusive, let epoll, let descriptor = watcher.descriptor {
                    try makeExclusive(epoll: epoll, descriptor)
                }
            } catch {
                watcher.becomeInactive()
                return error
            }
            watcher.becomeActive()
            return nil
        }
        if let failure = failure ?? nil { throw failure }
    }

    /// Stops watching, or a timer; the watcher stays for the next `start` or `arm`.
    package mutating func stop(_ id: WatchID) {
        _ = watchers.withElement(id.slot) { if $0.isActive { $0.becomeInactive() } }
    }

    /// Stops watching and forgets the watcher.
    package mutating func remove(_ id: WatchID) {
        guard let watcher = watchers.remove(id.slot) else { return }
        _ = unsafe cevent_delete(watcher.record)
        unsafe spareRecords.append(watcher.takeRecord())
    }

    // MARK: timers and signals

    /// A timer that is not running yet.
    package mutating func makeTimer(token: EventToken) -> WatchID {
        insert(token: token, what: .timer, descriptor: nil, isExclusive: false, assign: (-1, 0))
    }

    /// Runs the timer once, `milliseconds` from now; a running timer starts over.
    ///
    /// Cannot fail: a timer that libevent has no memory for is kept here, and reported up to 50 ms late.
    package mutating func arm(_ id: WatchID, milliseconds: Int64) {
        let microseconds = min(max(milliseconds, 0), Self.longestTimer) * 1000
        let isEnlisted = watchers.withElement(id.slot) { watcher -> Bool in
            watcher.due = 0
            watcher.becomeActive()
            if unsafe Self.enlist(watcher.record, microseconds) { return true }
            // As it ran before, it must not ring now.
            watcher.becomeInactive()
            watcher.becomeActive()
            watcher.due = Clock.monotonicNanoseconds() + microseconds * 1000
            return false
        }
        if isEnlisted == false { holdsTimers = true }
    }

    /// Some thirty years: microseconds have room in 64 bits, and nanoseconds, too.
    private static var longestTimer: Int64 { 1_000_000_000_000 }

    /// Gives a timer to libevent; false where it has no memory for it.
    private static func enlist(_ record: UnsafeMutablePointer<cevent_watcher>, _ microseconds: Int64) -> Bool {
        do throws(SystemError) {
            try checked(.eventAdd) { unsafe cevent_add(record, microseconds) }
            return true
        } catch {
            return false
        }
    }

    /// How long a turn waits at most, in milliseconds, while timers are held here.
    private static var heldTimerPatience: Int64 { 50 }

    /// Reports the timers held here that are due, and offers the others to libevent again.
    private mutating func lookAfterHeldTimers() {
        let now = now.nanoseconds
        holdsTimers = false
        for index in 0..<watchers.capacity {
            guard let slot = watchers.id(at: index) else { continue }
            let isHeld = watchers.withElement(slot) { watcher -> Bool in
                if watcher.due == 0 { return false }
                if watcher.due <= now {
                    unsafe cevent_report(watcher.record)
                } else if unsafe !Self.enlist(watcher.record, (watcher.due - now + 999) / 1000) {
                    return true
                }
                watcher.due = 0
                return false
            }
            if isHeld == true { holdsTimers = true }
        }
    }

    /// Reports the signal as an occurrence, however often it came since the last turn.
    package mutating func watchSignal(_ signal: Signal, token: EventToken) throws(SystemError) -> WatchID {
        let id = insert(
            token: token,
            what: .signal,
            descriptor: nil,
            isExclusive: false,
            assign: (signal.rawValue, CShort(CEVENT_SIGNAL.rawValue | CEVENT_PERSIST.rawValue))
        )
        do throws(SystemError) {
            try start(id)
        } catch {
            remove(id)
            throw error
        }
        return id
    }

    // MARK: turns

    /// Waits until something happens, at most `limit` milliseconds (nil: no limit, 0: not at all), and collects it.
    package mutating func turn(waitingAtMost limit: Int64?) throws(SystemError) {
        unsafe ready.pointee.count = 0
        nextReady = 0
        let limit = holdsTimers ? min(limit ?? .max, Self.heldTimerPatience) : limit
        let result = unsafe cevent_turn(base, turnLimit, limit.map { $0 * 1000 } ?? -1)
        now = LoopTime(nanoseconds: Clock.monotonicNanoseconds())
        if holdsTimers { lookAfterHeldTimers() }
        if result < 0 { throw SystemError(.epollWait, Errno(rawValue: -result)) }
    }

    /// Whether this turn has brought anything that was not handed out yet.
    package var hasNext: Bool { unsafe nextReady < Int(ready.pointee.count) }

    /// The next thing that happened this turn; nil at the end.
    package mutating func next() -> Occurrence? {
        while unsafe nextReady < Int(ready.pointee.count), let items = unsafe ready.pointee.items {
            let item = unsafe items[nextReady]
            nextReady += 1
            let slot = SlotID(index: item.watcher, generation: item.life)
            let found = watchers.withElement(slot) { watcher -> Occurrence? in
                // Stopped or armed in the middle of the turn: what libevent collected before is void.
                guard watcher.isActive, unsafe watcher.record.pointee.arming == item.arming else { return nil }
                if watcher.what == .timer { watcher.isActive = false }
                return Occurrence(token: watcher.token, what: watcher.what, watch: WatchID(slot: slot))
            }
            if let occurrence = found ?? nil { return occurrence }
        }
        return nil
    }

    // MARK: memory

    private mutating func insert(
        token: EventToken,
        what: Occurrence.What,
        descriptor: DescriptorNumber?,
        isExclusive: Bool,
        assign: (descriptor: CInt, events: CShort)
    ) -> WatchID {
        if watchers.count == watchers.capacity { grow(to: watchers.capacity * 2) }
        let record = unsafe spareRecords.removeLast()
        let inserted = unsafe watchers.insert(
            Watcher(
                record: unsafe record,
                token: token,
                what: what,
                descriptor: descriptor,
                isExclusive: isExclusive,
                isActive: false
            )
        )
        guard let slot = inserted else { preconditionFailure("a slab with room refused a watcher") }
        unsafe record.pointee = unsafe cevent_watcher(
            ready: ready,
            watcher: slot.index,
            life: slot.generation,
            arming: 0
        )
        unsafe Self.assign(base, record, assign.descriptor, assign.events)
        return WatchID(slot: slot)
    }

    private static func assign(
        _ base: OpaquePointer,
        _ record: UnsafeMutablePointer<cevent_watcher>,
        _ descriptor: CInt,
        _ events: CShort
    ) {
        let result = unsafe cevent_assign(base, record, descriptor, events)
        precondition(result == 0, "libevent cannot watch what we ask for")
    }

    private mutating func grow(to capacity: Int) {
        watchers.reserve(capacity)
        unsafe spareRecords.reserveCapacity(watchers.capacity)
        while unsafe spareRecords.count < watchers.capacity - watchers.count {
            unsafe spareRecords.append(Self.allocateRecord())
        }
        // A turn that is being worked through keeps what it has collected.
        let items = UnsafeMutablePointer<cevent_occurrence>.allocate(capacity: watchers.capacity)
        if let old = unsafe ready.pointee.items {
            unsafe items.update(from: old, count: Int(ready.pointee.count))
            unsafe old.deallocate()
        }
        unsafe ready.pointee.items = unsafe items
        unsafe ready.pointee.capacity = UInt32(watchers.capacity)
    }

    private static func allocateRecord() -> UnsafeMutablePointer<cevent_watcher> {
        let raw = UnsafeMutableRawPointer.allocate(byteCount: cevent_watcher_size(), alignment: 16)
        unsafe raw.initializeMemory(as: UInt8.self, repeating: 0, count: cevent_watcher_size())
        return unsafe raw.bindMemory(to: cevent_watcher.self, capacity: 1)
    }
}

/// Makes one call of `CEvent`, by the rule of `calling` in SystemCalls: >= 0 or -errno, and the tests' `FaultPlan`
/// first.
@inline(__always)
private func checked(_ call: SystemCall, _ body: () -> CInt) throws(SystemError) {
    #if DEBUG
    if let code = FaultPlan.next(call) { throw SystemError(call, code) }
    #endif
    let result = body()
    if result < 0 { throw SystemError(call, Errno(rawValue: -result)) }
}
