//===----------------------------------------------------------------------===//
// Quartermaster: a small world of children around one service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol

/// One service with at most three processes, a kernel's view of them, and a policy that has to keep up.
///
/// It keeps its own books from what it knows to have happened and compares them with the policy's.
struct World {
    var policy = Policy(expectedServices: 1, expectedChildren: 8)
    let id: ServiceID
    private(set) var limit: Int32
    let configuredLimit: Int32
    let concurrentStarts: Int32
    let scope: Scope
    let troubles: Troubles
    /// Processes at the same time, however long the queue.
    let most: Int
    var processes: [Process] = []
    /// Processes that finish the clients of children that have left.
    private(set) var heirs: [Int32] = []
    private(set) var trace: [Happening] = []
    /// First broken promise.
    var failure: String?

    var now = PolicyTime(milliseconds: 0)
    private var lastPID: Int32 = 100
    var pending: (generation: Generation, isOnChannel: Bool, isFormer: Bool)?
    var isPendingOutdated = false
    var administrator = Administrator()
    var reloads = ReloadBook()
    var isMeasureAsked = false
    var newcomer = Newcomer.none
    /// What the daemon has registered for the policy.
    var registrations = Registrations()
    /// The kernel has no room for watches and channels.
    var isShort = false
    /// What the next look sees beside the newcomer.
    var sight = QueueSight.noClient
    /// What the policy was told last.
    var waiting: Int32 = 0
    private(set) var isRemoved = false
    var isGone = false
    var buffer: [Effect] = []

    init(limit: Int32, concurrentStarts: Int32 = 1, scope: Scope = .lives, troubles: Troubles = [], most: Int = 3) {
        self.limit = limit
        self.troubles = troubles
        self.scope = scope
        self.most = most
        self.concurrentStarts = concurrentStarts
        configuredLimit = limit
        id = policy.addService(Self.rules(limit, concurrentStarts, scope, troubles), now: now)
        carryOut()
    }

    static func rules(
        _ limit: Int32,
        _ concurrentStarts: Int32,
        _ scope: Scope,
        _ troubles: Troubles = []
    ) -> ServiceRules {
        // Stress has a place among the lives, and must not come of retirements.
        let isLocalOnly = scope != .lives && !troubles.contains(.retirement)
        return ServiceRules(processLimit: limit, isLocalOnly: isLocalOnly, concurrentStarts: concurrentStarts)
    }
}

// What can happen, and its happening.
extension World {
    func possibilities(_ body: (Happening) -> Void) {
        if isGone { return }
        let longest = Int32(max(most - processes.count, 0) + idleCount)
        if isMeasureAsked {
            for waiting in 0...longest { body(.queueMeasured(waiting: waiting)) }
            for index in processes.indices {
                body(.exitsWell(index))
                body(.exitsBadly(index))
            }
            return
        }
        if isWatched && (processes.count < most || isStandby) { body(.readable) }
        if pending != nil {
            body(.spawnSucceeds)
            body(.spawnFails)
        }
        for index in processes.indices {
            let process = processes[index]
            if process.isStuck {
                body(.exitsBadly(index))
                continue
            }
            if process.isBusy {
                if process.isUnheard || process.unread.count < 2 { body(.finishes(index)) }
            } else if process.unread.count < 2 {
                body(.takes(index))
            }
            body(.exitsWell(index))
            body(.exitsBadly(index))
        }
        if processes.contains(where: { !$0.unread.isEmpty }) { body(.channelRead) }
        if troubles.contains(.heirs), heirs.isEmpty {
            for index in processes.indices where processes[index].isBusy { body(.leavesClients(index)) }
        }
        if !heirs.isEmpty { body(.heirEnds) }
        if scope != .wakeups, processes.contains(where: { $0.isOnChannel }) { body(.channelEnds) }
        if isThrottleTimerRunning { body(.throttleEnds) }
        if isDeadlineRunning { body(.removalDeadline) }
        if scope == .wakeups {
            wakeupPossibilities(body)
            return body(.reload(limit: limit))
        }
        if isRemoved { return }
        if scope == .steering {
            steeringPossibilities(body)
            body(.reload(limit: limit))
            return body(.removal)
        }
        if isUnderStress { body(.stressEnds) }
        body(.reload(limit: limit))
        if configuredLimit > 1 {
            body(.reload(limit: limit == configuredLimit ? configuredLimit - 1 : configuredLimit))
        }
        body(.removal)
    }

    var isUnderStress: Bool { policy.view(of: id)?.stressUntil.map { $0 >= now } ?? false }

