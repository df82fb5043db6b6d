//===----------------------------------------------------------------------===//
// Quartermaster: one client and where it stands in its exchange
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls
import SystemPackage

/// What a client wants after a step.
enum Step {
    /// Another try once the others have had their turn: the peer most likely needs only that long.
    case later(Interest)
    /// Nothing can be done until the descriptor is ready.
    case blocked(Interest)
    /// The peer's queue is full, and nothing will say when it no longer is.
    case retry
    case finished(Outcome)
}

/// One of the clients of a run. It makes the system calls of an exchange, each as early as it may succeed, and keeps
/// its place in between; when to take the next step, and what an outcome means, is decided by `LoadRun`.
///
/// All its memory is there from the start: an exchange allocates nothing.
final class Client {
    private enum Phase { case unconnected, connecting, ready, greeting, sending, replying }

    private let plan: LoadPlan
    private var socket: Descriptor?
    /// The number of `socket`, while there is one.
    private(set) var number = DescriptorNumber(-1)
    private var phase = Phase.unconnected
    private var received: [UInt8]
    private var receivedCount = 0
    private var sentCount = 0

    /// The event loop's watcher of `socket`, and what it waits for.
    var watch: WatchID?
    var interest = Interest.readable
    /// Whether an occurrence of the watcher is a reason to take a step.
    var isWaiting = false

    /// When the exchange under way began; nil between exchanges.
    private(set) var began: Int64?
    private var connectBegan: Int64 = 0
    /// From connect(2) to the first byte, until somebody takes it.
    private var firstByteLatency: Int64?
    private(set) var lastError: SystemError?

    init(plan: LoadPlan) {
        self.plan = plan
        let capacity = max(plan.script.greeting?.leastCapacity ?? 0, plan.script.reply?.leastCapacity ?? 0)
        received = [UInt8](repeating: 0, count: capacity + 1024)
    }

    var isConnected: Bool { phase != .unconnected && phase != .connecting }

    /// What has arrived and was not understood, for a message.
    var receivedBytes: ArraySlice<UInt8> { received[..<receivedCount] }

    func takeFirstByteLatency() -> Int64? {
        defer { firstByteLatency = nil }
        return firstByteLatency
    }

    /// Marks the start of an exchange; `proceed` takes its first step.
    func begin(at now: Int64) {
        began = now
        lastError = nil
        sentCount = 0
        receivedCount = 0
    }

    /// The exchange is over; the connection stays.
    func end() {
        began = nil
        isWaiting = false
    }

    /// Gives up the connection. Its watcher must be gone.
    func close() {
        socket = nil
        phase = .unconnected
    }

    /// As much of the exchange as can be done without waiting. `source`: where a new connection comes from.
    func proceed(from source: SocketAddress?) -> Step {
        do throws(SystemError) {
            switch phase {
            case .unconnected:
                try makeSocket(from: source)
                return try connect()
            case .connecting: return try connect()
            case .ready, .sending: return try send()
            case .greeting: return try receive(plan.script.greeting)
            case .replying: return try receive(plan.script.reply)
            }
        } catch {
            lastError = error
            return .finished(Outcome(of: error))
        }
    }

    // MARK: steps

    private func makeSocket(from source: SocketAddress?) throws(SystemError) {
        connectBegan = began ?? 0
        let kind: SocketKind = plan.mode == .datagrams ? .datagram : .stream
        let descriptor = try makeNonBlockingSocket(plan.target.address.family, kind)
        number = descriptor.number
        socket = consume descriptor
        phase = .connecting
        if let source { try number.bindSource(source) }
    }

    private func connect() throws(SystemError) -> Step {
        do throws(SystemError) {
            try number.connect(to: plan.target.address)
        } catch {
            // A UNIX listener's queue is full.
            if error.code == .resourceTemporarilyUnavailable, plan.target.address.family == .unix { return .retry }
            // On loopback TCP is connected by the time this call returns, whatever it says; elsewhere the first send
            // or receive waits and reports how it went.
            if error.code != .nowInProgress { throw error }
        }
        if plan.script.greeting == nil { return try send() }
        phase = .greeting
        return .later(.readable)
    }

    private func send() throws(SystemError) -> Step {
        phase = .sending
        while sentCount < plan.script.request.count {
            guard case .bytes(let count) = try number.send(plan.script.request, from: sentCount) else {
                return .blocked(.writable)
            }
            sentCount += count
        }
        if plan.script.reply == nil {
            phase = .ready
            return .finished(.answered)
        }
        phase = .replying
        receivedCount = 0
        return .later(.readable)
    }

    private func receive(_ expected: Pattern?) throws(SystemError) -> Step {
        guard let expected else { preconditionFailure("nothing was expected") }
        switch try number.receive(into: &received, from: receivedCount) {
        case .wouldBlock: return .blocked(.readable)
        case .endOfFile: return .finished(receivedCount == 0 ? .closedEarly : .shortReply)
        case .bytes(let count): receivedCount += count
        }
        noteFirstByte()
        switch expected.match(received, count: receivedCount) {
        case .wrong: return .finished(.wrongReply)
        case .incomplete: return receivedCount == received.count ? .finished(.wrongReply) : .later(.readable)
        case .complete: break
        }
        if phase == .greeting, !plan.script.request.isEmpty { return try send() }
        phase = .ready
        return .finished(.answered)
    }

    private func noteFirstByte() {
        if connectBegan == 0 { return }
        firstByteLatency = Clock.monotonicNanoseconds() - connectBegan
        connectBegan = 0
    }
}

extension Outcome {
    /// What a failed call makes of an exchange.
    init(of error: SystemError) {
        switch error.code {
        case .connectionRefused: self = .refused
        case .connectionReset, .brokenPipe: self = .reset
        case .timedOut: self = .timedOut
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem: self = .outOfDescriptors
        case .addressNotAvailable, .addressInUse, .resourceTemporarilyUnavailable: self = .outOfPorts
        case .noSuchFileOrDirectory: self = .noSuchSocket
        default: self = .other
        }
    }
}
