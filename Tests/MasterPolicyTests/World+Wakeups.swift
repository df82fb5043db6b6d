//===----------------------------------------------------------------------===//
// Quartermaster: one client that is followed from its connect to its accept
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol

/// A client whose wake-up has a holder: the process that the kernel woke for it, and no other (EPOLLEXCLUSIVE).
enum Newcomer: Hashable {
    case none
    case inQueue(woken: Int32?)

    var isInQueue: Bool { self != .none }

    /// The process does not take it any more.
    mutating func loses(_ pid: Int32) {
        if self == .inQueue(woken: pid) { self = .inQueue(woken: nil) }
    }
}

extension World {
    func wakeupPossibilities(_ body: (Happening) -> Void) {
        if newcomer == .none {
            let waiting = processes.indices.filter { !processes[$0].isPaused }
            if waiting.isEmpty { body(.clientComes(wakes: nil)) }
            for index in waiting { body(.clientComes(wakes: index)) }
        }
        for index in processes.indices where !processes[index].isStuck {
            let process = processes[index]
            if newcomer == .inQueue(woken: process.pid) { body(.accepts(index)) }
            // A retired process gives up its registration and then takes what is there: it never swallows a wake-up.
            if !process.isBusy, process.isOnChannel, process.unread.count < 2 { body(.pauses(index)) }
            if troubles.contains(.stuck), !processes.contains(where: \.isStuck) { body(.getsStuck(index)) }
            if isChannelFull, process.isOnChannel, !process.isBusy {
                body(.takesUnheard(index))
                body(.pausesUnheard(index))
            }
            if process.isUnheard, process.unread.count < 2 { body(.tellsLate(index)) }
        }
        if isLookTimerRunning {
            body(.lookDue(othersWait: false))
            if newcomer == .none { body(.lookDue(othersWait: true)) }
        }
        if isRetryTimerRunning { body(.retryDue) }
        if troubles.contains(.shortage) { body(isShort ? .kernelRecovers : .kernelRunsShort) }
    }

    private var isChannelFull: Bool {
        troubles.contains(.fullChannel) && processes.contains { $0.isOnChannel && $0.unread.count >= 2 }
    }

    mutating func happenToNewcomer(_ happening: Happening) {
        switch happening {
        case .clientComes(let index): newcomer = .inQueue(woken: index.map { processes[$0].pid })
        case .accepts: newcomer = .none
        case .pauses(let index):
            // Registration off, and TAKEN: the wake-up is gone, and master hears that something happened.
            newcomer.loses(processes[index].pid)
            processes[index].isPaused = true
            processes[index].isBusy = true
            processes[index].write(.taken)
        case .pausesUnheard(let index):
            newcomer.loses(processes[index].pid)
            processes[index].isPaused = true
            processes[index].isBusy = true
            processes[index].isUnheard = true
        case .tellsLate(let index):
            processes[index].isUnheard = false
            processes[index].write(.taken)
        case .getsStuck(let index): processes[index].isStuck = true
        case .lookDue(let othersWait): look(othersWait ? .clients : .noClient)
        case .kernelRunsShort: isShort = true
        case .kernelRecovers: isShort = false
        case .retryDue:
            registrations[.retry(id)] = nil
            policy.timerFired(.retry(id), now: now)
        case .readable, .queueMeasured, .spawnSucceeds, .spawnFails, .takes, .takesUnheard, .finishes, .channelRead,
            .channelEnds,
            .exitsWell,
            .exitsBadly, .reload, .throttleEnds, .stressEnds, .removal, .removalDeadline, .drainAsked, .resumeAsked,
            .disableAsked, .enableAsked, .releaseAsked, .retireAsked, .steeringLookDue, .steeringDeadlinePassed,
            .retirementStepDue, .reloadKeeping, .reloadInTurn, .turnCame, .addressRemoved, .outgoingLookDue,
            .gateChanges, .leavesClients, .heirEnds:
            break
        }
    }

    /// Who begins to wait at a listener sees the clients that are there already.
    mutating func comesUp(_ pid: Int32) {
        guard case .inQueue(let woken) = newcomer else { return }
        let isAwaited = processes.contains { $0.pid == woken && !$0.isStuck }
        if !isAwaited { newcomer = .inQueue(woken: pid) }
    }

    private mutating func look(_ sight: QueueSight) {
        registrations[.look(id)] = nil
        self.sight = sight
        policy.timerFired(.look(id), now: now)
    }

    /// SIGURG: a process that reacts finds who waits, and answers.
    mutating func reachByNudge(_ pid: Int32) {
        guard let index = processes.firstIndex(where: { $0.pid == pid }), !processes[index].isStuck else { return }
        if newcomer.isInQueue, !processes[index].isBusy { newcomer = .inQueue(woken: pid) }
        if !processes[index].isBusy, processes[index].unread.isEmpty { processes[index].write(.available) }
    }

    /// The promise: a client that waits has a live process that was woken for it, or master watches, or something is
    /// under way that makes master look or start, or the service cannot have more processes.
    var isNewcomerCovered: Bool {
        guard case .inQueue(let woken) = newcomer else { return true }
        if isTaker(woken) || limit == 1 && woken != nil { return true }
        let isHeardSoon = processes.contains { $0.isOnChannel && !$0.unread.isEmpty }
        return isWatched || isLookTimerRunning || isRetryTimerRunning || isHeardSoon || pending != nil
            || isThrottleTimerRunning || isBusyAtLimit || isTriedAgain
    }

    /// Whether the process is there and does something. With a limit of one there is no other, whatever it does.
    private func isTaker(_ pid: Int32?) -> Bool { processes.contains { $0.pid == pid && !$0.isStuck } }

    /// Who has paused tries again in a second, and says what comes of it.
    private var isTriedAgain: Bool { processes.contains { $0.isPaused && $0.isUnheard && !$0.isStuck } }

    private var isBusyAtLimit: Bool { limit > 0 && processes.count >= limit && idleCount == 0 }

    /// Whether three looks, with nothing else happening, bring the newcomer to a process: this part of the promise,
    /// which makes it one second.
    func isNewcomerServedSoon() -> Bool {
        guard case .inQueue(let woken) = newcomer, !isShort else { return true }
        if isTaker(woken) || limit == 1 && woken != nil { return true }
        var world = self
        if world.isWatched { world.happen(.readable) }
        if world.isRetryTimerRunning { world.happen(.retryDue) }
        for _ in 0..<4 {
            world.happen(.channelRead)
            if world.isLookTimerRunning { world.happen(.lookDue(othersWait: false)) }
            if world.isMeasureAsked { world.happen(.queueMeasured(waiting: 1)) }
        }
        // No other process is there whose client it could be. It tries again in vain, and there is room to say so.
        if world.processes.count == 1, world.isTriedAgain {
            world.happen(.tellsLate(0))
            world.happen(.channelRead)
        }
        if case .inQueue(let pid?) = world.newcomer, world.isTaker(pid) { return true }
        // A child that is coming up sees the queue when it is there; until its time is over no other is started.
        let isComingUp = world.processes.contains { $0.countsAsStarting }
        let isFree = world.processes.contains { $0.isOnChannel && !$0.isBusy && !$0.isStuck }
        let isFull = limit > 0 && world.processes.count >= limit && !isFree
        return world.isWatched || world.pending != nil || isFull || world.isThrottleTimerRunning || isComingUp
    }
}
