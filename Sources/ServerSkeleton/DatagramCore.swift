//===----------------------------------------------------------------------===//
// Quartermaster: waiting for datagrams
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterConfig
import MasterProtocol
import SystemCalls

/// Everything about datagrams that does not depend on the service: takes turns with siblings, waits, receives, reports
/// to master, watches the limits. It never looks at what the bytes mean.
struct DatagramCore: ~Copyable {
    private enum Kind {
        static let master: UInt32 = 1
        static let socket: UInt32 = 2
        static let idle: UInt32 = 3
        static let terminate: UInt32 = 4
    }

    /// Batches received in one turn at most, so that master and the clock are heard in a flood.
    private static let rounds = 16

    private let log: Log
    private var loop: EventLoop
    private var sockets: [DescriptorNumber] = []
    private var ready: [DescriptorNumber] = []
    private var roundsLeft = 0
    private var status: StatusReporter
    private var limits: UseAndIdleLimits
    private var lock: ServiceLock?
    private var inFlowDelaySeconds = 0
    private var isEnding = false
    private var wasTerminated = false
    /// Which of the ready sockets is next: they take turns.
    private var place = 0

    init(
        _ log: Log,
        _ limits: UseAndIdleLimits,
        _ status: StatusReporter,
        lock: consuming ServiceLock?
    ) {
        self.log = log
        self.limits = limits
        self.status = status
        self.lock = lock
        do throws(SystemError) {
            loop = try EventLoop(capacity: 16)
        } catch {
            log.fatal(error.call.rawValue, error)
        }
    }

    /// What the kernel lets wait in a socket, and the one that a blocked sender adds. Asked before a chroot.
    static func batchCapacity() -> Int {
        let text = (try? readFile("/proc/sys/net/unix/max_dgram_qlen"))?.bytes ?? []
        let queue = Int(String(decoding: text.prefix { $0 > 32 }, as: UTF8.self)) ?? 10
        return min(max(queue + 2, 12), 128)
    }

    var time: ServiceTime { ServiceTime(loop.now) }

    mutating func start<S: Service & ~Copyable>(_ started: borrowing StartedServer<S>) {
        if started.demands.contains(.inFlowDelay) { inFlowDelaySeconds = started.settings.inFlowDelay }
        do throws(SystemError) {
            let channel = DescriptorNumber(InheritedDescriptor.status)
            _ = try loop.watch(channel, for: .readable, token: EventToken(kind: Kind.master))
            // Datagrams that were received are handled before a signal to end is obeyed.
            _ = try loop.watchSignal(.terminate, token: EventToken(kind: Kind.terminate))
            for index in 0..<started.socketCount {
                let socket = DescriptorNumber(InheritedDescriptor.firstListener + Int32(index))
                let token = EventToken(kind: Kind.socket, index: UInt32(index))
                _ = try loop.watch(socket, for: .readableExclusively, token: token)
                sockets.append(socket)
            }
            ready.reserveCapacity(sockets.count)
            try closeInheritedOnExec(listeners: started.socketCount)
            try Watchdog.start(seconds: UInt32(max(started.watchdogSeconds, 3)))
        } catch {
            log.fatal(error.call.rawValue, error)
        }
        log.prepareLastWords("watchdog timeout")
        limits.startIdleTimer(&loop, token: EventToken(kind: Kind.idle))
        forgetStart()
    }

    // MARK: the loop

    mutating func goesOn() -> Bool {
        if limits.isIdleTooLong(&loop, isInUse: false) {
            log.verbose(1, "idle timeout -- exiting")
            isEnding = true
        }
        return !isEnding && !limits.isUsedUp
    }

    mutating func wait(atMost seconds: Int?) {
        if log.hasPending { log.flush() }
        lock?.take(log)
        Watchdog.waitBegins()
        do throws(SystemError) {
            try loop.turn(waitingAtMost: seconds.map { Int64($0) * 1000 })
        } catch {
            log.fatal("event loop", error)
        }
        Watchdog.waitEnded()
    }

    /// Whether datagrams are waiting. Work comes before the news that master is gone.
    mutating func hasWork() -> Bool {
        while let occurrence = loop.next() {
            switch occurrence.token.kind {
            case Kind.socket: ready.append(sockets[Int(occurrence.token.index)])
            case Kind.idle: limits.idleTimerFired()
            case Kind.terminate:
                wasTerminated = true
                isEnding = true
            default:
                log.verbose(1, "master disconnect -- exiting")
                isEnding = true
            }
        }
        roundsLeft = Self.rounds
        return !ready.isEmpty
    }

    /// Receives what is there, up to a limit. False when that was all for this turn.
    mutating func receive(into datagrams: inout Datagrams) -> Bool {
        lock?.release(log)
        while !ready.isEmpty {
            place = (place + 1) % ready.count
            let socket = ready[place]
            do throws(SystemError) {
                let count = roundsLeft > 0 && !limits.isUsedUp ? try datagrams.batch.receive(from: socket) : 0
                if count > 0 {
                    roundsLeft -= 1
                    begin(count)
                    return true
                }
            } catch {
                log.warning("receive: \(error.reason)")
            }
            ready.remove(at: place)
        }
        return false
    }

    private mutating func begin(_ count: Int) {
        status.take()
        limits.count(count)
        limits.becameIdle(loop.now)
        if inFlowDelaySeconds > 0, !TokenPipe.get(log) { pause(milliseconds: UInt32(inFlowDelaySeconds) * 1000) }
    }

    /// A turn's work is done; failing to say so means that master is gone.
    mutating func finishRequests() {
        if !status.release() { isEnding = true }
    }

    mutating func retire(_ why: String) {
        log.info(why)
        isEnding = true
    }

    /// The end of the log, and of the process if a signal asked for it: its status is then that of the signal.
    func finish() {
        log.finish()
        guard wasTerminated else { return }
        try? Signal.terminate.restoreDefault()
        try? sendSignal(.terminate, to: processID())
    }
}
