//===----------------------------------------------------------------------===//
// Quartermaster: the connections of one process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterProtocol
import SystemCalls

/// Something that the owner of the core has to do: events as values, so that the service is never called from inside.
@usableFromInline enum StreamEvent {
    /// A client sent something, or hung up: `receive`.
    case input(ClientID)
    /// A client took its replies at last: `takeKept`.
    case resumed(ClientID)
    /// A passed connection is complete: greet it.
    case arrived(ClientID)
    /// A client is lost: leave it.
    case lost(ClientID)
}

/// Everything about connections that does not depend on the service: waits, accepts, reads, writes, keeps what waits,
/// reports to master, watches the limits. It never looks at what the bytes mean and never calls anybody.
///
/// Owner of all connections and of the event loop.
@usableFromInline struct StreamCore: ~Copyable {
    /// What libevent's tokens mean here.
    enum Kind {
        static let master: UInt32 = 1
        static let listener: UInt32 = 2
        static let client: UInt32 = 3
        static let pass: UInt32 = 4
        static let idle: UInt32 = 5
        static let sweep: UInt32 = 6
        static let acceptAgain: UInt32 = 7
        static let delay: UInt32 = 8
    }

    /// Room for connections at the start, and spare room that is kept free from then on.
    static let initialCapacity = 64
    static let spareCapacity = 32
    /// A turn in which so many clients asked something is likely to be followed by another at once.
    static let crowd = 4

    let log: Log
    let circumstances: Circumstances
    var loop: EventLoop
    var connections: Slab<Connection>
    var passes: Slab<PassReception>
    var blocks: BlockPool
    var listeners: Listeners
    var status: StatusReporter
    var limits: UseAndIdleLimits
    /// Clients that asked something in this turn, so far.
    private var askers = 0
    var waits = Waits()
    /// Clients that are over without having said so themselves.
    var doomed: [ClientID] = []
    /// Clients that wait for `in_flow_delay` to pass, in order.
    var delayed: [(id: SlotID, until: LoopTime)] = []
    /// Of the client that is about to be greeted.
    var attributes: PassAttributes?
    var delayTimer: WatchID?
    private var ending: Ending?

    /// Why the process ends.
    private enum Ending { case masterGone, idle, usedUp, retired }

    init(_ circumstances: consuming Circumstances, blockSize: Int) {
        log = circumstances.log
        self.circumstances = circumstances
        do throws(SystemError) {
            loop = try EventLoop(capacity: circumstances.isOneShot ? 1 : Self.initialCapacity)
        } catch {
            circumstances.log.fatal("\(error.call.rawValue)", error)
        }
        let capacity = circumstances.isOneShot ? 0 : Self.initialCapacity
        connections = Slab(capacity: capacity)
        passes = Slab(capacity: 0)
        blocks = BlockPool(blockSize: blockSize)
        listeners = Listeners()
        status = circumstances.status
        limits = circumstances.limits
        doomed.reserveCapacity(capacity)
    }

    @usableFromInline var isOneShot: Bool { circumstances.isOneShot }
    @usableFromInline var time: ServiceTime { ServiceTime(loop.now) }

    var hasClients: Bool { connections.count > 0 || passes.count > 0 }

    // MARK: the loop

    /// Starts watching. From here on master may go away at any moment.
    @usableFromInline mutating func start() {
        do throws(SystemError) {
            let channel = DescriptorNumber(InheritedDescriptor.status)
            _ = try loop.watch(channel, for: .readable, token: EventToken(kind: Kind.master))
            try listeners.open(circumstances, &loop)
            try closeInheritedOnExec(listeners: circumstances.socketCount)
            try Watchdog.start(seconds: UInt32(max(circumstances.watchdogSeconds, 3)))
        } catch {
            log.fatal(error.call.rawValue, error)
        }
        log.prepareLastWords("watchdog timeout")
        limits.startIdleTimer(&loop, token: EventToken(kind: Kind.idle))
        forgetStart()
    }

