//===----------------------------------------------------------------------===//
// Quartermaster: the turns of an event server, and what is told in them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import SystemCalls
import WorkerPage

extension EventCore {
    /// Reads from one connection in one turn at most, so that all get theirs.
    @inlinable static var readsAtOnce: Int { 4 }
    /// Deeds of one turn; the others wait for the next one, so that no service keeps a turn going for ever.
    private static var deedsAtOnce: Int { 1024 }
    /// Events of one turn after which those who come get theirs, too: where thousands send, turns are long.
    private static var eventsBeforeArrivals: Int { 256 }

    /// After a crowd we look first whether more of it waits: until none does, we are busy, and master hears nothing.
    @usableFromInline mutating func wait(atMost seconds: Int?) {
        if connections.capacity - connections.count < Self.spareCapacity { reserve() }
        if life.isBusyForNow {
            life.turn(atMost: 0)
            if life.loop.hasNext { return beginTurn(isStillBusy: true) }
            life.endWork()
        }
        let isDue = nextDeed < deeds.count || isToTurnAgain
        life.turn(atMost: isDue ? 0 : seconds)
        beginTurn(isStillBusy: false)
    }

    private mutating func beginTurn(isStillBusy: Bool) {
        isToTurnAgain = false
        eventsTold = 0
        deedBudget = Self.deedsAtOnce
        cork.begin(time)
        if isStillBusy { life.staysBusy() }
    }

    /// What has to be done in this turn, one thing at a time. What was sent before is on its way then.
    @usableFromInline mutating func nextEvent() -> LoopEvent? {
        flush()
        while true {
            if nextDeed < deeds.count, deedBudget > 0 {
                deedBudget -= 1
                let deed = deeds[nextDeed]
                nextDeed += 1
                if isStillDue(deed) { return deed }
            } else if let occurrence = life.loop.next() {
                if let event = event(occurrence) { return event }
            } else {
                if nextDeed == deeds.count {
                    deeds.removeAll(keepingCapacity: true)
                    nextDeed = 0
                }
                return nil
            }
        }
    }

    private mutating func isStillDue(_ deed: LoopEvent) -> Bool {
        switch deed {
        case .over(let id): connections.contains(id.slot)
        case .input(let id), .heardAgain(let id), .hasRoom(let id), .arrived(let id), .connected(let id):
            isConnected(id)
        case .timer, .descriptor: true
        }
    }

    /// To be asked after each event of a turn: whether it is time to accept in the middle of it.
    @usableFromInline mutating func isTimeToAccept() -> Bool {
        eventsTold += 1
        if eventsTold < Self.eventsBeforeArrivals { return false }
        eventsTold = 0
        life.listeners.beginBatch()
        return mayAccept
    }

    mutating func tell(_ event: LoopEvent) { deeds.append(event) }

    private mutating func event(_ occurrence: Occurrence) -> LoopEvent? {
        let token = occurrence.token
        switch token.event {
        case .client:
            if case .readable = occurrence.what { return .input(ClientID(token.slot)) }
            return carryOn(ClientID(token.slot))
        case .connectLimit: connectLimitReached(token.slot)
        case .serviceTimer: return fire(token.slot)
        case .serviceDescriptor: return ready(token.slot)
        case .sender: return receivePassed(token.slot)
        case .clientLimit: sweep()
        case .inFlowDelay: endDelays()
        case .tryAgain: tryAgain()
        case .masterLook: lookForMaster()
        case .finishLimit: finishLimitReached()
        case .terminate: terminate()
        case .master, .statusRoom, .listener, .idleLimit, .retirement, .look: life.handle(token)
        }
        return nil
    }

    mutating func turnAgain() { isToTurnAgain = true }

    func pat() { Watchdog.waitEnded() }

    // MARK: requests

    /// The first request of a turn makes us busy, whichever connection it is from.
    @usableFromInline mutating func beginRequests() { requests.begin(&life) }

    /// So many requests were dealt with.
    @usableFromInline mutating func count(requests number: Int) { requests.count(number, &life) }

    /// The turn's requests are done.
    @usableFromInline mutating func finishRequests() {
        flush()
        requests.end(&life)
    }
}