    mutating func happen(_ happening: Happening) {
        trace.append(happening)
        switch happening {
        case .readable:
            if !isStandby { waiting = 1 }
            policy.endpointReadable(id, now: now)
        case .queueMeasured(let waiting):
            isMeasureAsked = false
            self.waiting = isWatched ? max(waiting, 1) : waiting
            policy.queueMeasured(id, waiting: waiting, now: now)
        case .spawnSucceeds: spawnSucceeds()
        case .spawnFails:
            pending = nil
            policy.spawnFailed(id, .fork, now: now)
        case .takes(let index): change(index, isBusy: true)
        case .finishes(let index): change(index, isBusy: false)
        case .channelRead: readChannel()
        case .exitsWell(let index): exit(index, .exited(status: 0))
        case .exitsBadly(let index): exit(index, .exited(status: 1))
        case .reload(let newLimit):
            limit = newLimit
            policy.updateService(id, Self.rules(newLimit, concurrentStarts, scope, troubles), now: now)
        case .channelEnds: policy.processesAreOutdated(id, now: now)
        case .throttleEnds:
            registrations[.throttle(id)] = nil
            policy.timerFired(.throttle(id), now: now)
        case .stressEnds: now = now.advanced(bySeconds: 1001)
        case .removal:
            isRemoved = true
            policy.removeService(id, now: now)
        case .removalDeadline:
            registrations[.removalDeadline(id)] = nil
            policy.timerFired(.removalDeadline(id), now: now)
        case .takesUnheard(let index): change(index, isBusy: true, isHeard: false)
        case .clientComes, .accepts, .pauses, .getsStuck, .pausesUnheard, .tellsLate, .lookDue, .kernelRunsShort,
            .kernelRecovers, .retryDue:
            happenToNewcomer(happening)
        case .drainAsked, .resumeAsked, .disableAsked, .enableAsked, .releaseAsked, .retireAsked, .steeringLookDue,
            .steeringDeadlinePassed, .retirementStepDue, .gateChanges:
            happenByAdministrator(happening)
        case .leavesClients(let index): leaveClients(index)
        case .heirEnds:
            let heir = heirs.removeLast()
            administrator.cutOff.remove(heir)
            policy.drainingProcessEnded(heir)
        case .reloadKeeping, .reloadInTurn, .turnCame, .addressRemoved, .outgoingLookDue: happenInReload(happening)
        }
        carryOut()
        check(happening)
    }

    private mutating func spawnSucceeds() {
        guard let (generation, isOnChannel, isFormer) = pending else { return }
        pending = nil
        lastPID += 1
        processes.append(
            Process(pid: lastPID, generation: generation, isOnChannel: isOnChannel, isFormer: isFormer)
        )
        processes[processes.count - 1].isOutdated = isPendingOutdated
        isPendingOutdated = false
        comesUp(lastPID)
        policy.spawned(id, pid: lastPID, generation: generation, now: now)
    }

    private mutating func leaveClients(_ index: Int) {
        lastPID += 1
        heirs.append(lastPID)
        let isKnown = policy.clientsLeft(by: processes[index].pid, to: lastPID, now: now)
        expect(isKnown, "who has the clients is known")
        exit(index, .exited(status: 0))
    }

    private mutating func change(_ index: Int, isBusy: Bool, isHeard: Bool = true) {
        if processes[index].isPaused {
            processes[index].isPaused = false
            comesUp(processes[index].pid)
        }
        processes[index].isBusy = isBusy
        if isHeard, !processes[index].isUnheard { processes[index].write(isBusy ? .taken : .available) }
        processes[index].isUnheard = isBusy && !isHeard
    }

    private mutating func exit(_ index: Int, _ kind: ExitKind) {
        let process = processes.remove(at: index)
        newcomer.loses(process.pid)
        let wasThrottled = isThrottleTimerRunning
        policy.childExited(pid: process.pid, kind, now: now)
        let isThrottled = policy.view(of: id)?.isThrottled ?? false
        let isCutOff = administrator.cutOff.remove(process.pid) != nil
        let mustThrottle = kind != .exited(status: 0) && !process.isToldUsed && !isRemoved && !isCutOff
        expect(isThrottled == (wasThrottled || mustThrottle), "throttled exactly by a failed start")
        // Its last words may be read after its end.
        for availability in process.unread {
            let report = StatusReport(pid: process.pid, generation: process.generation, availability: availability)
            policy.reportArrived(from: id, report, now: now)
        }
    }

    mutating func readChannel() {
        policy.beginReports(from: id)
        for index in processes.indices {
            let (pid, generation) = (processes[index].pid, processes[index].generation)
            for availability in processes[index].unread {
                if !processes[index].isToldBusy, availability == .taken { waiting = max(waiting - 1, 0) }
                processes[index].told(availability)
                let report = StatusReport(pid: pid, generation: generation, availability: availability)
                policy.reportArrived(from: id, report, now: now)
            }
            processes[index].unread = []
        }
        policy.endReports(now: now)
    }
}
