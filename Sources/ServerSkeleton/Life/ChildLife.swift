//===----------------------------------------------------------------------===//
// Quartermaster: the life of a child, from its first wait to its end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterProtocol
import SystemCalls
import WorkerPage

/// What the owner of the event loop does next.
@usableFromInline enum LifeStep {
    /// Wait, and work.
    case turn
    /// Accept what is there without waiting: after this the process leaves, unless there was something.
    case lookOnceMore
    case leave
}

/// What every child needs besides its work, whatever it serves: the event loop, the channel to master, the endpoints,
/// the limits, and the end. It decides whether the process accepts work and when it leaves; it never looks at the work.
///
/// The stages, and what leads from one to another. "Registered" means that the kernel wakes this process for work.
///
///     stage           registered  master heard    leads to
///     --------------  ----------  --------------  ------------------------------------------------------------
///     serving         yes         TAKEN … AVAIL   used up or idle for too long, without clients: looking
///                                                 no descriptors for a client: paused
///     paused          no          TAKEN           a client left, or a second passed: serving
///                                                 used up or idle for too long, without clients: looking
///     looking         no          as before       a client was there: last clients (used up), serving (idle)
///                                                 no client was there, or no descriptors: leaving
///     last clients    no          TAKEN           the last client left: leaving
///     finishing       no          TAKEN           nothing is left to finish, or the time is over: leaving
///     leaving         no          AVAIL           the process ends with this turn; or, where the service asks for time
///                                                 to finish (event services): finishing
///
///     from any of them: the service retires the process, it has lived for its time, master is gone, SIGTERM: leaving
///
/// A wake-up must not get lost: the kernel may have woken us, and no other process, for a client that we do not accept.
/// So a process that stops accepting gives up its registration first. Then it looks once more, or it says that it is
/// busy, or it ends, and at both of these master looks at the queue.
struct ChildLife: ~Copyable {
    /// One is enough where each that is woken accepts the client at once, and where master looks after the clients of
    /// those that do not. A master that is not ours does not look.
    enum Woken { case one, all }

    enum Stage {
        case serving
        case paused
        case looking(Limit, hasFound: Bool)
        case lastClients
        case finishing(Reason)
        case leaving(Reason)
    }

    enum Limit { case use, idle }

    enum Reason { case masterGone, idle, usedUp, retired, timeToRetire, terminated }

    let circumstances: Circumstances
    let log: Log
    var loop: EventLoop
    var listeners: Listeners
    var limits: UseAndIdleLimits
    var status: StatusReporter
    var stage = Stage.serving
    var retryTimer: WatchID?
    var statusRoom: WatchID?
    var waitsForStatusRoom = false
    var complaints: Complaints
    var counts: WorkerRow
    private var masterWatch: WatchID?
    /// Whether clients may be in the queue who connected before this process had a listener to mark.
    var acceptsEarlierClients: Bool

    /// - Parameters:
    ///   - counts: where to count.
    ///   - capacity: of the event loop.
    ///   - batch: how much is accepted in one turn.
    ///   - woken: which of the idle processes of the service the kernel wakes for a client.
    init(
        _ circumstances: Circumstances,
        _ counts: consuming WorkerRow,
        capacity: Int,
        batch: Int,
        woken: Woken = .one
    ) {
        self.circumstances = circumstances
        self.counts = counts
        log = circumstances.log
        complaints = Complaints(circumstances.log)
        acceptsEarlierClients = circumstances.transport == .inet
        do throws(SystemError) {
            loop = try EventLoop(capacity: capacity)
        } catch {
            circumstances.log.fatal(error.call.rawValue, error)
        }
        listeners = Listeners(
            circumstances.isOneShot ? [] : circumstances.endpoints,
            isExclusive: woken == .one && circumstances.parent == .ours,
            batch: batch
        )
        limits = UseAndIdleLimits(useLimit: circumstances.useLimit, idleLimit: circumstances.idleLimit)
        status = StatusReporter(generation: circumstances.generation, isConnected: circumstances.hasMaster)
        if circumstances.conductor != nil { loop.standStill() }
    }

    var time: ServiceTime { ServiceTime(loop.now) }

    // MARK: start

    /// Starts watching. From here on master may go away at any moment.
    ///
    /// - Parameter handlesTermination: whether what was received is dealt with before SIGTERM is obeyed.
    mutating func start(handlesTermination: Bool = false) {
        if circumstances.conductor == nil { startUnderMaster(handlesTermination) } else { startInTest() }
        limits.startIdleTimer(&loop, token: EventToken(.idleLimit))
        startRetirementTimer()
    }

