//===----------------------------------------------------------------------===//
// Quartermaster: all that the policy knows, written out and read back
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

// Everything that a later decision depends on, so that a program that takes over goes on where this one stopped. Times
// are those of the caller's clock, which has to go on as well.
//
//     "QMPOLICY" | version | the fields, eight bytes each | checksum of all that
extension Policy {
    /// Grows by one with each change of the fields.
    package static var stateVersion: Int64 { 6 }

    /// The state as bytes. Effects that were decided and not carried out yet are not part of it: carry them out first.
    /// An answer that the policy waits for (to `spawn`, `measureQueue`, `lookAtQueue`) is still to be given, to the
    /// policy that reads the state; who carries effects out at once, as master does, never has one to give.
    package var encoded: [UInt8] {
        precondition(effects.isEmpty && batch == nil, "a state is written between events")
        var copy = self
        var all = children.all.sorted { $0.pid < $1.pid }
        var writer = StateWriter(mark: StateFrame.policyMark)
        do {
            try copy.code(&all, with: &writer)
        } catch {
            preconditionFailure("writing a state cannot fail: \(error)")
        }
        return writer.sealed
    }

    /// Reads what `encoded` wrote, and refuses everything else. Then `resume`.
    package init(decoding bytes: [UInt8]) throws(StateProblem) {
        self.init()
        var reader = try StateReader(bytes, mark: StateFrame.policyMark)
        var all: [Child] = []
        try code(&all, with: &reader)
        guard reader.isAtEnd else { throw .wrongLength }
        var lastPID: Int32 = 0
        for child in all {
            guard child.pid > lastPID else { throw .badValue }
            lastPID = child.pid
            children.insert(child)
        }
        guard isConsistent else { throw .badValue }
        turnsLeft = services.count { $0.turnDue != nil }
    }

    private mutating func code(_ all: inout [Child], with coder: inout some StateCoder) throws(StateProblem) {
        try coder.begin(version: Self.stateVersion)
        try coder.code(&lastGeneration)
        try counters.code(with: &coder)
        let nothing = Service(id: ServiceID(index: 0, generation: 0), rules: ServiceRules(processLimit: 0))
        try coder.code(&services, blank: nothing) { coder, service throws(StateProblem) in
            try service.code(with: &coder)
        }
        try coder.code(&all, blank: ChildTable.vacant) { coder, child throws(StateProblem) in
            try child.code(with: &coder)
        }
    }

    /// What holds between events, whatever happened before: a state in which it does not hold is none of ours, and a
    /// decision that relies on it could go wrong.
    private var isConsistent: Bool {
        for (index, service) in services.enumerated() {
            var counted = Service(id: service.id, rules: service.rules)
            children.forEach { child in
                guard child.service == service.id else { return }
                if child.state != .draining { counted.total += 1 }
                counted.count(child.state, 1)
            }
            guard service.id.index == Int32(index), service.isConsistent(withChildren: counted) else { return false }
        }
        var isOwned = true
        children.forEach { child in isOwned = isOwned && slot(of: child.service) != nil }
        return isOwned
    }
}

extension Service {
    /// `counted` has the counts of the children that there are.
    fileprivate func isConsistent(withChildren counted: Service) -> Bool {
        guard idle == counted.idle, starting == counted.starting, retiredIdle == counted.retiredIdle else {
            return false
        }
        guard total == counted.total, draining == counted.draining else { return false }
        guard stage != .vacant || (total == 0 && draining == 0 && spawn == .none) else { return false }
        guard stage == .vacant || (coverage == coverageNow && watch == watchWanted) else { return false }
        guard stage == .active || (turnDue == nil && outgoingEnd == nil), (outgoingEnd == nil) == (outgoingLook == nil)
        else { return false }
        guard rules.processLimit >= 0, rules.throttleSeconds >= 0, rules.wakeupSeconds >= 0 else { return false }
        guard rules.warningSeconds >= 0, failedAdmissions <= PolicyLimit.longestBackOff else { return false }
        guard 1...max(rules.concurrentStarts, 1) ~= window.size, window.waiting >= 0 else { return false }
        return looks.standing <= 2 && owed.isSubset(of: [.channel, .watch, .admission])
    }
}
