//===----------------------------------------------------------------------===//
// Quartermaster: TriggerCore, triggers without what they are for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterProtocol
import SystemCalls
import WorkerPage

/// Everything about triggers that does not depend on the service: waits for one, one process of the service at a time,
/// and reads its bytes. It never looks at them.
struct TriggerCore: ~Copyable {
    /// So many triggers are one at most; more than any queue holds.
    private static let crowd = 5000

    private var life: ChildLife
    private var turns: ServiceTurns
    private var inFlowDelay: InFlowDelay
    private let triggersAtOnce: TriggersAtOnce
    private var input = InputBuffer(capacity: ProtocolLimit.triggerBytes)
    /// Whoever sent the trigger at hand sees the end of the connection when the work is done.
    private var sender: Descriptor?
    /// Triggers at hand, and when the work on them began.
    private var triggers = 0
    private var began = LoopTime(nanoseconds: 0)

    init(
        _ circumstances: Circumstances,
        _ counts: consuming WorkerRow,
        lock: consuming ServiceLock?,
        triggersAtOnce: TriggersAtOnce
    ) {
        let batch = triggersAtOnce == .all ? Self.crowd : 1
        life = ChildLife(circumstances, counts, capacity: 16, batch: batch)
        turns = ServiceTurns(lock)
        inFlowDelay = InFlowDelay(circumstances)
        self.triggersAtOnce = triggersAtOnce
        life.status.keepsRoom = true
    }

    var isOneShot: Bool { life.circumstances.isOneShot }

    // MARK: the loop

    var time: ServiceTime { life.time }

    mutating func start() { life.start() }

    mutating func nextStep() -> LifeStep { life.nextStep(hasClients: false) }

    mutating func wait(atMost seconds: Int?) { turns.turn(&life, atMost: seconds) }

    var mayAccept: Bool { life.mayAccept }

    mutating func retire(_ why: String) { life.retire(why) }

    mutating func finish() { life.finish() }

    // MARK: triggers

    /// Of the trigger at hand.
    var bytes: RawSpan {
        @_lifetime(borrow self)
        get { input.bytes(from: 0) }
    }

    /// Takes the trigger that waits, or all of them. `.nothing`: there is none to work on.
    mutating func takeNext() -> Reception {
        switch (triggersAtOnce, life.circumstances.transport) {
        case (.one, .fifo): takeFromFifo()
        case (.one, _): takeFromClient()
        case (.all, .fifo): while triggers < Self.crowd, drainFifo() == .some {}
        case (.all, _): drainQueue()
        }
        turns.end(&life)
        if triggersAtOnce == .all { input.buffer.removeAll() }
        if triggers == 0 { return .nothing }
        inFlowDelay.wait()
        life.counts.count(.requests, triggers)
        began = LoopTime(nanoseconds: Clock.monotonicNanoseconds())
        return .some
    }

    /// The work is done.
    mutating func end() {
        sender = nil
        life.countTime(since: began, requests: triggers)
        endWork()
    }

    private mutating func endWork() {
        life.served(triggers)
        triggers = 0
    }

    // MARK: one at a time

    private mutating func takeFromClient() {
        guard let arrival = life.acceptNext() else { return }
        turns.end(&life)
        // While we wait for the bytes, others are asked.
        life.beginWork()
        if let sender = connection(arrival), receive(from: sender.number) {
            self.sender = consume sender
            triggers = 1
        } else {
            endWork()
        }
    }

    private mutating func connection(_ arrival: consuming Arrival) -> Descriptor? {
        guard life.circumstances.transport == .pass else { return arrival.descriptor }
        guard let passed = life.receivePassed(arrival, expectsList: false) else { return nil }
        return passed.descriptor
    }

    /// False: it sent nothing in time, or is gone. An end without a byte is a trigger.
    private mutating func receive(from number: DescriptorNumber) -> Bool {
        let milliseconds = Int32(ProtocolLimit.triggerSeconds) * 1000
        guard (try? number.waitForInput(milliseconds: milliseconds)) == true else { return false }
        switch try? read(number) {
        case .bytes, .endOfFile: return true
        case .wouldBlock, nil: return false
        }
    }

    private mutating func takeFromFifo() {
        if drainFifo() == .some { life.beginWork() }
    }

    // MARK: all at once

    /// Of all that wait together, in milliseconds; and of one of them.
    private static let drainPatience: Int64 = 1000
    private static let senderPatience: Int64 = 100

    /// Nobody's bytes are needed, but a sender that has just connected should not find the door shut: it is waited for
    /// a moment, and all of them for a second.
    private mutating func drainQueue() {
        var left = Self.drainPatience
        while let arrival = life.acceptNext() {
            life.beginWork()
            let begun = Clock.monotonicNanoseconds()
            let number = arrival.descriptor.number
            if left > 0 { _ = try? number.waitForInput(milliseconds: Int32(min(left, Self.senderPatience))) }
            left -= (Clock.monotonicNanoseconds() - begun) / 1_000_000
            _ = try? read(number)
            triggers += 1
        }
    }

    /// Reads once from the FIFO that has something; `.nothing` when none has.
    private mutating func drainFifo() -> Reception {
        while let fifo = life.listeners.next() {
            switch readFifo(fifo) {
            case .bytes:
                life.acceptedWork()
                life.beginWork()
                triggers += 1
                return .some
            case .wouldBlock: life.listeners.wasEmpty()
            case .endOfFile: return .ended
            }
        }
        return .nothing
    }

    /// The end: it cannot be read for now.
    private mutating func readFifo(_ fifo: DescriptorNumber) -> Transfer {
        do throws(SystemError) {
            let transfer = try read(fifo)
            // Nobody has it open for writing, not even master: the same would come again at once, and again.
            if transfer == .endOfFile { throw SystemError(.read, .brokenPipe) }
            return transfer
        } catch {
            life.warn(.receive, "read: \(error.reason) -- taking no triggers for a moment")
            life.pause()
            return .endOfFile
        }
    }

    private mutating func read(_ number: DescriptorNumber) throws(SystemError) -> Transfer {
        input.buffer.removeAll()
        let transfer = try input.fill(from: number)
        if case .bytes(let count) = transfer { life.counts.count(.received, count) }
        return transfer
    }

    // MARK: without master

    /// One read, without which there is nothing to do.
    mutating func readStandardInput() {
        do throws(SystemError) {
            if case .bytes = try read(.standardInput) { return }
        } catch {
            life.log.fatal("read", error)
        }
        life.log.fatal("read: nothing on standard input")
    }
}
