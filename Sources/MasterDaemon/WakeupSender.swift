//===----------------------------------------------------------------------===//
// Quartermaster: doing what a client does, to get a process started
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterConfig
import MasterPolicy
import MasterProtocol
import SystemCalls

/// Sends wake-ups without ever waiting: connects, writes `W` (and a NUL to sockets), and keeps the connection until the
/// peer closes it or its time is up. The byte goes through the service's own endpoint, like any client's.
struct WakeupSender: ~Copyable {
    struct Wakeup: ~Copyable {
        let plan: ServicePlan
        let socket: Descriptor
        var watch: WatchID?
        var deadline: WatchID?
        var isConnecting: Bool
        /// Addresses to try when this one fails.
        var others: [SocketAddress]
    }

    private var wakeups = Slab<Wakeup>(capacity: 16)
    /// How long connecting or writing may take.
    private static let writeSeconds = 1
    /// How long a connection is kept for a peer that does not close it; longer than the receiver of a passed one waits.
    private static let lingerSeconds = ProtocolLimit.passReceiveSeconds + 1

    /// What went wrong, for the log.
    typealias Problem = String

    /// Starts one wake-up; nil: it is on its way.
    mutating func send(to plan: ServicePlan, owner: MailOwner, loop: inout EventLoop, log: Log) -> Problem? {
        switch plan.endpoint {
        case .path(let path, .fifo): return owner.perform(log) { Self.wakeFifo(path, plan) }
        // master.cf cannot ask for it of udp.
        case .path(_, .unixDatagram), .udp: return Self.problem(plan, "Operation not supported")
        case .path(let path, _):
            return SocketAddress(unixPath: path).flatMap { connect(plan, [$0], loop: &loop) }
        case .inet(let addresses):
            return connect(plan, addresses.map(Self.reachable), loop: &loop)
        }
    }

    /// A connection became writable or readable.
    mutating func advance(_ slot: SlotID, loop: inout EventLoop) -> Problem? {
        guard wakeups.contains(slot) else { return nil }
        guard wakeups[slot].isConnecting else {
            // The peer has closed, or says something unasked: either way it is awake.
            close(slot, loop: &loop)
            return nil
        }
        do throws(SystemError) {
            if let failure = try wakeups[slot].socket.number.pendingError() { throw failure }
            try write(slot, loop: &loop)
            return nil
        } catch {
            return tryNext(slot, error.reason, loop: &loop)
        }
    }

    /// A connection's time is up.
    mutating func expire(_ slot: SlotID, loop: inout EventLoop) -> Problem? {
        guard wakeups.contains(slot) else { return nil }
        if wakeups[slot].isConnecting { return tryNext(slot, "Connection timed out", loop: &loop) }
        let plan = wakeups[slot].plan
        close(slot, loop: &loop)
        return "\(plan.entry.type.rawValue)_trigger_event: read timeout for service \(plan.identity.canonicalName)"
    }

    /// Services whose wake-up has not been written yet. One that has been is with the service, whatever comes.
    var unsent: [ServiceIdentity] {
        mutating get {
            (0..<wakeups.capacity).compactMap { index in
                wakeups.id(at: index).flatMap { slot in
                    wakeups.withElement(slot) { $0.isConnecting ? $0.plan.identity : nil } ?? nil
                }
            }
        }
    }

    // MARK: steps

    /// Tries the addresses in turn until a connect works or is under way.
    private mutating func connect(
        _ plan: ServicePlan,
        _ addresses: [SocketAddress],
        loop: inout EventLoop
    ) -> Problem? {
        var reason = "no address"
        for (index, address) in addresses.enumerated() {
            var triesLeft = Self.triesAfterHangUp
            while true {
                do throws(SystemError) {
                    try connect(plan, to: address, others: Array(addresses[(index + 1)...]), loop: &loop)
                    return nil
                } catch {
                    reason = error.reason
                    triesLeft -= 1
                    if !error.isHangUp || triesLeft == 0 { break }
                }
            }
        }
        return Self.problem(plan, reason)
    }

    /// A process on its way out may take the connection and close it unread; the next one goes to its successor.
    private static var triesAfterHangUp: Int { 3 }