    /// Whether there is another turn. Connected clients keep a used-up process going.
    @usableFromInline mutating func goesOn() -> Bool {
        if limits.isIdleTooLong(&loop, isInUse: hasClients) {
            log.verbose(1, "idle timeout -- exiting")
            ending = ending ?? .idle
        }
        if limits.isUsedUp, !hasClients, ending == nil { ending = .usedUp }
        return ending == nil
    }

    @usableFromInline mutating func wait(atMost seconds: Int?) {
        if log.hasPending { log.flush() }
        if connections.capacity - connections.count < Self.spareCapacity {
            connections.reserve(connections.count + Self.spareCapacity)
            doomed.reserveCapacity(connections.capacity)
        }
        Watchdog.waitBegins()
        defer { Watchdog.waitEnded() }
        do throws(SystemError) {
            if status.isTaken, !listeners.isPaused {
                try loop.turn(waitingAtMost: 0)
                if loop.hasNext { return status.repeatTaken() }
                release()
            }
            try loop.turn(waitingAtMost: doomed.isEmpty && !isEnding ? seconds.map { Int64($0) * 1000 } : 0)
        } catch {
            log.fatal("event loop", error)
        }
    }

    /// What has to be done in this turn, one thing at a time.
    @usableFromInline mutating func nextEvent() -> StreamEvent? {
        while true {
            if let id = doomed.popLast() {
                if connections.contains(id.slot) { return .lost(id) }
            } else if let occurrence = loop.next() {
                if let event = event(occurrence) { return event }
            } else {
                return nil
            }
        }
    }

    private mutating func event(_ occurrence: Occurrence) -> StreamEvent? {
        switch occurrence.token.kind {
        case Kind.client:
            let id = ClientID(occurrence.token.slot)
            if case .readable = occurrence.what { return .input(id) }
            return carryOn(id)
        case Kind.listener: listeners.isReady(occurrence.token.index)
        case Kind.pass: return receivePassed(occurrence.token.slot).map { .arrived($0) }
        case Kind.master: ending = .masterGone
        default: timerFired(occurrence.token.kind)
        }
        return nil
    }

    private mutating func timerFired(_ kind: UInt32) {
        switch kind {
        case Kind.idle: limits.idleTimerFired()
        case Kind.sweep: sweep()
        case Kind.acceptAgain: resumeAccepting()
        case Kind.delay: endDelays()
        default: break
        }
    }

    /// The first request of a turn makes us busy, whoever's it is.
    @usableFromInline mutating func beginRequests() {
        askers &+= 1
        status.take()
    }

    /// The turn's requests are done. After a crowd we look first whether more of it waits: until nobody does, we are
    /// busy, and master hears nothing. A process that cannot accept stays busy, so that others are asked.
    @usableFromInline mutating func finishRequests() {
        let isCrowded = askers >= Self.crowd
        askers = 0
        if !listeners.isPaused, !isCrowded { release() }
    }

    private mutating func release() {
        if !status.release() { ending = .masterGone }
    }

    // MARK: ends

    /// The service wants a fresh process to take over.
    @usableFromInline mutating func retire(_ why: String) {
        log.info(why)
        ending = .retired
    }

    var isEnding: Bool { ending != nil }

    /// The last act of a voluntary end.
    @usableFromInline mutating func finish() {
        _ = status.release()
        if ending == .masterGone { log.verbose(1, "master disconnect -- exiting") }
        log.finish()
    }
}

/// Ends the process as one that did its work.
@usableFromInline func endServer() -> Never { exitProcess(ExitCode.success) }

/// Programs that a service starts have no business with our channels.
func closeInheritedOnExec(listeners: Int) throws(SystemError) {
    for number in InheritedDescriptor.flowRead..<InheritedDescriptor.firstListener + Int32(listeners) {
        try DescriptorNumber(number).setCloseOnExec(true)
    }
}

extension ClientID {
    init(_ slot: SlotID) { self.init(index: slot.index, generation: slot.generation) }

    var slot: SlotID { SlotID(index: index, generation: generation) }
}
