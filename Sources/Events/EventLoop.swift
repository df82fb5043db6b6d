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
    private let base: OpaquePointer
    /// The epoll descriptor inside libevent, found once; nil where it could not be found.
    private var epoll: DescriptorNumber?
    private let ready: UnsafeMutablePointer<cevent_ready>
    private let turnLimit: UnsafeMutablePointer<cevent_watcher>
    var watchers: Slab<Watcher>
    /// Watcher memory waiting for its next use.
    private var spareRecords: [UnsafeMutablePointer<cevent_watcher>] = unsafe []
    private var nextReady = 0
    /// Whether there may be timers that libevent had no memory for: `EventLoop+Timers.swift`.
    var holdsTimers = false
    /// Whether time passes only when `advance` is called.
    package private(set) var standsStill = false
    /// When the current turn's waiting ended.
    package private(set) var now: LoopTime

    /// - Parameter capacity: watchers that fit without growing. One more than there ever were allocates a little.
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

    /// In a child of fork(2), before anything else is done with the loop: from here on it shares nothing with that of
    /// the parent. Watchers, timers and what this turn has collected stay. Exclusive watchers must be stopped before;
    /// started again, they are plain ones.
    ///
    /// When it throws, the loop cannot be used; where the kernel has no memory for another one, the process ends.
    package mutating func continueInChild() throws(SystemError) {
        epoll = nil
        let result = unsafe cevent_base_after_fork(base)
        if result < 0 { throw SystemError(.eventBase, Errno(rawValue: -result)) }
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
        try startOrForget(id)
        return id
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
        try startOrForget(id)
        return id
    }

    private mutating func startOrForget(_ id: WatchID) throws(SystemError) {
        do throws(SystemError) {
            try start(id)
        } catch {
            remove(id)
            throw error
        }
    }

    /// Takes up watching again after `stop`. Throws the reason of epoll_ctl(2): EPERM for what cannot be watched,
    /// ENOMEM or ENOSPC for what passes; the watcher is not active then, and may be started later.
    package mutating func start(_ id: WatchID) throws(SystemError) {
        let epoll = epoll
        let failure = watchers.withElement(id.slot) { $0.start(epoll: epoll) }
        if let failure = failure ?? nil { throw failure }
    }

    /// Stops watching, or a timer; the watcher stays for the next `start` or `arm`.
    package mutating func stop(_ id: WatchID) {
        _ = watchers.withElement(id.slot) { if $0.isActive { $0.becomeInactive() } }
    }

    /// Stops watching and forgets the watcher.
    package mutating func remove(_ id: WatchID) {
        guard let watcher = watchers.remove(id.slot) else { return }
        unsafe cevent_delete(watcher.record)
        unsafe spareRecords.append(watcher.takeRecord())
    }

    // MARK: turns

    /// Waits until something happens, at most `limit` milliseconds (nil: no limit, 0: not at all), and collects it.
    @discardableResult
    package mutating func turn(waitingAtMost limit: Int64?) throws(SystemError) -> LoopTime {
        unsafe ready.pointee.count = 0
        nextReady = 0
        let limit = holdsTimers ? min(limit ?? .max, Self.heldTimerPatience) : limit
        let result = unsafe cevent_turn(base, turnLimit, limit.map { $0 * 1000 } ?? -1)
        if !standsStill { now = LoopTime(nanoseconds: Clock.monotonicNanoseconds()) }
        if holdsTimers { lookAfterHeldTimers() }
        if result < 0 { throw SystemError(.epollWait, Errno(rawValue: -result)) }
        return now
    }

    // MARK: time in tests

    /// From here on the clock of the loop, and with it every timer that is armed from now on, is moved by `advance`
    /// alone. For tests.
    package mutating func standStill() { standsStill = true }

    /// What time it is now, which may be later than when the turn's waiting ended.
    package var present: LoopTime { standsStill ? now : LoopTime(nanoseconds: Clock.monotonicNanoseconds()) }

    /// Moves the clock; timers that are due then are reported by the next turn.
    package mutating func advance(milliseconds: Int64) {
        precondition(standsStill, "the time of a loop passes by itself")
        now = LoopTime(nanoseconds: now.nanoseconds + milliseconds * 1_000_000)
    }

    /// Whether this turn has brought anything that was not handed out yet.
    package var hasNext: Bool { mutating get { unsafe nextReady < Int(ready.pointee.count) } }

    /// The next thing that happened this turn; nil at the end.
    package mutating func next() -> Occurrence? {
        while unsafe nextReady < Int(ready.pointee.count), let items = unsafe ready.pointee.items {
            let item = unsafe items[nextReady]
            nextReady += 1
            let slot = SlotID(index: item.watcher, generation: item.life)
            let found = watchers.withElement(slot) { $0.occurrence(item, slot) }
            if let occurrence = found ?? nil { return occurrence }
        }
        return nil
    }

    /// The next signal that this turn has brought; everything else waits for `next`.
    package mutating func nextSignal() -> Occurrence? {
        guard let items = unsafe ready.pointee.items else { return nil }
        for index in unsafe nextReady..<max(nextReady, Int(ready.pointee.count)) {
            let item = unsafe items[index]
            let slot = SlotID(index: item.watcher, generation: item.life)
            guard watchers.contains(slot), watchers[slot].what == .signal else { continue }
            // No watcher has this life: it is handed out once.
            unsafe items[index].life = 0
            if let occurrence = watchers[slot].occurrence(item, slot) { return occurrence }
        }
        return nil
    }

    // MARK: memory

    mutating func insert(
        token: EventToken,
        what: Occurrence.What,
        descriptor: DescriptorNumber?,
        isExclusive: Bool,
        assign: (descriptor: CInt, events: CShort)
    ) -> WatchID {
        if watchers.count == watchers.capacity { grow(to: watchers.capacity * 2) }
        // Made when it is needed, so that an idle loop has little memory; it stays.
        let record = unsafe spareRecords.popLast() ?? Self.allocateRecord()
        let inserted = unsafe watchers.insert(
            Watcher(
                record: unsafe record,
                token: token,
                what: what,
                descriptor: descriptor,
                isExclusive: isExclusive
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
