//===----------------------------------------------------------------------===//
// Quartermaster: beginnings and ends of exchanges, and what is counted of them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import LoadReports
import SystemCalls

extension Worker {
    /// Whether another exchange may begin in a closed loop. The first time it may not, the run is over.
    mutating func mayBegin(at now: Int64) -> Bool {
        if isStopping { return false }
        if account.ledger.opened < share.exchanges, now < time.endAt { return true }
        isStopping = true
        time.stoppedAt = min(now, time.endAt)
        return false
    }

    @inline(__always)
    mutating func begin(_ slot: Int, at now: Int64, intended: Int64) {
        let isConnected = clients[slot].phase != .unconnected
        let isMeasured = intended >= time.measureFrom
        clients[slot].isBusy = true
        clients[slot].isMeasured = isMeasured
        clients[slot].isNew = false
        clients[slot].isSpent = false
        clients[slot].step = isConnected ? script.repeatStart : 0
        clients[slot].sent = 0
        clients[slot].received = 0
        clients[slot].body = nil
        clients[slot].intended = intended
        clients[slot].began = now
        clients[slot].firstByte = 0
        clients[slot].deadline = now + plan.timeoutNanoseconds
        clients[slot].lastStep = traits.lastStep(of: script)
        if !isConnected { clients[slot].isCounted = false }
        if isMeasured {
            time.noteWarmUp(at: now)
            count(slot)
        }
    }

    /// A connection that the warm-up began counts when it is used after it.
    @inline(__always)
    private mutating func count(_ slot: Int) {
        account.ledger.open()
        if !clients[slot].isCounted { account.ledger.connections += 1 }
        clients[slot].isCounted = true
    }

    mutating func settle(_ slot: Int, _ outcome: Outcome) {
        let now = Clock.monotonicNanoseconds()
        if clients[slot].isMeasured { account.settle(outcome, at: now) }
        let isHeld = traits.holdsConnection && clients[slot].phase == .resting
        if outcome == .answered, !isHeld { account.note(clients[slot], at: now, isStream: plan.target.isStream) }
        if outcome.isFailure, account.firstProblem == nil { account.firstProblem = describe(outcome, slot) }
        clients[slot].isBusy = false
        clients[slot].isWaiting = false
        if clients[slot].isConnected { clients[slot].phase = .resting }
        leave(slot, outcome, at: now)
        makeReady(slot, outcome, at: now)
    }

    /// The end of the connection, where the end of the exchange is one.
    private mutating func leave(_ slot: Int, _ outcome: Outcome, at now: Int64) {
        let isOver = !traits.keepsConnection || outcome != .answered || clients[slot].isSpent
        if !isOver { return }
        disconnect(slot)
        if outcome == .answered, clients[slot].isMeasured, plan.target.isStream {
            account.phases.close.record(nanoseconds: Clock.monotonicNanoseconds() - now)
        }
    }

    /// Puts the client where it waits for its next exchange.
    private mutating func makeReady(_ slot: Int, _ outcome: Outcome, at now: Int64) {
        if traits.exchangesOnce || (isOpenLoop && isStopping) {
            retire(slot)
        } else if isOpenLoop {
            if free.isEmpty { freeSince = now }
            free.append(slot)
        } else if outcome.wantsRest {
            wakes[slot] = now + RunTime.rest
            turnedAway.append(slot)
        } else {
            line.append(slot)
        }
    }

    private func describe(_ outcome: Outcome, _ slot: Int) -> String {
        if let lastError { return "\(outcome.name): \(lastError)" }
        let bytes = received[slot * room..<slot * room + min(clients[slot].received, 200)]
        return "\(outcome.name), after \"\(EscapedText.show(bytes))\""
    }

    /// The user does not want to wait for what is under way.
    mutating func abandonAll() {
        let now = Clock.monotonicNanoseconds()
        stop(at: now)
        lastError = nil
        for slot in clients.indices where clients[slot].isBusy {
            if clients[slot].isMeasured { account.settle(.abandoned, at: now) }
            if account.firstProblem == nil { account.firstProblem = describe(.abandoned, slot) }
            clients[slot].isBusy = false
            disconnect(slot)
        }
    }
}

extension Outcome {
    /// What a failed call makes of an exchange.
    init(of error: SystemError) {
        switch error.code {
        case .connectionRefused, .noSuchAddressOrDevice: self = .refused
        case .connectionReset, .brokenPipe: self = .reset
        case .timedOut: self = .timedOut
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem: self = .outOfDescriptors
        case .addressNotAvailable, .addressInUse, .resourceTemporarilyUnavailable: self = .outOfPorts
        case .noSuchFileOrDirectory: self = .noSuchSocket
        default: self = .other
        }
    }
}
