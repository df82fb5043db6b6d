//===----------------------------------------------------------------------===//
// Quartermaster: one thread's part of a run
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls

/// Clients on one event loop, from the first connect to the last account. It reads and writes nothing but its sockets.
///
/// A client goes on for as long as its calls succeed, then stands back in line; only one that finds nothing to read the
/// second time is registered with the event loop. A fast peer therefore costs the system calls of the exchange and
/// little else. All memory is there from the start: an exchange allocates nothing.
///
/// Here is who takes a step when; `Worker+Talk` makes the calls, `Worker+Account` counts, `Worker+Time` keeps to
/// the clock.
struct Worker: ~Copyable {
    enum Token: UInt32 {
        case client = 1
        case alarm
    }

    /// Steps between two looks at the event loop.
    static let stepsPerTurn = 64

    let plan: LoadPlan
    let traits: ShapeTraits
    let share: LoadShare
    let script: CompiledScript
    let link: WorkerLink
    /// Where to connect to; nil for a FIFO.
    let address: SocketAddress?

    var clients: [Client]
    /// What has arrived, `room` bytes for each client.
    var received: [UInt8]
    let room: Int
    var loop: EventLoop
    var nextSource: Int

    /// Clients that can take a step now.
    var line: SlotQueue
    /// Clients whose peer had a full queue.
    var retrying: SlotQueue
    /// Clients that wait for a moment, each queue with the earliest first: those turned away, and slow ones.
    var turnedAway: SlotQueue
    var pausing: SlotQueue
    var wakes: [Int64]
    /// Clients of an open loop that wait for the next intended start.
    var free: SlotQueue
    /// When the last client came back while no other was free: what was due before found none.
    var freeSince: Int64 = 0
    let isOpenLoop: Bool
    var starts: StartClock

    var watchCount = 0
    var openCount = 0
    /// Clients that are not through with everything.
    var working: Int
    /// No exchange begins any more.
    var isStopping = false
    var time: RunTime
    var lastError: SystemError?
    var account = Account()

    init(_ plan: LoadPlan, share: LoadShare, link: WorkerLink) throws(SystemError) {
        self.plan = plan
        traits = plan.shape.traits
        self.share = share
        self.link = link
        script = CompiledScript(plan.script)
        address = plan.target.address
        clients = [Client](repeating: Client(), count: share.clients)
        room = script.replyRoom
        received = [UInt8](repeating: 0, count: share.clients * room)
        loop = try EventLoop(capacity: share.clients + 4)
        line = SlotQueue(capacity: share.clients)
        retrying = SlotQueue(capacity: share.clients)
        turnedAway = SlotQueue(capacity: share.clients)
        pausing = SlotQueue(capacity: share.clients)
        free = SlotQueue(capacity: share.clients)
        wakes = [Int64](repeating: 0, count: share.clients)
        working = share.clients
        nextSource = plan.sources.isEmpty ? 0 : share.index * plan.sources.count / plan.threads
        time = RunTime(plan: plan)
        isOpenLoop = plan.pace != nil
        starts = StartClock(plan.pace ?? RateProfile(constant: 0), plan: plan, share: share)
    }

    deinit {
        for index in clients.indices where clients[index].phase != .unconnected {
            _ = Descriptor(owning: clients[index].number)
        }
        if let alarm = starts.alarm { _ = Descriptor(owning: alarm) }
    }

    /// Does it all, from `start` on.
    mutating func run(from start: Int64) throws(SystemError) -> WorkerResult {
        time.begin(at: start)
        if isOpenLoop {
            try starts.begin(at: start, measuringFrom: time.measureFrom)
            if let alarm = starts.alarm {
                _ = try loop.watch(alarm, for: .readable, token: EventToken(kind: Token.alarm.rawValue))
            }
        }
        for slot in clients.indices {
            if isOpenLoop { free.append(slot) } else { line.append(slot) }
        }
        while working > 0 {
            try takeSteps()
            if working > 0 { try pollEvents() }
            if link.isAborting {
                abandonAll()
                break
            }
        }
        return WorkerResult(account: account, time)
    }

    // MARK: steps

    private mutating func takeSteps() throws(SystemError) {
        for _ in 0..<Self.stepsPerTurn {
            guard let slot = line.popFirst() else { return }
            try step(slot)
        }
    }

