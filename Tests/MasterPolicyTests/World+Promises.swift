//===----------------------------------------------------------------------===//
// Quartermaster: what has to hold in a world, whatever happens
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol

// The promises.
extension World {
    var idleCount: Int { processes.count { $0.countsAsIdle } }
    var starting: Int { processes.count { $0.countsAsStarting } }

    mutating func expect(_ condition: Bool, _ promise: @autoclosure () -> String) {
        if !condition && failure == nil { failure = promise() }
    }

    mutating func check(_ happening: Happening) {
        guard let view = policy.view(of: id) else {
            expect(isGone && isRemoved && processes.isEmpty && pending == nil, "gone with processes left")
            expect(policy.childCount == 0, "children of nobody")
            return
        }
        let idle = idleCount
        expect(!isGone, "removed but still there")
        expect(!isRemoved || !processes.isEmpty || pending != nil, "a leaving service without anything to wait for")
        expect(view.idle == Int32(idle), "idle count \(view.idle), really \(idle)")
        let starting = starting
        expect(view.starting == Int32(starting), "starting \(view.starting), really \(starting)")
        expect(1...concurrentStarts ~= view.window.size, "the window is between one and the limit")
        expect(pending != nil || view.window.waiting == 0, "a queue is forgotten when it has its processes")
        let total = processes.count
        expect(view.total == Int32(total), "total \(view.total), really \(total)")
        expect(policy.childCount == total, "child table")
        expect(view.isWatching == isWatched, "the watch is what the effects said")
        expect(!(isWatched && view.idle > 0), "two watchers")
        expect(view.isThrottled == isThrottleTimerRunning, "a throttle has an end")
        expect(limit == 0 || processes.count <= max(limit, configuredLimit), "over the limit")
        let isCovered =
            idle > 0 || pending != nil || isWatched || isThrottleTimerRunning || isRemoved
            || (limit > 0 && processes.count >= limit)
        expect(isCovered, "nobody accepts and nobody watches")
        if case .channelRead = happening {
            let areBooksTrue = processes.allSatisfy { !$0.isOnChannel || $0.isToldBusy == $0.isBusy }
            expect(areBooksTrue, "after reading everything the books are the truth")
        }
    }

    /// Nothing a child or the kernel could send out of turn changes a count, a watch or a decision.
    func withstandsGarbage() -> Bool {
        var copy = self
        copy.policy.reportArrived(from: id, StatusReport(pid: 7, generation: 0, availability: 0), now: now)
        copy.policy.reportArrived(from: id, StatusReport(pid: -1, generation: 0, availability: 1), now: now)
        copy.policy.childExited(pid: 7, .signaled(9), now: now)
        for process in processes {
            let generation = process.generation.rawValue
            let life = StatusReport(pid: process.pid, generation: generation &+ 1, availability: 0)
            let value = StatusReport(pid: process.pid, generation: generation, availability: 9)
            let known = StatusReport(pid: process.pid, generation: generation, availability: 0)
            copy.policy.reportArrived(from: id, life, now: now)
            copy.policy.reportArrived(from: id, value, now: now)
            copy.policy.reportArrived(from: ServiceID(index: 5, generation: 1), known, now: now)
            copy.policy.childExited(pid: process.pid, .stopped(19), now: now)
        }
        if !isWatched { copy.policy.endpointReadable(id, now: now) }
        if pending == nil { copy.policy.spawnFailed(id, now: now) }
        if !isThrottleTimerRunning { copy.policy.timerFired(.throttle(id), now: now) }
        copy.policy.timerFired(.wakeup(id), now: now)
        return copy.policy.effects.allSatisfy { if case .note = $0 { true } else { false } }
            && copy.policy.view(of: id) == policy.view(of: id) && copy.key == key
    }

    /// The state up to names and times, to recognise it when another order of events leads to it.
    var key: UInt64 {
        var parts = processes.map { process in
            var part: UInt64 = 1
            for flag in [process.isBusy, process.isOnChannel, process.isToldUsed] { part = part << 1 | (flag ? 1 : 0) }
            part = part << 3 | policyState(of: process)
            part = part << 2 | UInt64(process.unread.count)
            for availability in process.unread { part = part << 1 | UInt64(availability.rawValue) }
            return part
        }
        parts.sort()
        var key = parts.reduce(0) { $0 << 13 | $1 }
        let view = policy.view(of: id)
        let flags = [
            pending != nil, pending?.isOnChannel ?? false, isWatched, isThrottleTimerRunning, isDeadlineRunning,
            isRemoved, isGone, isUnderStress, limit == configuredLimit, view?.isThrottled ?? false,
        ]
        for flag in flags + [isMeasureAsked, view?.window.isLookDue ?? false] { key = key << 1 | (flag ? 1 : 0) }
        let window = view?.window
        return key << 4 | UInt64(window?.size ?? 0) << 2 | UInt64(window?.waiting ?? 0)
    }

    private func policyState(of process: Process) -> UInt64 {
        switch policy.view(ofChild: process.pid)?.state {
        case .idle, nil: 0
        case .busy: 1
        case .retiredIdle: 2
        case .retiredBusy: 3
        case .starting: 4
        }
    }
}
