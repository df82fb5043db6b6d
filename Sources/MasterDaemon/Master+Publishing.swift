//===----------------------------------------------------------------------===//
// Quartermaster: telling others what master does
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import MasterConfig
import MasterPolicy
import MasterProtocol
import StatusPage
import SystemCalls

// At the end of each turn, what has changed in it is stored in the status page: no system call, and nobody is waited
// for. Only when the file has to be made there are calls.
extension Master {
    func publish() {
        // Nearly all turns of a busy master.
        if turn.isPlain, board.tellReports(&policy, now: now.milliseconds) { return }
        publishAll(now.milliseconds)
        board.rest(untilLook: pageLooks.next ?? .min)
    }

    private func publishAll(_ moment: Int64) {
        switch pageLooks.due(moment) {
        case .status: lookAtBoard()
        case .workers: lookAtCounting()
        case nil: break
        }
        switch board.need(services: policy.serviceIndices.upperBound, processes: policy.childRows, now: moment) {
        case .nothing: break
        case .page: makeBoard(moment)
        case .replacement: loseBoard("was cut off, or its disk is full", moment)
        }
        guard board.isOpen else { return }
        if board.beat(now: moment) {
            board.write(policy.counters, now: moment, realTime: Clock.millisecondsSince1970())
            if !board.isIntact { return loseBoard("was emptied", moment) }
        }
        if policy.hasChanges { tellChanges() }
        if !turn.isPlain { publishSpread() }
        let state: MasterState =
            upgradeAttempt != nil
            ? .upgrading : desk.stopping != nil ? .stopping : desk.drainOfAll != nil ? .draining : .running
        if board.master.state != state {
            board.master.state = state
            publishMaster()
        }
    }

    /// How far a reload that is spread out has come.
    private func publishSpread() {
        let spread = policy.reloadSpread
        let (left, end) = (UInt64(spread?.services ?? 0), spread?.ends.milliseconds ?? 0)
        guard board.master.lastReload.turnsLeft != left || board.master.lastReload.lastTurn != end else { return }
        (board.master.lastReload.turnsLeft, board.master.lastReload.lastTurn) = (left, end)
        publishMaster()
    }

    private func tellChanges() {
        board.tell(&policy) { view, trouble in
            service(view.id).map { ServiceTexts(view, $0.plan, trouble) }
        }
    }

    // MARK: the file

    private func makeBoard(_ moment: Int64) {
        let (services, processes) = (policy.serviceIndices.upperBound, policy.childRows)
        do throws(SystemError) {
            try board.makePage(services: services, processes: processes, now: moment).get()
            policy.tellsChanges = true
            tellChanges()
            board.write(policy.counters, now: moment, realTime: Clock.millisecondsSince1970())
            try board.appear(now: moment)
            boardProblem = nil
        } catch {
            if !board.isOpen { policy.tellsChanges = false }
            warnOfBoard(board.isSeen ? wordsOfSmallPage(error) : wordsOfNoPage(error))
        }
    }

    private func wordsOfNoPage(_ error: SystemError) -> String {
        let text =
            "cannot make the status page \(statusPath): \(error) -- masterctl shows nothing; trying again: is the disk full?"
        return text
    }

    private func wordsOfSmallPage(_ error: SystemError) -> String {
        let text =
            "cannot make a larger status page \(statusPath): \(error) -- masterctl shows as much as the one before has room"
            + " for; trying again: is the disk full?"
        return text
    }

    private func lookAtBoard() {
        if board.look() { log.warning("the status page \(statusPath) was removed or replaced -- making another one") }
    }

    private func loseBoard(_ what: String, _ moment: Int64) {
        board.giveUp(now: moment)
        policy.tellsChanges = false
        warnOfBoard("the status page \(statusPath) \(what) -- making another one soon")
    }

    /// The same problem is said once.
    private func warnOfBoard(_ text: String) {
        if boardProblem != text { log.warning(text) }
        boardProblem = text
    }

    /// Whatever the name of the program: those who look for it know no other.
    static let statusPath = "pid/master.status"
    private var statusPath: String { Self.statusPath }

