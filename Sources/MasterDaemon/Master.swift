//===----------------------------------------------------------------------===//
// Quartermaster: MasterDaemon, carrying out what the policy decides
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ConfigLoading
import Diagnostics
import Events
import MasterConfig
import MasterControl
import MasterPolicy
import MasterProtocol
import StatusPage
import SystemCalls
import WorkerPage

/// The master process after start-up: one loop, one policy, and the deeds that follow from its decisions. It serves no
/// client, and waits for no child's report, log or name. What it shares with its children are sockets, of which any of
/// them can change the mode or shut one down, and the pages in which they count.
final class Master {
    let invocation: Invocation
    let log: Log
    var loop: EventLoop
    var policy = Policy()
    /// Indexed by `ServiceID.index`.
    var services: [RunningService?] = []
    var timers: [PolicyTimer: WatchID] = [:]
    var statusReader = StatusReader()
    var logReader = UnreadLogReader()
    var spawner: Spawner
    var wakeups = WakeupSender()
    var clientCounter = ClientCounter()
    var workerCounting = CountsKeeping<WorkerTable>()
    var metricsKeeping = CountsKeeping<MetricsTable>()
    var draining = DrainingProcesses()
    var pageLooks = PageLooks()
    var settings: MainSettings
    var owner: MailOwner
    /// Settings that only a restart can change, as they were at start.
    let frozen: FrozenSettings
    let locks: MasterLocks
    /// What others see of all this.
    var board: StatusBoard
    /// What was said last about why there is no page.
    var boardProblem: String?
    let processors = availableProcessors()
    /// From `-v`; what is asked for later is about master alone.
    var areChildrenVerbose: Bool
    /// main.cf as it was accepted last.
    var acceptedMain: [UInt8] = []
    /// When `-e` ends master.
    private(set) var exitTime: PolicyTime?
    var upgradeAttempt: UpgradeAttempt?
    var reloadAttempt: ReloadAttempt?
    var reloadTimer: WatchID?
    /// main.cf was seen with other values than those that were accepted last: a process may have started with them.
    var hasMainStrayed = false
    /// What the last reload came to; nil before the first.
    var lastReload: ReloadReport?
    /// Whether master writes the log file itself, because its writer cannot.
    var isStandingIn = false
    /// The control socket, and who waits for what.
    var desk = ControlDesk()
    /// Processes that look names up or check, or did a moment ago: no service's children.
    var helpers: Set<Int32> = []
    private var effects: [Effect] = []
    var reloadNews: ReloadNews = []
    /// What is wanted of the reload that was asked for in this turn.
    var wantedReload: ReloadWish?
    var isReapWanted = false
    var pacing = ReportPacing()
    var turn = Turn()
    /// Whose reports came in this turn, but for the first, which `turn` has.
    var heardBesides: [ServiceID] = []
    /// When this turn began. Like `turn`, it is a plain value that is read where it stands: of what is lent to others,
    /// the language checks at run time that there is one user, which takes longer than most that is done for a report.
    private(set) var moment: LoopTime
    /// Channels that are not listened to for a moment.
    var resting: [ServiceID] = []
    var restTimer: WatchID?
    var manager: ServiceManager
    var keepAliveTimer: WatchID?
    var managerTimer: WatchID?

    init(
        _ invocation: Invocation,
        log: Log,
        loop: consuming EventLoop,
        model: Model,
        frozen: FrozenSettings,
        flow: consuming DescriptorPair,
        locks: consuming MasterLocks,
        manager: ServiceManagerOffer
    ) {
        self.invocation = invocation
        self.log = log
        self.loop = loop
        moment = self.loop.now
        settings = model.settings
        owner = MailOwner(model.owner)
        self.frozen = frozen
        spawner = Spawner(flow: flow)
        self.locks = locks
        areChildrenVerbose = log.verbosity > 0
        board = StatusBoard(path: Self.statusPath)
        board.master.started = moment.milliseconds
        self.manager = ServiceManager(manager)
        policy.isVerbose = log.verbosity > 0
    }

    var now: PolicyTime { moment.policyTime }

    var options: MasterOptions { invocation.options }
    var processName: String { invocation.processName }

    /// `-e`.
    func end(at time: PolicyTime) {
        exitTime = time
        let timer = loop.makeTimer(token: MasterEvent.exitTimeArrived.token)
        loop.arm(timer, milliseconds: max(time.milliseconds - now.milliseconds, 0))
    }

    // MARK: the loop

