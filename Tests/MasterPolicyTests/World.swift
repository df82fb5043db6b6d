//===----------------------------------------------------------------------===//
// Quartermaster: a small world of children around one service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol

/// A process as it really is, next to what it has told so far.
struct Process {
    let pid: Int32
    let generation: Generation
    /// Its status channel is the service's present one.
    var isOnChannel: Bool
    var isBusy = false
    /// Written and not read yet, oldest first.
    var unread: [Availability] = []
    /// What its records that were read amount to.
    var isToldBusy = false
    var isToldUsed = false

    var countsAsIdle: Bool { isOnChannel && !isToldBusy }

    mutating func write(_ availability: Availability) {
        if isOnChannel { unread.append(availability) }
    }

    mutating func told(_ availability: Availability) {
        if isToldBusy && availability == .available { isToldUsed = true }
        isToldBusy = availability == .taken
    }
}

/// What can happen next. Only what is possible happens; what a broken child could send is `garbage`.
enum Happening: Hashable {
    case readable
    case spawnSucceeds
    case spawnFails
    case takes(Int)
    case finishes(Int)
    case channelRead
    case exitsWell(Int)
    case exitsBadly(Int)
    case reload(limit: Int32)
    case throttleEnds
    case stressEnds
    case removal
    case removalDeadline
}

/// One service with at most three processes, a kernel's view of them, and a policy that has to keep up.
///
/// It keeps its own books from what it knows to have happened and compares them with the policy's.
struct World {
    private(set) var policy = Policy(expectedServices: 1, expectedChildren: 8)
    let id: ServiceID
    private(set) var limit: Int32
    private let configuredLimit: Int32
    private(set) var processes: [Process] = []
    private(set) var trace: [Happening] = []
    /// First broken promise.
    private(set) var failure: String?

    private var now = PolicyTime(milliseconds: 0)
    private var lastPID: Int32 = 100
    private var pending: (generation: Generation, isOnChannel: Bool)?
    private var isWatched = false
    private var isThrottleTimerRunning = false
    private var isDeadlineRunning = false
    private var isRemoved = false
    private(set) var isGone = false
    private var buffer: [Effect] = []

    init(limit: Int32) {
        self.limit = limit
        configuredLimit = limit
        id = policy.addService(Self.rules(limit), now: now)
        carryOut()
    }

    private static func rules(_ limit: Int32) -> ServiceRules { ServiceRules(processLimit: limit) }
}

// What can happen, and its happening.
extension World {
    func possibilities(_ body: (Happening) -> Void) {
        if isGone { return }
        if isWatched && processes.count < 3 { body(.readable) }
        if pending != nil {
            body(.spawnSucceeds)
            body(.spawnFails)
        }
        for index in processes.indices {
            let process = processes[index]
            if process.isBusy {
                if process.unread.count < 2 { body(.finishes(index)) }
            } else if process.unread.count < 2 {
                body(.takes(index))
            }
            body(.exitsWell(index))
            body(.exitsBadly(index))
        }
        if processes.contains(where: { !$0.unread.isEmpty }) { body(.channelRead) }
        if isThrottleTimerRunning { body(.throttleEnds) }
        if isDeadlineRunning { body(.removalDeadline) }
        if isRemoved { return }
        if isUnderStress { body(.stressEnds) }
        body(.reload(limit: limit))
        if configuredLimit > 1 {
            body(.reload(limit: limit == configuredLimit ? configuredLimit - 1 : configuredLimit))
        }
        body(.removal)
    }

    private var isUnderStress: Bool { policy.view(of: id)?.stressUntil.map { $0 >= now } ?? false }

    mutating func happen(_ happening: Happening) {
        trace.append(happening)
        switch happening {
        case .readable: policy.endpointReadable(id, now: now)
        case .spawnSucceeds: spawnSucceeds()
        case .spawnFails:
            pending = nil
            policy.spawnFailed(id, now: now)
        case .takes(let index): change(index, isBusy: true)
        case .finishes(let index): change(index, isBusy: false)
        case .channelRead: readChannel()
        case .exitsWell(let index): exit(index, .exited(status: 0))
        case .exitsBadly(let index): exit(index, .exited(status: 1))
        case .reload(let newLimit):
            limit = newLimit
            policy.updateService(id, Self.rules(newLimit), now: now)
        case .throttleEnds:
            isThrottleTimerRunning = false
            policy.timerFired(.throttle(id), now: now)
        case .stressEnds: now = now.advanced(bySeconds: 1001)
        case .removal:
            isRemoved = true
            policy.removeService(id, now: now)
        case .removalDeadline:
            isDeadlineRunning = false
            policy.timerFired(.removalDeadline(id), now: now)
        }
        carryOut()
        check(happening)
    }

