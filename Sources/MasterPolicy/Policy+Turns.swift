//===----------------------------------------------------------------------===//
// Quartermaster: a reload that is spread out: services take turns
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What a reload means for the processes that run.
package enum Retiring: Equatable, Sendable {
    /// They are told to leave.
    case atOnce
    /// They are told to leave when so much time has passed.
    case after(milliseconds: Int64)
    /// They stay.
    case never
}

/// When the processes of each of several services are told to leave: those of the first one at once, those of the last
/// one when the time is over, and the others evenly between. Processes of one service have one status channel, whose
/// end is the only word that every daemon understands, so they are told together.
package struct ReloadTurns: Sendable {
    private let milliseconds: Int64
    private let services: Int64
    private var taken: Int64 = 0

    package init(seconds: Int, services: Int) {
        milliseconds = Int64(seconds) * 1000
        self.services = Int64(services)
    }

    /// The next service's.
    package mutating func next() -> Retiring {
        defer { taken += 1 }
        let gaps = max(services - 1, 1)
        let wait = milliseconds * min(taken, gaps) / gaps
        return wait == 0 ? .atOnce : .after(milliseconds: wait)
    }
}

/// How far a reload that is spread out has come.
package struct ReloadSpread: Equatable, Sendable {
    /// Services whose turn is still to come.
    package let services: Int
    /// When the last one's turn is.
    package let ends: PolicyTime
}

// Until its turn, a service goes on as if there had been no reload, but for its rules, and for processes that start:
// these know the new configuration, and are told to leave all the same. Whatever else retires all its processes is its
// turn, too. Another reload plans all turns anew.
extension Policy {
    /// Nil when no service waits for its turn.
    package var reloadSpread: ReloadSpread? {
        if turnsLeft == 0 { return nil }
        return services.compactMap(\.turnDue).max().map { ReloadSpread(services: turnsLeft, ends: $0) }
    }

    /// Whether a reload has anything to retire: a service without processes needs no turn.
    package func hasProcesses(_ id: ServiceID) -> Bool { slot(of: id).map { !isEmpty($0) } ?? false }

    mutating func planTurn(_ slot: Int, _ milliseconds: Int64, _ now: PolicyTime) {
        let timer = PolicyTimer.turn(services[slot].id)
        if services[slot].turnDue == nil { turnsLeft += 1 } else { want(.cancelTimer(timer)) }
        services[slot].turnDue = now.advanced(byMilliseconds: milliseconds)
        want(.startTimer(timer, milliseconds: milliseconds))
    }

    mutating func turnCame(_ id: ServiceID, _ now: PolicyTime) {
        guard let slot = activeSlot(of: id), services[slot].turnDue != nil else { return }
        endTurn(slot)
        renew(slot, now)
        settleWatch(slot, now)
    }

    mutating func cancelTurn(_ slot: Int) {
        guard services[slot].turnDue != nil else { return }
        want(.cancelTimer(.turn(services[slot].id)))
        endTurn(slot)
    }

    private mutating func endTurn(_ slot: Int) {
        services[slot].turnDue = nil
        turnsLeft -= 1
        if turnsLeft == 0 { note(.turnsOver) }
    }
}