    /// Each turn: wait, handle what happened, then re-read the configuration if asked, then bury the dead, and tell
    /// what has changed.
    func run() -> Never {
        // A log line that found its receiver busy is tried again soon.
        var isLogWaiting = log.hasPending
        while true {
            Watchdog.waitBegins()
            do throws(SystemError) {
                moment = try loop.turn(
                    waitingAtMost: isLogWaiting
                        ? 50 : isStandingIn ? Self.standInMilliseconds : StatusBoard.heartbeatMilliseconds
                )
            } catch {
                log.fatal("event loop: \(error.description)")
            }
            Watchdog.waitEnded()
            turn = Turn()
            while let occurrence = loop.next() { handle(occurrence) }
            if turn.isEmpty { log.refreshLastWords() }
            if isStandingIn { attendToLog() }
            considerReload()
            if isReapWanted {
                isReapWanted = false
                reap()
            }
            // A reload decides after the last event, and the next event may be long in coming.
            if !policy.effects.isEmpty { carryOut() }
            restAfterTurn()
            publish()
            isLogWaiting = log.hasPending
            if isLogWaiting {
                log.flush()
                isLogWaiting = log.hasPending
            }
        }
    }

    func considerReload() {
        if reloadNews.isEmpty { return }
        let news = reloadNews
        reloadNews = []
        goOnWithReload(news)
    }

    func handle(_ occurrence: Occurrence) {
        let token = occurrence.token
        turn.count(token.event)
        switch token.event {
        case .hangup: askForReload(ReloadWish())
        case .reloadDue: reloadNews.insert(.timerFired)
        case .namesArrived: reloadNews.insert(.namesArrived)
        case .childEnded: reapSoon()
        case .upgradeRequested: upgradeRequested()
        case .trialSpoke: trialSpoke()
        case .trialDue: trialDue()
        case .endRequested: terminate(token.signal)
        case .exitTimeArrived: endInTime()
        case .endpointReadable:
            if !policy.isStandingBy(token.service) {
                // What is readable may be that nobody can connect any more.
                if replaceIfShut(token.service) { break }
                // A child that said so before the client came is idle: another is not needed.
                readReports(of: token.service)
            }
            policy.endpointReadable(token.service, now: now)
        case .reportsArrived:
            note(heard: token.service)
            readReports(of: token.service)
        case .restEnds: restEnded()
        case .throttleEnds: policy.timerFired(.throttle(token.service), now: now)
        case .wakeupDue: policy.timerFired(.wakeup(token.service), now: now)
        case .lookDue: policy.timerFired(.look(token.service), now: now)
        case .retryDue: policy.timerFired(.retry(token.service), now: now)
        case .removalDeadline: policy.timerFired(.removalDeadline(token.service), now: now)
        case .steeringLook: policy.timerFired(.steeringLook(token.service), now: now)
        case .steeringDeadline: policy.timerFired(.steeringDeadline(token.service), now: now)
        case .retirementStep: policy.timerFired(.retirementStep(token.service), now: now)
        case .reloadTurn: policy.timerFired(.turn(token.service), now: now)
        case .outgoingLook: policy.timerFired(.outgoingLook(token.service), now: now)
        case .drainRequested:
            log.info("draining all services, as SIGUSR1 asks")
            drainAll(ControlRequest.Drain())
        case .wakeupReady: warn(wakeups.advance(token.slot, loop: &loop))
        case .wakeupDeadline: warn(wakeups.expire(token.slot, loop: &loop))
        case .controlCalled: controlCalled()
        case .controlRetry: controlListensAgain()
        case .controlReady: controlReady(token.slot, occurrence.what)
        case .controlDeadline: controlExpired(token.slot)
        case .checkSpoke: checkSpoke(token.slot)
        case .checkDeadline: checkExpired(token.slot)
        case .keepAliveDue: keepAliveDue()
        case .managerDue: managerDue()
        case .drainingEnded: drainingEnded(Int32(truncatingIfNeeded: token.index))
        case .drainingDue: drainingDue()
        }
        carryOut()
    }

    /// Does what the policy wants, in order, until it wants nothing more.
    func carryOut() {
        var batch = effects
        effects = []
        policy.handOverEffects(into: &batch)
        while !batch.isEmpty {
            for effect in batch {
                turn.count(effect)
                carryOut(effect)
            }
            policy.handOverEffects(into: &batch)
        }
        effects = batch
    }

    func warn(_ text: String?) {
        if let text { log.warning(text) }
    }
}
