//===----------------------------------------------------------------------===//
// Quartermaster: the system calls of an exchange, each as early as it may succeed
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls

extension Worker {
    /// As much of the exchange as can be done without waiting.
    mutating func proceed(_ slot: Int) throws(SystemError) -> Progress {
        switch clients[slot].phase {
        case .unconnected:
            try open(slot)
            return try dial(slot)
        case .dialing: return try dial(slot)
        case .connecting: return try completeConnection(slot)
        case .resting where traits.holdsConnection: return try drain(slot)
        case .resting, .sending: return try send(slot)
        case .receiving: return try receive(slot)
        }
    }

    // MARK: connecting

    private mutating func open(_ slot: Int) throws(SystemError) {
        clients[slot].isNew = true
        switch plan.target.place {
        case .fifo(let path):
            let descriptor = try openFile(path, [.writeOnly, .nonBlocking])
            // What has come to this name meanwhile may be a file or a device, and is not written to.
            guard try descriptor.number.facts().kind == .fifo else { throw SystemError(.open, .invalidArgument) }
            clients[slot].number = descriptor.release()
        case .socket(let address, let kind):
            let descriptor = try makeNonBlockingSocket(address.family, kind)
            clients[slot].number = descriptor.release()
        }
        clients[slot].phase = .dialing
        if !plan.sources.isEmpty {
            nextSource = nextSource + 1 < plan.sources.count ? nextSource + 1 : 0
            try clients[slot].number.bindSource(plan.sources[nextSource])
        }
    }

    private mutating func dial(_ slot: Int) throws(SystemError) -> Progress {
        if let address {
            do throws(SystemError) {
                try clients[slot].number.connect(to: address)
            } catch {
                // A UNIX listener's queue is full.
                if error.code == .resourceTemporarilyUnavailable, address.family == .unix { return .retry }
                if error.code != .nowInProgress { throw error }
                clients[slot].phase = .connecting
                return try completeConnection(slot)
            }
        }
        noteConnection(slot, at: Clock.monotonicNanoseconds())
        return try send(slot)
    }

    /// On loopback TCP is connected by the time connect(2) returns, whatever it says; elsewhere the first call waits
    /// and reports how it went.
    private mutating func completeConnection(_ slot: Int) throws(SystemError) -> Progress {
        let now = Clock.monotonicNanoseconds()
        let step = clients[slot].step
        if step < clients[slot].lastStep, script.steps[step].sendCount > 0 {
            let chunk = traits.sendsByteByByte ? 1 : script.steps[step].sendCount
            let start = script.steps[step].sendStart
            guard case .bytes(let count) = try clients[slot].number.send(script.bytes, at: start, count: chunk) else {
                return .blocked(.writable)
            }
            clients[slot].sent = count
        } else if try !clients[slot].number.isConnected() {
            return .blocked(.writable)
        }
        noteConnection(slot, at: now)
        if traits.sendsByteByByte, clients[slot].sent > 0 { return pauseOrReceive(slot) }
        return try send(slot)
    }

    private mutating func noteConnection(_ slot: Int, at now: Int64) {
        clients[slot].connected = now
        clients[slot].phase = .sending
        openCount += 1
    }

    // MARK: talking

    /// Says the rest of the current step and of those after it that await nothing.
    private mutating func send(_ slot: Int) throws(SystemError) -> Progress {
        clients[slot].phase = .sending
        while clients[slot].step < clients[slot].lastStep {
            let step = script.steps[clients[slot].step]
            while clients[slot].sent < step.sendCount {
                guard try sendSome(slot, step) else { return .blocked(.writable) }
                if traits.sendsByteByByte { return pauseOrReceive(slot) }
            }
            if step.kind != .nothing {
                clients[slot].received = 0
                clients[slot].phase = .receiving
                return .later
            }
            nextStep(slot)
        }
        return .done
    }

    private mutating func nextStep(_ slot: Int) {
        clients[slot].step += 1
        clients[slot].sent = 0
    }

    private mutating func sendSome(_ slot: Int, _ step: CompiledScript.Step) throws(SystemError) -> Bool {
        let sent = clients[slot].sent
        let count = traits.sendsByteByByte ? 1 : step.sendCount - sent
        let transfer =
            address == nil
            ? try clients[slot].number.write(script.bytes, at: step.sendStart + sent, count: count)
            : try clients[slot].number.send(script.bytes, at: step.sendStart + sent, count: count)
        guard case .bytes(let written) = transfer else { return false }
        clients[slot].sent = sent + written
        return true
    }

    /// A slow client rests between two bytes, but not behind the last one.
    private mutating func pauseOrReceive(_ slot: Int) -> Progress {
        let step = script.steps[clients[slot].step]
        if clients[slot].sent < step.sendCount { return .pause }
        if step.kind == .nothing { return .pause }
        clients[slot].received = 0
        clients[slot].phase = .receiving
        return .later
    }

    private mutating func receive(_ slot: Int) throws(SystemError) -> Progress {
        let known = clients[slot].received
        // The body of a response is only counted, and may be longer than the room there is.
        let isBody = clients[slot].body != nil
        let start = slot * room + (isBody ? 0 : known)
        let free = isBody ? room : room - known
        switch try clients[slot].number.receive(into: &received, at: start, atMost: free) {
        case .wouldBlock: return .blocked(.readable)
        case .endOfFile: return try endOfFile(slot)
        case .bytes(let count):
            if clients[slot].isNew, clients[slot].firstByte == 0 {
                clients[slot].firstByte = Clock.monotonicNanoseconds()
            }
            if isBody {
                clients[slot].received = count
                return try takeBody(slot, from: start, count)
            }
            return try checkReply(slot, known: known, count: known + count)
        }
    }

    private mutating func checkReply(_ slot: Int, known: Int, count: Int) throws(SystemError) -> Progress {
        clients[slot].received = count
        let step = script.steps[clients[slot].step]
        switch script.match(step, received, start: slot * room, count: count, known: known) {
        case .complete: return try nextAfterReply(slot)
        case .incomplete where count < room: return .later
        case .incomplete, .wrong: return .failed(.wrongReply)
        case .head(let head):
            clients[slot].body = ResponseBody(head.body)
            if head.closes { clients[slot].isSpent = true }
            return try takeBody(slot, from: slot * room + head.length, count - head.length)
        }
    }

    /// The next bytes of a response's body.
    private mutating func takeBody(_ slot: Int, from start: Int, _ count: Int) throws(SystemError) -> Progress {
        switch clients[slot].body?.take(received, from: start, count: count) {
        case .complete?: return try nextAfterReply(slot)
        case .wrong?: return .failed(.wrongReply)
        case .incomplete?, nil: return .later
        }
    }

    private mutating func endOfFile(_ slot: Int) throws(SystemError) -> Progress {
        if clients[slot].body?.endsWithConnection == true { return try nextAfterReply(slot) }
        return .failed(clients[slot].received == 0 ? .closedEarly : .shortReply)
    }

    /// The reply was right.
    private mutating func nextAfterReply(_ slot: Int) throws(SystemError) -> Progress {
        clients[slot].body = nil
        nextStep(slot)
        return clients[slot].step < clients[slot].lastStep ? try send(slot) : .done
    }

    /// An idle connection: whatever the peer says is let go, until it hangs up.
    private mutating func drain(_ slot: Int) throws(SystemError) -> Progress {
        switch try clients[slot].number.receive(into: &received, at: slot * room, atMost: room) {
        case .endOfFile: return .failed(.closedEarly)
        case .bytes, .wouldBlock: return .blocked(.readable)
        }
    }
}
