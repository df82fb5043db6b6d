//===----------------------------------------------------------------------===//
// Quartermaster: one thread's datagrams that are answered
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import LoadReports
import SystemCalls

/// Senders of datagrams on one event loop, each with some under way at a time, and what comes back. A reply belongs to
/// the datagram whose number it has; one that comes too late, twice or for no reason is counted as what it is, and
/// answers nothing. Datagrams get lost: whoever has waited for its timeout goes on.
///
/// All memory is there from the start: a round trip allocates nothing. `RoundTrips+Replies` takes what comes back,
/// `RoundTrips+Time` keeps to the clock.
struct RoundTrips: ~Copyable {
    enum Token: UInt32 {
        case sender = 1
        case alarm
    }

    /// A place for one datagram under way.
    struct Trip {
        var isBusy = false
        var isSent = false
        /// Began after the warm-up.
        var isMeasured = false
        /// The last datagram from here was given up.
        var isLost = false
        /// The datagrams from here so far; with the place it makes the number of one.
        var round: UInt32 = 0
        /// Which of the 64 before the last were given up, the latest in the lowest bit.
        var lost: UInt64 = 0
        var intended: Int64 = 0
        var began: Int64 = 0
        var deadline: Int64 = 0
    }

    struct Sender {
        var number = DescriptorNumber(-1)
        var watch: WatchID?
        var underWay = 0
        /// The socket is in the ledger.
        var isCounted = false
        var isOpen: Bool { watch != nil }
    }

    /// Begun in one turn, so that replies are not left lying for longer.
    static let beginningsPerTurn = 64
    /// What is longer than this is cut off, and compared as it is then.
    private static let longestReply = 65536

    let plan: LoadPlan
    let share: LoadShare
    let link: WorkerLink
    let script: CompiledScript
    let step: CompiledScript.Step
    let numbers: DatagramNumbers?
    let address: SocketAddress
    let kind: SocketKind

    /// `plan.outstanding` places for each sender, one after the other.
    var trips: [Trip]
    var senders: [Sender]
    var outgoing: [UInt8]
    var received = [UInt8](repeating: 0, count: longestReply)
    var loop: EventLoop

    /// Places whose datagram can go now, and those that wait for room in the peer's queue.
    var line: SlotQueue
    var retrying: SlotQueue
    /// Places that rest after an error, and those of an open loop that wait for the next intended start.
    var turnedAway: SlotQueue
    var wakes: [Int64]
    var free: SlotQueue
    var freeSince: Int64 = 0
    let isOpenLoop: Bool
    var starts: StartClock

    var openCount = 0
    /// Places that are not through with everything.
    var working: Int
    var isStopping = false
    var time: RunTime
    var account = Account()

    init(_ plan: LoadPlan, share: LoadShare, link: WorkerLink) throws(SystemError) {
        guard case .socket(let address, let kind) = plan.target.place else {
            preconditionFailure("no reply comes from a FIFO")
        }
        self.plan = plan
        self.share = share
        self.link = link
        self.address = address
        self.kind = kind
        script = CompiledScript(plan.script)
        step = script.steps[script.repeatStart]
        numbers = plan.script.numbers
        outgoing = Array(script.bytes[step.sendStart..<step.sendStart + step.sendCount])
        let places = share.clients * plan.outstanding
        // Nothing of this value in here: the compiler (6.3.1) would take what follows for a second assignment.
        let areToldApart = plan.outstanding == 1 || plan.script.numbers != nil
        precondition(areToldApart && places <= DatagramNumbers.mostPlaces)
        trips = [Trip](repeating: Trip(), count: places)
        senders = [Sender](repeating: Sender(), count: share.clients)
        loop = try EventLoop(capacity: share.clients + 4)
        line = SlotQueue(capacity: places)
        retrying = SlotQueue(capacity: places)
        turnedAway = SlotQueue(capacity: places)
        free = SlotQueue(capacity: places)
        wakes = [Int64](repeating: 0, count: places)
        working = places
        time = RunTime(plan: plan)
        isOpenLoop = plan.pace != nil
        starts = StartClock(plan.pace ?? RateProfile(constant: 0), plan: plan, share: share)
        account.ledger.strays = StrayReplies()
    }

    deinit {
        for sender in senders where sender.isOpen { _ = Descriptor(owning: sender.number) }
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
        for place in trips.indices {
            if isOpenLoop { free.append(place) } else { line.append(place) }
        }
        while working > 0 {
            try beginSome()
            if working > 0 { try pollEvents() }
            if link.isAborting {
                abandonAll()
                break
            }
        }
        return WorkerResult(account: account, time)
    }

    func sender(of place: Int) -> Int { place / plan.outstanding }

    // MARK: sending

    private mutating func beginSome() throws(SystemError) {
        for _ in 0..<Self.beginningsPerTurn {
            guard let place = line.popFirst() else { return }
            let now = Clock.monotonicNanoseconds()
            if !mayBegin(at: now) {
                working -= 1
            } else {
                begin(place, at: now, intended: now)
            }
        }
    }

    private mutating func mayBegin(at now: Int64) -> Bool {
        if isStopping { return false }
        if account.ledger.opened < share.exchanges, now < time.endAt { return true }
        isStopping = true
        time.stoppedAt = min(now, time.endAt)
        return false
    }

    @inline(__always)
    mutating func begin(_ place: Int, at now: Int64, intended: Int64) {
        let isMeasured = intended >= time.measureFrom
        trips[place].lost = trips[place].lost << 1 | (trips[place].isLost ? 1 : 0)
        trips[place].round &+= 1
        trips[place].isLost = false
        trips[place].isBusy = true
        trips[place].isSent = false
        trips[place].isMeasured = isMeasured
        trips[place].intended = intended
        trips[place].began = now
        trips[place].deadline = now + plan.timeoutNanoseconds
        if isMeasured {
            time.noteWarmUp(at: now)
            account.ledger.open()
        }
        send(place)
    }

    mutating func send(_ place: Int) {
        let index = sender(of: place)
        do throws(SystemError) {
            if !senders[index].isOpen { try open(index) }
            if trips[place].isMeasured, !senders[index].isCounted {
                senders[index].isCounted = true
                account.ledger.connections += 1
            }
            if let numbers {
                numbers.write(share.index, place, trips[place].round, to: &outgoing)
            }
            switch try senders[index].number.send(outgoing, at: 0, count: outgoing.count) {
            case .wouldBlock, .endOfFile:
                if trips[place].isMeasured { account.ledger.retries += 1 }
                retrying.append(place)
            case .bytes:
                trips[place].isSent = true
                senders[index].underWay += 1
            }
        } catch {
            settle(place, Outcome(of: error), because: error)
        }
    }

    private mutating func open(_ index: Int) throws(SystemError) {
        let socket = try makeNonBlockingSocket(address.family, kind)
        // The other side needs a name to answer to.
        if address.family == .unix { try socket.number.takeAnyName() }
        try socket.number.connect(to: address)
        let token = EventToken(kind: Token.sender.rawValue, index: UInt32(index))
        senders[index].watch = try loop.watch(socket.number, for: .readable, token: token)
        senders[index].number = socket.release()
        senders[index].isCounted = false
        openCount += 1
    }

    /// Its next datagram gets a new socket.
    mutating func close(_ index: Int) {
        guard let watch = senders[index].watch else { return }
        loop.remove(watch)
        senders[index].watch = nil
        _ = Descriptor(owning: senders[index].number)
        openCount -= 1
    }
}
