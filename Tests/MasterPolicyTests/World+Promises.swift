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
            expect(
                isGone && isRemoved && processes.isEmpty && heirs.isEmpty && pending == nil,
                "gone with processes left"
            )
            expect(policy.childCount == 0, "children without a service")
            return
        }
        let idle = idleCount
        expect(!isGone, "removed but still there")
        expect(
            !isRemoved || !processes.isEmpty || !heirs.isEmpty || pending != nil,
            "a leaving service without anything to wait for"
        )
        expect(view.idle == Int32(idle), "idle count \(view.idle), really \(idle)")
        let starting = starting
        expect(view.starting == Int32(starting), "starting \(view.starting), really \(starting)")
        expect(1...concurrentStarts ~= view.window.size, "the window is between one and the limit")
        expect(pending != nil || view.window.waiting == 0, "a queue is forgotten when it has its processes")
        let total = processes.count
        expect(view.total == Int32(total), "total \(view.total), really \(total)")
        expect(policy.childCount == total + heirs.count, "child table")
        let draining = heirs.count
        expect(view.draining == Int32(draining), "draining \(view.draining), really \(draining)")
        expect((view.watch != .none) == isWatched || isRetryTimerRunning, "the watch is what the effects said")
        expect(!view.isWatching || view.coverage == .uncovered, "master starts processes only where none is idle")
        expect(view.looks.due == nil || isLookTimerRunning, "a look that is due has its timer")
        expect(isNewcomerCovered, "a client waits, and nothing will happen")
        expect(!(isWatched && view.idle > 0) || isStandby, "two watchers")
        expect(view.isThrottled == isThrottleTimerRunning, "a throttle has an end")
        expect(limit == 0 || processes.count <= max(limit, configuredLimit), "over the limit")
        let isCovered =
            idle > 0 || pending != nil || isWatched || isThrottleTimerRunning || isRemoved || isRetryTimerRunning
            || (limit > 0 && processes.count >= limit) || view.isHeld
        expect(isCovered, "no process accepts and master does not watch")
        checkSteering(view)
        checkReloads(view)
        if case .channelRead = happening {
            let areBooksTrue = processes.allSatisfy {
                !$0.isOnChannel || $0.isToldBusy == ($0.isBusy && !$0.isUnheard)
            }
            expect(areBooksTrue, "after reading everything the books are the truth")
        }
    }

    /// Nothing a child or the kernel could send out of turn changes a count, a watch or a decision.
    func withstandsGarbage() -> Bool {
        var copy = self
        copy.policy.reportArrived(from: id, StatusReport(pid: 7, generation: 0, availability: 0), now: now)
        copy.policy.reportArrived(from: id, StatusReport(pid: -1, generation: 0, availability: 1), now: now)
        copy.policy.childExited(pid: 7, .signaled(9), now: now)
        for heir in heirs {
            copy.policy.reportArrived(from: id, StatusReport(pid: heir, generation: 0, availability: 1), now: now)
            copy.policy.childExited(pid: heir, .stopped(19), now: now)
            _ = copy.policy.clientsLeft(by: heir, to: heir + 1000, now: now)
        }
        _ = copy.policy.clientsLeft(by: 7, to: 8, now: now)
        for process in processes {
            copy.policy.drainingProcessEnded(process.pid)
            _ = copy.policy.clientsLeft(by: process.pid, to: process.pid, now: now)
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
        if pending == nil { copy.policy.spawnFailed(id, .fork, now: now) }
        if !isLookTimerRunning { copy.policy.timerFired(.look(id), now: now) }
        if !isRetryTimerRunning { copy.policy.timerFired(.retry(id), now: now) }
        if !isThrottleTimerRunning { copy.policy.timerFired(.throttle(id), now: now) }
        if !isSteeringLookRunning { copy.policy.timerFired(.steeringLook(id), now: now) }
        if !isSteeringDeadlineRunning { copy.policy.timerFired(.steeringDeadline(id), now: now) }
        if !isRetirementStepRunning { copy.policy.timerFired(.retirementStep(id), now: now) }
        if !isTurnRunning { copy.policy.timerFired(.turn(id), now: now) }
        if !isOutgoingLookRunning { copy.policy.timerFired(.outgoingLook(id), now: now) }
        copy.policy.outgoingSeen(id, .noClient, now: now)
        copy.policy.timerFired(.wakeup(id), now: now)
        return copy.policy.effects.allSatisfy { if case .note = $0 { true } else { false } }
            && copy.policy.view(of: id) == policy.view(of: id) && copy.key == key
    }

    /// What was written out and read back asks for the registrations that there are, and decides as before.
    func isTheSameReadBack() -> Bool {
        let bytes = policy.encoded
        guard var copy = try? Policy(decoding: bytes) else { return false }
        copy.resume(now: now)
        var effects: [Effect] = []
        copy.handOverEffects(into: &effects)
        return Registrations(resuming: effects, now) == registrations.at(now) && copy.encoded == bytes
    }

    /// The state up to names and times, to recognise it when another order of events leads to it.
    var key: Key {
        let view = policy.view(of: id)
        var flags: UInt64 = 0
        for flag in [
            pending != nil, pending?.isOnChannel ?? false, isWatched, isThrottleTimerRunning, isDeadlineRunning,
            isRemoved, isGone, isUnderStress, limit == configuredLimit, view?.isThrottled ?? false, isMeasureAsked,
            view?.window.isMeasureDue ?? false,
        ] { flags = flags << 1 | (flag ? 1 : 0) }
        flags = flags << 4 | UInt64(view?.window.size ?? 0) << 2 | UInt64(view?.window.waiting ?? 0)
        if scope == .wakeups {
            for flag in [
                newcomer.isInQueue, isLookTimerRunning, isRetryTimerRunning, isShort, hasChannel,
                view?.looks.isActive ?? false, view?.looks.isAnswered ?? false, view?.looks.due != nil,
                isStandby,
            ] { flags = flags << 1 | (flag ? 1 : 0) }
            flags = flags << 2 | UInt64(view?.looks.standing ?? 0)
        }
        var steering = steeringKey(view)
        if troubles.contains(.heirs) {
            steering += [UInt8(heirs.count), heirs.contains { administrator.cutOff.contains($0) } ? 1 : 0]
        }
        return Key(processes: processes.map(part).sorted(), flags: flags, steering: steering)
    }

    struct Key: Hashable {
        let processes: [UInt32]
        let flags: UInt64
        let steering: [UInt8]
    }

    private func part(of process: Process) -> UInt32 {
        var part: UInt32 = 1
        let view = policy.view(ofChild: process.pid)
        for flag in [
            process.isBusy, process.isOnChannel, process.isToldUsed, process.isStuck, process.isPaused,
            newcomer == .inQueue(woken: process.pid), scope == .wakeups && view?.isNudged ?? false, process.isUnheard,
            process.isFormer, administrator.cutOff.contains(process.pid), process.isOutdated,
        ] { part = part << 1 | (flag ? 1 : 0) }
        part = part << 3 | UInt32(view?.state.rawValue ?? 7)
        part = part << 2 | UInt32(process.unread.count)
        for availability in process.unread { part = part << 1 | UInt32(availability.rawValue) }
        return part
    }
}
