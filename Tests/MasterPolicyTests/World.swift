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
    /// Its channel is the service's former one, which has not ended yet.
    var isFormer = false
    var isBusy = false
    /// Written and not read yet, oldest first.
    var unread: [Availability] = []
    /// What its records that were read amount to.
    var isToldBusy = false
    var isToldUsed = false
    var isHeardOf = false
    /// It does not react to anything any more, as if stopped.
    var isStuck = false
    /// It has given up its registration at the listeners.
    var isPaused = false
    /// It began before a reload that is spread out, and its service has had no turn since.
    var isOutdated = false
    /// It is busy, and its TAKEN found the channel full: it was left out, and so is the AVAIL that belongs to it.
    var isUnheard = false

    var countsAsIdle: Bool { isOnChannel && !isToldBusy }
    var countsAsStarting: Bool { isOnChannel && !isHeardOf }

    mutating func write(_ availability: Availability) {
        if isOnChannel { unread.append(availability) }
    }

    mutating func leavesChannel() {
        isOnChannel = false
        isFormer = false
    }

    mutating func told(_ availability: Availability) {
        if isToldBusy && availability == .available { isToldUsed = true }
        isToldBusy = availability == .taken
        if isToldBusy { isHeardOf = true }
    }
}

/// What can happen next. Only what is possible happens; what a broken child could send is `garbage`.
enum Happening: Hashable {
    case readable
    case queueMeasured(waiting: Int32)
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
    // Of the newcomer, see World+Wakeups.swift. The number is the place of the process that is woken, or acts.
    case clientComes(wakes: Int?)
    case accepts(Int)
    case pauses(Int)
    case getsStuck(Int)
    case takesUnheard(Int)
    case pausesUnheard(Int)
    case tellsLate(Int)
    case lookDue(othersWait: Bool)
    case kernelRunsShort
    case kernelRecovers
    case retryDue
    // Of administrators, see World+Steering.swift.
    case drainAsked(seconds: Int?, refusing: Bool, last: Bool)
    case resumeAsked
    case disableAsked
    case enableAsked
    case releaseAsked
    case retireAsked(isChannelThere: Bool)
    case steeringLookDue(QueueSight)
    case steeringDeadlinePassed
    case retirementStepDue
    // Of reloads that touch little, or are spread out, see World+Reloads.swift.
    case reloadKeeping
    case reloadInTurn
    case turnCame
    case addressRemoved
    case outgoingLookDue(QueueSight, isLate: Bool)
    case gateChanges(Gate)
    // Of a child that leaves its clients to a process of its own.
    case leavesClients(Int)
    case heirEnds
}

/// What may go wrong beside the ordinary ends and failed starts; each multiplies the states.
struct Troubles: OptionSet {
    let rawValue: Int
    /// The kernel has no room for watches and channels for a while.
    static let shortage = Troubles(rawValue: 1)
    /// A process does not react any more.
    static let stuck = Troubles(rawValue: 2)
    /// Reports do not fit into the status channel, which is full when a process has two that were not read.
    static let fullChannel = Troubles(rawValue: 4)
    /// In the scope of steering: retirements instead of drains.
    static let retirement = Troubles(rawValue: 8)
    /// In the scope of steering: reloads that keep processes or are spread out, and addresses that are taken away.
    static let reloads = Troubles(rawValue: 16)
    /// In the scope of steering: endpoints cannot be closed to clients, or not be opened to them again.
    static let gate = Troubles(rawValue: 32)
    /// In the scope of steering: children leave their clients to processes of their own, one at a time.
    static let heirs = Troubles(rawValue: 64)
}

/// Which events there are in a world: both walks together would not end.
enum Scope {
    /// Children, channels, the queue's length, reloads, removal, stress.
    case lives
    /// One client that is followed: whom the kernel woke for it, who loses that, and when master looks.
    case wakeups
    /// Children, channels, reloads, removal, and what administrators ask for.
    case steering
}

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