    // MARK: master itself

    /// What does not change while this master runs, but for a reload.
    func describeBoard() {
        board.master.pid = processID()
        board.master.version = BuildMark.version
        board.master.mailVersion = settings.mailVersion
        board.master.processName = processName
        board.master.configDirectory = settings.configDirectory
        board.master.queueDirectory = settings.queueDirectory
    }

    /// Tells of `board.master` at once: its writer may be about to end.
    func publishMaster() {
        board.write(policy.counters, now: now.milliseconds, realTime: Clock.millisecondsSince1970())
    }

    /// A reload has ended.
    func publishReload(_ report: ReloadReport) {
        let result: ReloadOutcome.Result = report.isAccepted ? .accepted : .refused
        lookAtBoard()
        lookAtCounting()
        publish()
        var outcome = ReloadOutcome()
        (outcome.ended, outcome.result) = (now.milliseconds, result)
        switch report.asker {
        case .signal: outcome.cause = .signal
        case .client(let user, let pid): (outcome.cause, outcome.user, outcome.pid) = (.request, Int64(user), pid)
        }
        let problems = report.problems.count { $0.severity == .fatal }
        let warnings = report.problems.count { $0.severity == .warning }
        (outcome.problems, outcome.warnings) = (UInt64(problems), UInt64(warnings))
        board.master.lastReload = outcome
        publishSpread()
        board.master[result == .accepted ? .reloads : .reloadsRefused] += 1
        describeBoard()
        publishMaster()
        publish(result == .accepted ? .reload : .reloadRefused, value: Int64(report.isAccepted ? warnings : problems))
    }

    // MARK: events

    func publish(_ kind: EventKind, _ id: ServiceID? = nil, pid: Int32 = 0, value: Int64 = 0) {
        guard board.isOpen else { return }
        var event = EventEntry()
        (event.kind, event.pid, event.value) = (kind, pid, value)
        event.time = Clock.millisecondsSince1970()
        if let id {
            event.service = UInt32(bitPattern: id.index)
            if let name = service(id)?.fullName { event.serviceName = name }
        }
        board.write(event)
    }

    /// Of what the policy notes, that which is an event for others.
    func publishEvent(_ note: PolicyNote) {
        switch note {
        case .spawned(let pid, let id): publish(.start, id, pid: pid)
        case .ready(let pid, let id, let milliseconds): publish(.ready, id, pid: pid, value: milliseconds)
        case .ended(let pid, let id, let uses): publish(.end, id, pid: pid, value: Int64(uses))
        case .exitStatus(let pid, let id, let status): publish(.fail, id, pid: pid, value: Int64(status))
        case .killedBy(let pid, let id, let signal): publish(.fail, id, pid: pid, value: -Int64(signal))
        case .throttling(let id):
            publish(.throttle, id, value: service(id).map { Int64($0.plan.settings.throttleSeconds) } ?? 0)
        case .throttleReleased(let id): publish(.release, id)
        case .processLimit(let id, let limit, let waiting):
            // What was told at once is not told again when clients wait.
            if waiting != nil, policy.view(of: id)?.isStressEligible == true { return }
            publish(.limit, id, value: Int64(limit))
        case .queueOverflowed(let id, let times, _): publish(.overflow, id, value: Int64(clamping: times))
        case .stressBegan(let id): publish(.stress, id)
        case .stressEnded(let id): publish(.calm, id)
        case .drained(let id, let cutOff): publish(.drain, id, value: Int64(cutOff))
        case .resumed(let id): publish(.resume, id)
        case .nudged(let id, let children): publish(.nudge, id, value: Int64(children))
        case .badStartup, .stoppedBy, .staleReport, .unknownStatus, .foreignReport, .unknownChild, .removalForced,
            .queueStands, .cutOff, .turnsOver, .outgoingAbandoned, .unknownReporter, .starting,
            .conditionalTimerStarted, .covered, .clientsLeft, .drainingEnded:
            break
        }
    }
}