    private mutating func startInTest() {
        do throws(SystemError) {
            try listeners.register(&loop)
        } catch {
            log.fatal(error.call.rawValue, error)
        }
    }

    private mutating func startUnderMaster(_ handlesTermination: Bool) {
        do throws(SystemError) {
            let channel = DescriptorNumber(InheritedDescriptor.status)
            masterWatch = try loop.watch(channel, for: .readable, token: EventToken(.master))
            if handlesTermination { _ = try loop.watchSignal(.terminate, token: EventToken(.terminate)) }
            if circumstances.parent == .ours { _ = try loop.watchSignal(.urgent, token: EventToken(.look)) }
            if circumstances.transport == .inet { keepConnectionsAlive() }
            try listeners.register(&loop)
            try closeInheritedOnExec(listeners: circumstances.socketCount)
            try Watchdog.start(seconds: UInt32(max(circumstances.watchdogSeconds, 3)))
        } catch {
            log.fatal(error.call.rawValue, error)
        }
        log.prepareLastWords("watchdog timeout")
        forgetStart()
    }

    /// Without a master, and for one client.
    mutating func startAlone() {
        do throws(SystemError) {
            _ = try loop.watchSignal(.terminate, token: EventToken(.terminate))
        } catch {
            log.fatal(error.call.rawValue, error)
        }
    }

    /// Accepted sockets inherit the option from their listener, but for those that were in its queue before.
    private func keepConnectionsAlive() {
        for index in 0..<Int32(circumstances.socketCount) {
            try? DescriptorNumber(InheritedDescriptor.firstListener + index).setOption(.keepAlive, 1)
        }
    }

    /// Rings once: from then on the process leaves as soon as its owner asks for the next step. A client that is served
    /// while the loop stands still is served to its end.
    private mutating func startRetirementTimer() {
        guard let seconds = circumstances.retirementSeconds else { return }
        loop.arm(loop.makeTimer(token: EventToken(.retirement)), milliseconds: Int64(seconds) * 1000)
    }

    // MARK: turns

    /// Whether there is another turn. Connected clients keep a process going whose limits are reached.
    mutating func nextStep(hasClients: Bool) -> LifeStep {
        let isIdleTooLong = limits.isIdleTooLong(&loop, isInUse: hasClients)
        switch stage {
        case .serving, .paused:
            if hasClients { return .turn }
            if limits.isUsedUp { return look(.use) }
            return isIdleTooLong ? look(.idle) : .turn
        case .looking(.use, let hasFound): return hasFound && hasClients ? serveLastClients() : leave(.usedUp)
        case .looking(.idle, hasFound: true): return goOn()
        case .looking(.idle, hasFound: false): return leave(.idle)
        case .lastClients: return hasClients ? .turn : leave(.usedUp)
        case .finishing(let reason): return hasClients ? .turn : leave(reason)
        case .leaving:
            listeners.unregister(&loop)
            return .leave
        }
    }

    private mutating func look(_ limit: Limit) -> LifeStep {
        listeners.unregister(&loop)
        listeners.areAllReady()
        stage = .looking(limit, hasFound: false)
        return .lookOnceMore
    }

    private mutating func serveLastClients() -> LifeStep {
        stage = .lastClients
        status.becomeBusy()
        return .turn
    }

    /// A client came at the last moment before an idle process left.
    private mutating func goOn() -> LifeStep {
        limits.restart(&loop)
        stage = .paused
        resume()
        return .turn
    }

    private mutating func leave(_ reason: Reason) -> LifeStep {
        stage = .leaving(reason)
        return .leave
    }

    /// A service may name any number of seconds; longer than a day is as good as a day.
    private static let longestWaitSeconds = 86_400

    /// Waits for something to happen, at most `seconds`; nil is no limit.
    mutating func turn(atMost seconds: Int?) {
        if log.hasPending { log.flush() }
        if !waitsForStatusRoom { report(status.settle()) }
        Watchdog.waitBegins()
        defer { Watchdog.waitEnded() }
        do throws(SystemError) {
            let limit = seconds.map { Int64(min(max($0, 0), Self.longestWaitSeconds)) * 1000 }
            let limitNow = isLeaving ? 0 : limit
            if let conductor = circumstances.conductor { return try turn(limitNow, conductor) }
            try loop.turn(waitingAtMost: limitNow)
        } catch {
            log.fatal("event loop", error)
        }
    }

