//===----------------------------------------------------------------------===//
// Quartermaster: Events, readiness, timers and signals as values
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CEvent
import FixedMemory
package import SystemCalls
import SystemPackage

/// One libevent base and its watchers. A turn waits and collects; `next` hands out what happened, one value at a
/// time, so that no Swift code ever runs inside libevent and nothing re-enters the loop. A watcher removed in the
/// middle of a turn is never reported again in that turn.
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
        /// For how long a periodic timer waits each time; 0 for others.
        var period: Int64 = 0

        /// The loop's end: its base is gone already, and with it every registration.
        deinit { unsafe UnsafeMutableRawPointer(record).deallocate() }

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
        _ = unsafe cevent_assign(base, turnLimit, -1, 0)
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

    /// Takes up watching again after `stop`.
    package mutating func start(_ id: WatchID) throws(SystemError) {
        let epoll = self.epoll
        let result = watchers.withElement(id.slot) { watcher -> CInt in
            if watcher.isActive { return 0 }
            if unsafe cevent_add(watcher.record, -1) != 0 { return -1 }
            watcher.isActive = true
            if watcher.isExclusive, let epoll, let descriptor = watcher.descriptor {
                makeExclusive(epoll: epoll, descriptor)
            }
            return 0
        }
        if result != 0 { throw SystemError(.epollControl, .invalidArgument) }
    }

    /// Stops watching; the watcher stays for the next `start`.
    package mutating func stop(_ id: WatchID) {
        _ = watchers.withElement(id.slot) { watcher in
            if watcher.isActive { _ = unsafe cevent_delete(watcher.record) }
            watcher.isActive = false
        }
    }

    package mutating func isWatching(_ id: WatchID) -> Bool {
        watchers.withElement(id.slot) { $0.isActive } ?? false
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
    package mutating func arm(_ id: WatchID, milliseconds: Int64) {
        armPeriod(id, milliseconds: milliseconds, period: 0)
    }

    /// Runs the timer every `milliseconds`.
    package mutating func arm(_ id: WatchID, everyMilliseconds milliseconds: Int64) {
        armPeriod(id, milliseconds: milliseconds, period: milliseconds)
    }

    /// Some thirty years; beyond it microseconds would not fit.
    private static var longestTimer: Int64 { 1_000_000_000_000 }

    private mutating func armPeriod(_ id: WatchID, milliseconds: Int64, period: Int64) {
        _ = watchers.withElement(id.slot) { watcher in
            watcher.period = period
            watcher.isActive = true
            _ = unsafe cevent_add(watcher.record, min(max(milliseconds, 0), Self.longestTimer) * 1000)
        }
    }

    /// Stops a timer.
    package mutating func cancel(_ id: WatchID) { stop(id) }

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
            throw SystemError(.sigaction, error.code)
        }
        return id
    }

    // MARK: turns

    /// Waits until something happens, at most `limit` milliseconds (nil: no limit, 0: not at all), and collects it.
    package mutating func turn(waitingAtMost limit: Int64?) throws(SystemError) {
        unsafe ready.pointee.count = 0
        nextReady = 0
        Watchdog.setWaiting(true)
        let result = unsafe cevent_turn(base, turnLimit, limit.map { $0 * 1000 } ?? -1)
        Watchdog.setWaiting(false)
        Watchdog.pat()
        now = LoopTime(nanoseconds: Clock.monotonicNanoseconds())
        if result < 0 { throw SystemError(.epollControl, .ioError) }
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
                // Stopped in the middle of the turn: what libevent collected before is void.
                guard watcher.isActive else { return nil }
                if watcher.what == .timer { Self.rearm(&watcher) }
                return Occurrence(token: watcher.token, what: watcher.what, watch: WatchID(slot: slot))
            }
            if let occurrence = found ?? nil { return occurrence }
        }
        return nil
    }

    private static func rearm(_ watcher: inout Watcher) {
        if watcher.period > 0 {
            _ = unsafe cevent_add(watcher.record, watcher.period * 1000)
        } else {
            watcher.isActive = false
        }
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
        unsafe record.pointee = unsafe cevent_watcher(ready: ready, watcher: slot.index, life: slot.generation)
        _ = unsafe cevent_assign(base, record, assign.descriptor, assign.events)
        return WatchID(slot: slot)
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