    private mutating func spawnSucceeds() {
        guard let (generation, isOnChannel) = pending else { return }
        pending = nil
        lastPID += 1
        processes.append(Process(pid: lastPID, generation: generation, isOnChannel: isOnChannel))
        policy.spawned(id, pid: lastPID, generation: generation, now: now)
    }

    private mutating func change(_ index: Int, isBusy: Bool) {
        processes[index].isBusy = isBusy
        processes[index].write(isBusy ? .taken : .available)
    }

    private mutating func exit(_ index: Int, _ kind: ExitKind) {
        let process = processes.remove(at: index)
        let wasThrottled = isThrottleTimerRunning
        policy.childExited(pid: process.pid, kind, now: now)
        let isThrottled = policy.view(of: id)?.isThrottled ?? false
        let mustThrottle = kind != .exited(status: 0) && !process.isToldUsed && !isRemoved
        expect(isThrottled == (wasThrottled || mustThrottle), "throttled exactly by a failed start")
        // Its last words may be read after its end.
        for availability in process.unread {
            let report = StatusReport(pid: process.pid, generation: process.generation, availability: availability)
            policy.reportArrived(from: id, report, now: now)
        }
    }

    private mutating func readChannel() {
        policy.beginReports(from: id)
        for index in processes.indices {
            let (pid, generation) = (processes[index].pid, processes[index].generation)
            for availability in processes[index].unread {
                processes[index].told(availability)
                let report = StatusReport(pid: pid, generation: generation, availability: availability)
                policy.reportArrived(from: id, report, now: now)
            }
            processes[index].unread = []
        }
        policy.endReports(now: now)
    }
}

// The daemon's part: effects come true.
extension World {
    private mutating func carryOut() {
        policy.takeEffects(into: &buffer)
        while !buffer.isEmpty {
            let effects = buffer
            for effect in effects { carryOut(effect) }
            policy.takeEffects(into: &buffer)
        }
    }

    private mutating func carryOut(_ effect: Effect) {
        switch effect {
        case .watchEndpoints:
            expect(!isWatched, "watched twice")
            isWatched = true
        case .unwatchEndpoints:
            expect(isWatched, "unwatched twice")
            isWatched = false
        case .replaceStatusChannel:
            readChannel()
            for index in processes.indices { processes[index].isOnChannel = false }
            pending?.isOnChannel = false
        case .spawn(_, let generation, _):
            expect(pending == nil, "one spawn at a time")
            let idle = processes.count { $0.countsAsIdle }
            expect(idle == 0, "no spawn beside an idle child")
            expect(limit == 0 || processes.count < limit, "no spawn over the limit")
            expect(!isThrottleTimerRunning && !isRemoved, "no spawn while throttled or leaving")
            pending = (generation, true)
        case .startTimer(.throttle, _): isThrottleTimerRunning = true
        case .cancelTimer(.throttle): isThrottleTimerRunning = false
        case .startTimer(.removalDeadline, _): isDeadlineRunning = true
        case .cancelTimer(.removalDeadline): isDeadlineRunning = false
        case .serviceRemoved: isGone = true
        case .startTimer(.wakeup, _), .cancelTimer(.wakeup), .sendWakeup: expect(false, "nobody asked for wake-ups")
        case .openStatusChannel, .closeStatusChannel, .closeEndpoints, .terminate, .note: break
        }
    }
}

// The promises.
extension World {
    private mutating func expect(_ condition: Bool, _ promise: @autoclosure () -> String) {
        if !condition && failure == nil { failure = promise() }
    }

    private mutating func check(_ happening: Happening) {
        guard let view = policy.view(of: id) else {
            expect(isGone && isRemoved && processes.isEmpty && pending == nil, "gone with processes left")
            expect(policy.childCount == 0, "children of nobody")
            return
        }
        let idle = processes.count { $0.countsAsIdle }
        expect(!isGone, "removed but still there")
        expect(!isRemoved || !processes.isEmpty || pending != nil, "a leaving service without anything to wait for")
        expect(view.idle == Int32(idle), "idle count \(view.idle), really \(idle)")
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
            part = part << 2 | policyState(of: process)
            part = part << 2 | UInt64(process.unread.count)
            for availability in process.unread { part = part << 1 | UInt64(availability.rawValue) }
            return part
        }
        parts.sort()
        var key = parts.reduce(0) { $0 << 12 | $1 }
        let view = policy.view(of: id)
        let flags = [
            pending != nil, pending?.isOnChannel ?? false, isWatched, isThrottleTimerRunning, isDeadlineRunning,
            isRemoved, isGone, isUnderStress, limit == configuredLimit, view?.isThrottled ?? false,
        ]
        for flag in flags { key = key << 1 | (flag ? 1 : 0) }
        return key
    }

    private func policyState(of process: Process) -> UInt64 {
        switch policy.view(ofChild: process.pid)?.state {
        case .idle, nil: 0
        case .busy: 1
        case .retiredIdle: 2
        case .retiredBusy: 3
        }
    }
}