    /// What concerns every child.
    mutating func handle(_ token: EventToken) {
        switch token.event {
        case .listener: listeners.becameReady(token.index)
        case .master: isToLeave(.masterGone)
        case .terminate: stage = .leaving(.terminated)
        case .idleLimit: limits.idleTimerFired()
        case .retirement: isToLeave(.timeToRetire)
        case .statusRoom: thereIsRoom()
        case .tryAgain: resume()
        case .look: lookNow()
        case .client, .sender, .clientLimit, .inFlowDelay: preconditionFailure("a token of a connection")
        case .finishLimit: preconditionFailure("a token of a server with many connections")
        case .connectLimit, .serviceTimer, .serviceDescriptor, .masterLook:
            preconditionFailure("a token of an event server")
        }
    }

    /// For a server that waits for nothing else.
    mutating func handleAll() {
        while let occurrence = loop.next() { handle(occurrence.token) }
    }

    /// Whether there may be a client for this process to accept.
    var mayAccept: Bool { listeners.hasReady && !isLeaving }

    var isLeaving: Bool {
        if case .leaving = stage { return true }
        return false
    }

    /// There is a reason to leave. One that finishes for another reason already is not hurried.
    mutating func isToLeave(_ reason: Reason) {
        switch stage {
        case .finishing, .leaving: break
        case .serving, .paused, .looking, .lastClients: stage = .leaving(reason)
        }
    }

    // MARK: work

    /// The first work of a turn makes us busy, whichever client asked for it.
    @inline(__always)
    mutating func beginWork() { status.becomeBusy() }

    /// The turn's work is done. A process that accepts nothing new stays busy, so that others are asked.
    mutating func endWork() {
        switch stage {
        case .serving, .looking, .leaving: report(status.becomeIdle())
        case .paused, .lastClients, .finishing: break
        }
    }

    /// Whether turns that follow one another may share one report.
    var isBusyForNow: Bool {
        if case .serving = stage { return status.isBusy }
        return false
    }

    mutating func staysBusy() { status.repeatTaken() }

    /// Something came from an endpoint.
    mutating func acceptedWork() {
        listeners.gaveSomething()
        if case .looking(let limit, _) = stage { stage = .looking(limit, hasFound: true) }
    }

    /// Something is done with: a client has left, or datagrams were dealt with.
    mutating func finished(_ uses: Int) { limits.count(uses) }

    /// No client is connected from `moment` on.
    mutating func becameIdle(_ moment: LoopTime) { limits.becameIdle(moment) }

    // MARK: the end

    /// The process goes on for a while without being woken for anybody. There may still be a client that we were woken
    /// for before.
    ///
    /// - Parameter looks: whether that one is accepted, because it can be served to its end.
    mutating func finishSlowly(_ reason: Reason, looks: Bool) {
        listeners.unregister(&loop)
        if looks { listeners.areAllReady() }
        stage = .finishing(reason)
        status.becomeBusy()
        ignoreMaster()
    }

    /// Gives the endpoints up for good: a socket that is open here, and from which nobody accepts, would keep clients
    /// that could go elsewhere.
    mutating func abandonListeners() {
        do throws(SystemError) {
            try listeners.abandon(&loop)
        } catch {
            log.verbose(1, "close endpoints: \(error.reason)")
        }
    }

    /// The channel says nothing new any more, and would say so each turn.
    mutating func ignoreMaster() {
        if let watch = masterWatch.take() { loop.remove(watch) }
    }

    /// The service wants a fresh process to go on in place of this one. Clients that wait are left to that one.
    mutating func retire(_ why: String) {
        log.info(why)
        stage = .leaving(.retired)
    }

    /// The last act, before the process exits with status 0.
    mutating func finish() {
        _ = status.becomeIdle()
        guard case .leaving(let reason) = stage else { return log.finish() }
        switch reason {
        case .masterGone: log.verbose(1, "master disconnect -- exiting")
        case .idle: log.verbose(1, "idle timeout -- exiting")
        case .timeToRetire: log.verbose(1, "time to retire -- exiting")
        case .usedUp, .retired, .terminated: break
        }
        log.finish()
        if reason == .terminated, circumstances.conductor == nil {
            // The exit status is that of the signal.
            try? Signal.terminate.restoreDefault()
            try? sendSignal(.terminate, to: processID())
        }
    }
}

/// Ends the process as one that did its work.
@usableFromInline func endServer() -> Never { exitProcess(ExitCode.success) }

/// Programs that a service starts have no business with our channels.
private func closeInheritedOnExec(listeners: Int) throws(SystemError) {
    for number in InheritedDescriptor.flowRead..<InheritedDescriptor.firstListener + Int32(listeners) {
        try DescriptorNumber(number).setCloseOnExec(true)
    }
}
