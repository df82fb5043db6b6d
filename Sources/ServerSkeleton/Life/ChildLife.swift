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

    enum Reason {
        case masterGone, idle, usedUp, retired, timeToRetire, terminated
        /// The test that moves this server is over: nobody is asked, and nothing is finished.
        case abandoned
    }

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
    var masterWatch: WatchID?
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

    /// So many are done with, for whom the loop, and its clock, stood still.
    mutating func served(_ uses: Int) {
        becameIdle(LoopTime(nanoseconds: Clock.monotonicNanoseconds()))
        finished(uses)
        endWork()
    }

    /// No client is connected from `moment` on.
    mutating func becameIdle(_ moment: LoopTime) { limits.becameIdle(moment) }
}