    private mutating func connect(
        _ plan: ServicePlan,
        to address: SocketAddress,
        others: [SocketAddress],
        loop: inout EventLoop
    ) throws(SystemError) {
        let socket = try makeSocket(address.family, .stream)
        let number = socket.number
        try number.setNonBlocking(true)
        var isConnecting = false
        do throws(SystemError) {
            try number.connect(to: address)
        } catch {
            guard error.code == .nowInProgress else { throw error }
            isConnecting = true
        }
        if wakeups.count == wakeups.capacity { wakeups.reserve(wakeups.capacity * 2) }
        let slot = wakeups.insert(
            Wakeup(
                plan: plan,
                socket: socket,
                watch: nil,
                deadline: nil,
                isConnecting: isConnecting,
                others: others
            )
        )
        guard let slot else { return }
        let limit = isConnecting ? Self.writeSeconds : Self.lingerSeconds
        let deadline = loop.makeTimer(token: MasterEvent.wakeupDeadline.token(slot))
        loop.arm(deadline, milliseconds: Int64(limit) * 1000)
        wakeups[slot].deadline = deadline
        do throws(SystemError) {
            if isConnecting {
                try watch(slot, number, for: .writable, loop: &loop)
            } else {
                try write(slot, loop: &loop)
            }
        } catch {
            close(slot, loop: &loop)
            throw error
        }
    }

    private mutating func watch(
        _ slot: SlotID,
        _ number: DescriptorNumber,
        for interest: Interest,
        loop: inout EventLoop
    ) throws(SystemError) {
        let watch = try loop.watch(number, for: interest, token: MasterEvent.wakeupReady.token(slot))
        if let old = wakeups[slot].watch { loop.remove(old) }
        wakeups[slot].watch = watch
    }

    /// Connected: says the word, and lingers.
    private mutating func write(_ slot: SlotID, loop: inout EventLoop) throws(SystemError) {
        let number = wakeups[slot].socket.number
        if wakeups[slot].plan.entry.type == .pass {
            // Both ends close here: the receiver has its own, and finds the bytes and then the end of file.
            let pipe = try makePipe(nonBlocking: true)
            try number.pass(pipe.first.number)
            try Self.sayWord(to: pipe.second.number)
        } else {
            try Self.sayWord(to: number)
        }
        if let old = wakeups[slot].watch { loop.remove(old) }
        wakeups[slot].watch = nil
        wakeups[slot].isConnecting = false
        try watch(slot, number, for: .readable, loop: &loop)
        if let deadline = wakeups[slot].deadline {
            loop.arm(deadline, milliseconds: Int64(Self.lingerSeconds) * 1000)
        }
    }

    private static func sayWord(to target: DescriptorNumber) throws(SystemError) {
        _ = try target.write([TriggerByte.wakeup.rawValue])
        // Who has read the word may have closed by now.
        _ = try? target.write([0])
    }

    private mutating func tryNext(_ slot: SlotID, _ reason: String, loop: inout EventLoop) -> Problem? {
        let (plan, others) = (wakeups[slot].plan, wakeups[slot].others)
        close(slot, loop: &loop)
        return others.isEmpty ? Self.problem(plan, reason) : connect(plan, others, loop: &loop)
    }

    private mutating func close(_ slot: SlotID, loop: inout EventLoop) {
        guard let wakeup = wakeups.remove(slot) else { return }
        if let watch = wakeup.watch { loop.remove(watch) }
        if let deadline = wakeup.deadline { loop.remove(deadline) }
    }

    private static func wakeFifo(_ path: String, _ plan: ServicePlan) -> Problem? {
        do throws(CarefulOpenError) {
            let fifo = try openCarefully(path, [.writeOnly, .nonBlocking], mode: 0)
            _ = try? fifo.number.write([TriggerByte.wakeup.rawValue])
            return nil
        } catch {
            return problem(plan, error.reason)
        }
    }

    /// Where a listener on `address` is reached from this machine.
    private static func reachable(_ address: SocketAddress) -> SocketAddress {
        guard address.hostBytes.allSatisfy({ $0 == 0 }) else { return address }
        return address.family == .ipv4
            ? SocketAddress(ipv4: [127, 0, 0, 1], port: address.port)
            : SocketAddress(ipv6: [UInt8](repeating: 0, count: 15) + [1], port: address.port)
    }

    private static func problem(_ plan: ServicePlan, _ reason: String) -> Problem {
        "master_wakeup_timer_event: service \(plan.shown.name)(\(plan.shown.canonical)): \(reason)"
    }
}

extension SystemError {
    /// The peer has closed the connection before it read what was written.
    fileprivate var isHangUp: Bool { code == .brokenPipe || code == .connectionReset }
}
