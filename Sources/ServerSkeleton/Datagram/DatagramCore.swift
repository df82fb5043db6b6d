//===----------------------------------------------------------------------===//
// Quartermaster: DatagramCore, receiving without what the bytes mean
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import MasterConfig
import MasterProtocol
import SystemCalls
import WorkerPage

/// Everything about datagrams that does not depend on the service: waits, receives, and sends the answers. It never
/// looks at what the bytes mean.
///
/// Of `unix-dgram`, one process of the service waits at a time, with the service lock, as Postfix's do. Of `udp` all of
/// them wait, and the kernel wakes one: each hears at once that master is gone and works by its clock, and a turn takes
/// fewer system calls. That needs a master that looks after datagrams whose process ends instead, and only such a one
/// knows the type.
struct DatagramCore: ~Copyable {
    /// Batches received in one turn at most, so that master and the clock are heard in a flood.
    private static let rounds = 16

    private var life: ChildLife
    private var turns: ServiceTurns
    private var inFlowDelay: InFlowDelay
    /// Datagrams of this turn, so far.
    private var received = 0

    init(_ circumstances: Circumstances, _ counts: consuming WorkerRow, lock: consuming ServiceLock?) {
        life = ChildLife(circumstances, counts, capacity: 16, batch: Self.rounds)
        inFlowDelay = InFlowDelay(circumstances)
        turns = ServiceTurns(lock)
        life.start(handlesTermination: true)
    }

    /// What the kernel lets wait in a UNIX-domain socket. Asked before a chroot.
    static func queueLength() -> Int {
        let text = (try? readFile("/proc/sys/net/unix/max_dgram_qlen"))?.bytes ?? []
        let queue = LeadingInteger(text[...])
        return queue.hasDigits ? queue.value : 10
    }

    /// Datagrams that are received at once: what may wait, and the one that a blocked sender adds. A UDP socket has
    /// room for more than is worth the memory. Large ones are received in smaller batches.
    static func batchCapacity(_ transport: Transport?, queueLength: Int, datagramSize: Int) -> Int {
        let wanted = transport == .udp ? 64 : min(max(queueLength + 2, 12), 128)
        return min(wanted, max(Self.batchMemory / datagramSize, 12))
    }

    private static let batchMemory = 1 << 20

    var time: ServiceTime { life.time }

    mutating func nextStep() -> LifeStep { life.nextStep(hasClients: false) }

    mutating func wait(atMost seconds: Int?) { turns.turn(&life, atMost: seconds) }

    /// Whether datagrams are waiting. Those that came before master went, or before SIGTERM, are received yet.
    var mayReceive: Bool { life.listeners.hasReady }

    /// Receives what is there, up to a limit; nothing when that was all for this turn.
    mutating func receive(into datagrams: inout Datagrams) -> Reception {
        turns.end(&life)
        while let socket = life.listeners.next() {
            do throws(SystemError) {
                let count = try datagrams.batch.receive(from: socket)
                if count > 0 {
                    begin(count, bytes: datagrams.batch.byteCount)
                    return .some
                }
            } catch  where error.isAboutPeer {
                // An earlier answer has not arrived. The kernel says so once.
                life.listeners.gaveSomething()
                continue
            } catch {
                // Without a pause the same error would come again at once, and again.
                life.warn(.receive, "receive: \(error.reason) -- receiving no datagrams for a moment")
                life.pause()
                return .nothing
            }
            life.listeners.wasEmpty()
        }
        return .nothing
    }

    private mutating func begin(_ count: Int, bytes: Int) {
        life.acceptedWork()
        life.beginWork()
        life.finished(count)
        life.becameIdle(life.loop.now)
        received &+= count
        life.counts.count(.requests, count)
        life.counts.count(.received, bytes)
        inFlowDelay.wait()
    }

    /// After the handler. What cannot be sent now is lost: to wait for one receiver would keep all others waiting.
    mutating func sendReplies(of datagrams: inout Datagrams) {
        datagrams.replies?.send()
        guard let sent = datagrams.replies?.takeSentBytes() else { return }
        life.counts.count(.sent, sent)
        guard let losses = datagrams.replies?.takeLosses() else { return }
        let target = losses.origin.map { DatagramSender($0).description } ?? "an unknown address"
        let many = losses.count == 1 ? "a datagram to \(target)" : "\(losses.count) datagrams, the last to \(target)"
        life.warn(.reply, "cannot send \(many): \(losses.reason) -- not sent")
    }

    mutating func finishRequests() {
        life.countTurn(requests: received)
        received = 0
        life.endWork()
    }

    mutating func retire(_ why: String) { life.retire(why) }

    mutating func finish() { life.finish() }
}

extension SystemError {
    /// What the network has reported of a datagram that was sent before. Who asks a socket for it or connects it hears
    /// it at the next call, whatever that is.
    fileprivate var isAboutPeer: Bool {
        switch code {
        case .connectionRefused, .noRouteToHost, .hostIsDown, .networkUnreachable, .networkDown, .protocolError,
            .messageTooLong:
            true
        default: false
        }
    }
}
