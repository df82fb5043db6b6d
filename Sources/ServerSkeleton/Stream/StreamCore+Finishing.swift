//===----------------------------------------------------------------------===//
// Quartermaster: clients in the middle of something when their process is to leave
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory

// Master replaces a process, or dies, at any moment of a request. A client that has asked and has its whole reply can
// be disconnected then, as after any reply: it connects again. One that is in the middle would lose something, and the
// process finishes with it first: half a request, a reply that has not gone out, a client that was accepted and has not
// been answered yet. Who is silent meanwhile must not keep the process: master may wait for its end before it starts
// another.
extension StreamCore {
    /// How long they have, all together.
    static var finishMilliseconds: Int64 { 10_000 }

    @usableFromInline mutating func nextStep() -> LifeStep {
        switch life.stage {
        case .serving, .paused, .looking, .lastClients: return life.nextStep(hasClients: hasClients)
        case .finishing: return life.nextStep(hasClients: isInTheMiddle)
        case .leaving(.abandoned): return life.nextStep(hasClients: hasClients)
        case .leaving(let reason):
            guard !isFinishingOver, isInTheMiddle else { return life.nextStep(hasClients: hasClients) }
            life.finishSlowly(reason, looks: false)
            // Clients of the next master would wait in vain where we hold what we do not watch.
            life.abandonListeners()
            life.loop.arm(life.loop.makeTimer(token: EventToken(.finishLimit)), milliseconds: Self.finishMilliseconds)
            return .turn
        }
    }

    private var isInTheMiddle: Bool {
        if passed.count > 0 || !doomed.isEmpty { return true }
        for index in 0..<connections.capacity {
            if let slot = connections.id(at: index), connections[slot].isInTheMiddle { return true }
        }
        return false
    }

    /// A client has asked, and a service that writes by itself has answered.
    mutating func answered(_ id: ClientID) {
        if connections.contains(id.slot) { connections[id.slot].isAnswered = true }
    }

    mutating func finishLimitReached() {
        guard case .finishing(let reason) = life.stage else { return }
        log.info("the time to finish is over: clients in the middle of a request are cut off")
        isFinishingOver = true
        life.stage = .leaving(reason)
    }
}

extension Connection {
    /// Whether its client would lose something by being disconnected now.
    fileprivate var isInTheMiddle: Bool { kept != nil || unsent != nil || !isAnswered }
}
