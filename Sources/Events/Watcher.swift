//===----------------------------------------------------------------------===//
// Quartermaster: one watcher of the event loop, and its memory
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CEvent
import FixedMemory
import SystemCalls

/// What the loop knows of one watcher, with the memory that libevent works on. It says what libevent is told and which
/// of its reports count; when, is for the loop to decide.
@safe struct Watcher: ~Copyable {
    let record: UnsafeMutablePointer<cevent_watcher>
    let token: EventToken
    let what: Occurrence.What
    let descriptor: DescriptorNumber?
    let isExclusive: Bool
    private(set) var isActive = false
    /// When a timer is due that libevent had no memory for, in nanoseconds; 0: libevent has it.
    var due: Int64 = 0

    init(
        record: UnsafeMutablePointer<cevent_watcher>,
        token: EventToken,
        what: Occurrence.What,
        descriptor: DescriptorNumber?,
        isExclusive: Bool
    ) {
        unsafe self.record = record
        self.token = token
        self.what = what
        self.descriptor = descriptor
        self.isExclusive = isExclusive
    }

    /// The loop's end: its base is gone already, and with it every registration.
    deinit { unsafe UnsafeMutableRawPointer(record).deallocate() }

    /// From here on it reports, and nothing that libevent noted earlier counts.
    mutating func becomeActive() {
        isActive = true
        unsafe record.pointee.arming &+= 1
    }

    mutating func becomeInactive() {
        unsafe cevent_delete(record)
        isActive = false
        due = 0
    }

    /// Of a descriptor or a signal: the kernel reports it from now on, or why not. Does nothing where it does already.
    mutating func start(epoll: DescriptorNumber?) -> SystemError? {
        if isActive { return nil }
        do throws(SystemError) {
            try checked(what == .signal ? .sigaction : .epollControl) { unsafe cevent_add(record) }
            if isExclusive, let epoll, let descriptor { try makeExclusive(epoll: epoll, descriptor) }
        } catch {
            becomeInactive()
            return error
        }
        becomeActive()
        return nil
    }

    /// Of a timer: gives it to libevent; false where that has no memory for it.
    func enlist(microseconds: Int64) -> Bool {
        do throws(SystemError) {
            try checked(.eventAdd) { unsafe cevent_arm(record, microseconds) }
            return true
        } catch {
            return false
        }
    }

    /// The rule of `calling` in SystemCalls, which is not carried into this room: a call of it would cost a fifth of
    /// what a timer does.
    @inline(__always)
    private func checked(_ call: SystemCall, _ body: () -> CInt) throws(SystemError) {
        #if DEBUG
        if let code = FaultPlan.next(call) { throw SystemError(call, code) }
        #endif
        let result = body()
        if result < 0 { throw SystemError(call, Errno(rawValue: -result)) }
    }

    /// What `item` is to the owner; nil when the watcher was stopped or armed in the middle of the turn: what libevent
    /// collected before is void.
    mutating func occurrence(_ item: cevent_occurrence, _ slot: SlotID) -> Occurrence? {
        guard isActive, unsafe record.pointee.arming == item.arming else { return nil }
        if what == .timer { isActive = false }
        return Occurrence(token: token, what: what, watch: WatchID(slot: slot))
    }

    /// The memory, for another watcher.
    consuming func takeRecord() -> UnsafeMutablePointer<cevent_watcher> {
        let record = unsafe self.record
        discard self
        return unsafe record
    }
}
