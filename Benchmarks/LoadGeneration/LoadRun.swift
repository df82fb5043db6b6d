//===----------------------------------------------------------------------===//
// Quartermaster: LoadGeneration, clients that load a service and account for every exchange
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
package import SystemCalls

/// One run of a plan, on one thread and one event loop, from the first connect to the report.
///
/// A client goes on for as long as its calls succeed, then stands back in line; only one that finds nothing to read the
/// second time is registered with the event loop. A fast peer therefore costs the system calls of the exchange and
/// little else. The run decides who steps when, what is counted, and when it is over; it reads and writes nothing.
package final class LoadRun {
    private enum Token {
        static let client: UInt32 = 1
        static let signal: UInt32 = 2
    }

    /// Steps between two looks at the event loop.
    private static let stepsPerTurn = 64
    /// How long a client waits that was turned away.
    private static let restNanoseconds: Int64 = 10_000_000

    private let plan: LoadPlan
    private let sources: [SocketAddress]
    private var nextSource = 0
    private let clients: [Client]
    private var loop: EventLoop

    /// Clients that can take a step now.
    private var line: SlotQueue
    /// Clients whose peer had a full queue.
    private var retrying: SlotQueue
    /// Clients that were turned away, the longest resting first, and until when each rests.
    private var resting: SlotQueue
    private var restsUntil: [Int64]
    private var watchCount = 0
    private var working: Int
    private var isStopping = false
    private var isAborting = false

    private var started: Int64 = 0
    private var lastSweep: Int64 = 0
    private var ledger = Ledger()
    private var latencies = Latencies()
    private var firstByteLatencies = Latencies()
    private var firstProblem: String?

    package init(_ plan: LoadPlan) throws(SystemError) {
        precondition(plan.clients > 0)
        self.plan = plan
        sources = plan.target.sources
        clients = (0..<plan.clients).map { _ in Client(plan: plan) }
        loop = try EventLoop(capacity: plan.clients + 4)
        line = SlotQueue(capacity: plan.clients)
        retrying = SlotQueue(capacity: plan.clients)
        resting = SlotQueue(capacity: plan.clients)
        restsUntil = [Int64](repeating: 0, count: plan.clients)
        working = plan.clients
    }

    /// Does it all.
    package func run() throws(SystemError) -> LoadReport {
        if plan.stopsOnSignals {
            // Whoever started us may have left them blocked.
            try unblockAllSignals()
            _ = try loop.watchSignal(.interrupt, token: EventToken(kind: Token.signal))
            _ = try loop.watchSignal(.terminate, token: EventToken(kind: Token.signal))
        }
        started = Clock.monotonicNanoseconds()
        lastSweep = started
        for slot in clients.indices { line.append(slot) }
        while working > 0, !isAborting {
            try takeSteps()
            if working > 0 { try look() }
        }
        return LoadReport(
            plan: plan,
            nanoseconds: Clock.monotonicNanoseconds() - started,
            ledger: ledger,
            latencies: latencies,
            firstByteLatencies: firstByteLatencies,
            firstProblem: firstProblem
        )
    }

    // MARK: steps

    private func takeSteps() throws(SystemError) {
        for _ in 0..<Self.stepsPerTurn {
            guard let slot = line.popFirst() else { return }
            try step(slot)
        }
    }

    private func step(_ slot: Int) throws(SystemError) {
        let client = clients[slot]
        if client.began == nil, !begin(client) { return retire(client) }
        let source = client.isConnected ? nil : takeSource()
        switch client.proceed(from: source) {
        case .later(let interest):
            if client.watch != nil, client.interest == interest { client.isWaiting = true } else { line.append(slot) }
        case .blocked(let interest): try wait(slot, for: interest)
        case .retry: retry(slot)
        case .finished(let outcome): settle(slot, outcome)
        }
    }

    /// Opens the next exchange, unless there is none any more.
    private func begin(_ client: Client) -> Bool {
        let now = Clock.monotonicNanoseconds()
        if isStopping || ledger.opened >= plan.limit.exchanges || now - started >= plan.limit.nanoseconds {
            return false
        }
        if !client.isConnected { ledger.connections += 1 }
        ledger.open()
        client.begin(at: now)
        return true
    }

    private func retire(_ client: Client) {
        disconnect(client)
        working -= 1
    }

    private func takeSource() -> SocketAddress? {
        if sources.isEmpty { return nil }
        nextSource = nextSource + 1 == sources.count ? 0 : nextSource + 1
        return sources[nextSource]
    }

    private func retry(_ slot: Int) {
        ledger.retries += 1
        if isOverdue(clients[slot], at: loop.now.nanoseconds) {
            settle(slot, .timedOut)
        } else {
            retrying.append(slot)
        }
    }

    private func settle(_ slot: Int, _ outcome: Outcome) {
        let client = clients[slot]
        let now = Clock.monotonicNanoseconds()
        ledger.settle(outcome)
        if let latency = client.takeFirstByteLatency() { firstByteLatencies.record(nanoseconds: latency) }
        if outcome == .answered, let began = client.began { latencies.record(nanoseconds: now - began) }
        if outcome.isFailure, firstProblem == nil { firstProblem = describe(outcome, of: client) }
        client.end()
        if plan.mode == .storm || outcome != .answered { disconnect(client) }
        if outcome.wantsRest {
            restsUntil[slot] = now + Self.restNanoseconds
            resting.append(slot)
        } else {
            line.append(slot)
        }
    }

    private func describe(_ outcome: Outcome, of client: Client) -> String {
        if let error = client.lastError { return "\(outcome.name): \(error)" }
        return "\(outcome.name), after \"\(EscapedText.show(client.receivedBytes.prefix(200)))\""
    }

    // MARK: the event loop

    /// Collects what happened; waits when nobody has anything to do.
    private func look() throws(SystemError) {
        let hasNothingToAsk = watchCount == 0 && retrying.isEmpty && resting.isEmpty
        if hasNothingToAsk, !line.isEmpty, Clock.monotonicNanoseconds() - lastSweep < sweepNanoseconds { return }
        try loop.turn(waitingAtMost: !line.isEmpty ? 0 : retrying.isEmpty ? sweepNanoseconds / 1_000_000 : 1)
        while let occurrence = loop.next() {
            if occurrence.token.kind == Token.signal {
                isAborting = isStopping
                isStopping = true
            } else if clients[Int(occurrence.token.index)].isWaiting {
                clients[Int(occurrence.token.index)].isWaiting = false
                try step(Int(occurrence.token.index))
            }
        }
        try retryAll()
        sweep()
    }

    private func wait(_ slot: Int, for interest: Interest) throws(SystemError) {
        let client = clients[slot]
        if plan.mode == .datagrams { ledger.retries += 1 }
        client.isWaiting = true
        if client.watch != nil, client.interest == interest { return }
        unwatch(client)
        let token = EventToken(kind: Token.client, index: UInt32(slot))
        client.watch = try loop.watch(client.number, for: interest, token: token)
        client.interest = interest
        watchCount += 1
    }

    private func unwatch(_ client: Client) {
        guard let watch = client.watch else { return }
        loop.remove(watch)
        client.watch = nil
        watchCount -= 1
    }

    private func disconnect(_ client: Client) {
        unwatch(client)
        client.close()
    }

    /// Tries those whose peer had no room, until one of them finds that it still has none.
    private func retryAll() throws(SystemError) {
        let before = ledger.retries
        while ledger.retries == before, let slot = retrying.popFirst() { try step(slot) }
    }

    // MARK: time

    /// How often timeouts and rests are looked after.
    private var sweepNanoseconds: Int64 { max(min(plan.timeoutNanoseconds / 10, Self.restNanoseconds), 1_000_000) }

    private func isOverdue(_ client: Client, at now: Int64) -> Bool {
        guard let began = client.began else { return false }
        return now - began >= plan.timeoutNanoseconds
    }

    private func sweep() {
        let now = loop.now.nanoseconds
        if now - lastSweep < sweepNanoseconds { return }
        lastSweep = now
        while let slot = resting.head, restsUntil[slot] <= now || isStopping {
            _ = resting.popFirst()
            line.append(slot)
        }
        for slot in clients.indices where clients[slot].isWaiting && isOverdue(clients[slot], at: now) {
            settle(slot, .timedOut)
        }
    }
}