    mutating func step(_ slot: Int) throws(SystemError) {
        if !clients[slot].isBusy {
            let now = Clock.monotonicNanoseconds()
            if !mayBegin(at: now) { return retire(slot) }
            begin(slot, at: now, intended: now)
        }
        lastError = nil
        let progress: Progress
        do throws(SystemError) {
            progress = try proceed(slot)
        } catch {
            lastError = error
            return settle(slot, Outcome(of: error))
        }
        switch progress {
        case .later: standInLine(slot)
        case .blocked(let interest): try wait(slot, for: interest)
        case .retry: retry(slot)
        case .pause: pause(slot)
        case .done: try finish(slot)
        case .failed(let outcome): settle(slot, outcome)
        }
    }

    /// A client that awaits a reply and has a watcher anyway gets told; one without tries again soon.
    private mutating func standInLine(_ slot: Int) {
        if clients[slot].watch != nil, clients[slot].interest == .readable {
            clients[slot].isWaiting = true
        } else if clients[slot].body != nil, Clock.monotonicNanoseconds() >= clients[slot].deadline {
            // A body that goes on and on is never waited for, so that no sweep would find it.
            settle(slot, .timedOut)
        } else {
            line.append(slot)
        }
    }

    private mutating func finish(_ slot: Int) throws(SystemError) {
        if traits.holdsConnection, !isStopping { try hold(slot) } else { settle(slot, .answered) }
    }

    /// From now on an idle connection only has to stay.
    private mutating func hold(_ slot: Int) throws(SystemError) {
        clients[slot].phase = .resting
        clients[slot].deadline = .max
        account.note(clients[slot], at: Clock.monotonicNanoseconds(), isStream: true)
        try wait(slot, for: .readable)
    }

    /// Through with everything. The connections of a burst stay until the end.
    mutating func retire(_ slot: Int) {
        if !traits.staysToTheEnd { disconnect(slot) }
        working -= 1
    }

    private mutating func retry(_ slot: Int) {
        account.retried(clients[slot])
        if Clock.monotonicNanoseconds() >= clients[slot].deadline {
            settle(slot, .timedOut)
        } else {
            retrying.append(slot)
        }
    }

    // MARK: the event loop

    /// Collects what happened; waits when no client can go on.
    private mutating func pollEvents() throws(SystemError) {
        let now = Clock.monotonicNanoseconds()
        try handleDue(now)
        if watchCount > 0 || line.isEmpty || isOpenLoop {
            try loop.turn(waitingAtMost: line.isEmpty && working > 0 ? try patience(at: now) : 0)
            while let occurrence = loop.next() {
                switch Token(rawValue: occurrence.token.kind) {
                case .client?: try react(Int(occurrence.token.index))
                case .alarm?: starts.hasRung = true
                case nil: preconditionFailure("an event without a watcher")
                }
            }
        }
        try retryAll()
        link.deliverIfAsked(&account, open: openCount)
    }

    private mutating func react(_ slot: Int) throws(SystemError) {
        if clients[slot].isWaiting {
            clients[slot].isWaiting = false
            try step(slot)
        } else if !clients[slot].isBusy, clients[slot].interest == .readable {
            // The peer has closed, or speaks unasked, between two exchanges: the next one gets a new connection.
            disconnect(slot)
        }
    }

    private mutating func wait(_ slot: Int, for interest: Interest) throws(SystemError) {
        if traits.isConnectionless, interest == .writable { account.retried(clients[slot]) }
        clients[slot].isWaiting = true
        if clients[slot].watch != nil, clients[slot].interest == interest { return }
        unwatch(slot)
        let token = EventToken(kind: Token.client.rawValue, index: UInt32(slot))
        clients[slot].watch = try loop.watch(clients[slot].number, for: interest, token: token)
        clients[slot].interest = interest
        watchCount += 1
    }

    private mutating func unwatch(_ slot: Int) {
        guard let watch = clients[slot].watch else { return }
        loop.remove(watch)
        clients[slot].watch = nil
        watchCount -= 1
    }

    mutating func disconnect(_ slot: Int) {
        unwatch(slot)
        if clients[slot].phase == .unconnected { return }
        if clients[slot].isConnected { openCount -= 1 }
        if plan.closesWithReset { try? clients[slot].number.resetsOnClose() }
        _ = Descriptor(owning: clients[slot].number)
        clients[slot].phase = .unconnected
    }

    /// Tries those whose peer had no room, until one of them finds that it still has none.
    private mutating func retryAll() throws(SystemError) {
        let before = retrying.count
        for _ in 0..<before {
            guard let slot = retrying.popFirst() else { return }
            let waiting = retrying.count
            try step(slot)
            if retrying.count > waiting { return }
        }
    }
}
