//===----------------------------------------------------------------------===//
// Quartermaster: reloads that keep processes, or are spread out, and addresses that a service loses
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy

/// What reloads have asked for, and how far it is.
struct ReloadBook {
    /// The service's processes are told to leave later.
    var awaitsTurn = false
    /// It has lost an address at which clients may wait.
    var hasOutgoing = false
    /// What the next look there sees.
    var sight = QueueSight.noClient
    /// Its time is over.
    var isLate = false
}

extension World {
    var reloadKey: [UInt8] {
        let flags = [
            reloads.awaitsTurn, reloads.hasOutgoing, isTurnRunning, isOutgoingLookRunning, isPendingOutdated,
            pending?.isFormer ?? false,
        ]
        return flags.map { $0 ? 1 : 0 }
    }

    func reloadPossibilities(_ body: (Happening) -> Void) {
        body(.reloadKeeping)
        body(.reloadInTurn)
        if isTurnRunning { body(.turnCame) }
        if !reloads.hasOutgoing { body(.addressRemoved) }
        if isOutgoingLookRunning {
            body(.outgoingLookDue(.noClient, isLate: false))
            body(.outgoingLookDue(.clients, isLate: false))
            body(.outgoingLookDue(.clients, isLate: true))
        }
        // Another way to be told to leave.
        if processes.count < most || limit > 0 { body(.retireAsked(isChannelThere: true)) }
    }

    mutating func happenInReload(_ happening: Happening) {
        let rules = Self.rules(limit, concurrentStarts, scope, troubles)
        switch happening {
        case .reloadKeeping: policy.updateService(id, rules, retiring: .never, now: now)
        case .reloadInTurn:
            reloads.awaitsTurn = true
            for index in processes.indices { processes[index].isOutdated = true }
            isPendingOutdated = pending != nil
            policy.updateService(id, rules, retiring: .after(milliseconds: 1000), now: now)
        case .turnCame:
            registrations[.turn(id)] = nil
            policy.timerFired(.turn(id), now: now)
        case .addressRemoved:
            reloads.hasOutgoing = true
            policy.updateService(id, rules, now: now)
            policy.endpointsOutgoing(id, now: now)
        case .outgoingLookDue(let sight, let isLate):
            registrations[.outgoingLook(id)] = nil
            reloads.sight = sight
            reloads.isLate = isLate
            if isLate { now = now.advanced(bySeconds: 6) }
            policy.timerFired(.outgoingLook(id), now: now)
        default: break
        }
    }

    /// The promises.
    mutating func checkReloads(_ view: ServiceView) {
        if isRemoved {
            expect(!isTurnRunning && !isOutgoingLookRunning, "a removed service waits for nothing")
            return
        }
        expect((view.turnDue != nil) == reloads.awaitsTurn, "a turn is awaited until all were told to leave")
        expect(isTurnRunning == reloads.awaitsTurn, "a turn has its time")
        let spread = policy.reloadSpread
        expect(spread?.services == (reloads.awaitsTurn ? 1 : nil), "turns are counted")
        expect(spread?.ends == view.turnDue, "the end is told")
        let areAllTold = processes.allSatisfy { !$0.isOutdated || !$0.isOnChannel }
        expect(reloads.awaitsTurn || areAllTold, "after its turn a service has no process of before the reload")
        expect(view.hasOutgoing == reloads.hasOutgoing, "lost endpoints are there until they are closed")
        expect(isOutgoingLookRunning == reloads.hasOutgoing, "lost endpoints are looked at")
    }
}
