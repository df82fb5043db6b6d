//===----------------------------------------------------------------------===//
// Quartermaster: the policy's whole state, written out and read back
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

// Everything that a later decision depends on, so that a program that takes over goes on where this one stopped. Times
// are those of the caller's clock, which has to go on as well.
extension Policy {
    /// Grows by one with each change of the fields below.
    private static var stateVersion: Int64 { 2 }

    /// The state as bytes. Effects that were decided and not taken yet are not part of it: take them first.
    package var encoded: [UInt8] {
        precondition(effects.isEmpty && batch == nil, "a state is written between events")
        var copy = self
        var writer = StateWriter()
        do {
            try copy.code(with: &writer)
        } catch {
            preconditionFailure("writing a state cannot fail: \(error)")
        }
        return writer.bytes
    }

    /// Reads what `encoded` wrote.
    package init(decoding bytes: [UInt8]) throws(StateProblem) {
        self.init()
        var reader = StateReader(bytes)
        try code(with: &reader)
        guard reader.isAtEnd else { throw .wrongLength }
    }

    private mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        var version = Self.stateVersion
        try coder.code(&version)
        guard version == Self.stateVersion else { throw .unknownVersion(version) }
        try coder.code(&lastGeneration)
        try counters.code(with: &coder)
        let nothing = Service(id: ServiceID(index: 0, generation: 0), rules: ServiceRules(processLimit: 0))
        try coder.code(&services, blank: nothing) { coder, service throws(StateProblem) in
            try service.code(with: &coder)
        }
        var all = children.all
        try coder.code(&all, blank: ChildTable.vacant) { coder, child throws(StateProblem) in
            try child.code(with: &coder)
        }
        guard all.allSatisfy({ $0.pid > 0 && slot(of: $0.service) != nil }) else { throw .badValue }
        children = ChildTable(all)
    }
}

extension Service {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try id.code(with: &coder)
        try coder.code(&stage)
        try rules.code(with: &coder)
        try coder.code(&coverage)
        let none = Throttle(cause: .failedFork, ends: PolicyTime(milliseconds: 0))
        try coder.code(&throttle, absent: none) { coder, throttle throws(StateProblem) in
            try coder.code(&throttle.cause)
            try coder.code(&throttle.ends.milliseconds)
        }
        try coder.code(&owed)
        try coder.code(&retryDue)
        try coder.code(&spawn)
        try coder.code(&idle)
        try coder.code(&starting)
        try coder.code(&total)
        try coder.code(&retiredIdle)
        try coder.code(&lastSpawn)
        try coder.code(&stressUntil)
        try coder.code(&lastLimitNote)
        try window.code(with: &coder)
        try looks.code(with: &coder)
        try coder.code(&isAwaitingFirstUse)
        try coder.code(&wakeupDue)
        try coder.code(&removalDue)
        try figures.code(with: &coder)
    }
}

extension Child {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&pid)
        try coder.code(&generation)
        try service.code(with: &coder)
        try coder.code(&state)
        try coder.code(&useCount)
        try coder.code(&isNudged)
        try coder.code(&started.milliseconds)
        try coder.code(&since.milliseconds)
    }
}

extension ServiceID {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        var (index, generation) = (index, generation)
        try coder.code(&index)
        try coder.code(&generation)
        self = ServiceID(index: index, generation: generation)
    }
}

extension ServiceRules {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&processLimit)
        try coder.code(&throttleSeconds)
        try coder.code(&wakeupSeconds)
        try coder.code(&isWakeupConditional)
        try coder.code(&isLocalOnly)
        try coder.code(&concurrentStarts)
    }
}

extension StartWindow {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&size)
        try coder.code(&waiting)
        try coder.code(&isMeasureDue)
    }
}

extension QueueLooks {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&due)
        try coder.code(&standing)
        try coder.code(&isActive)
        try coder.code(&isEndUnseen)
        try coder.code(&isAnswered)
    }
}

extension ServiceFigures {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&since.milliseconds)
        try coder.code(&until.milliseconds)
        try coder.code(&busyMilliseconds)
        try coder.code(&saturatedMilliseconds)
        try coder.code(&crowdedMilliseconds)
        try coder.code(&isCrowded)
        try coder.code(&clientsWaiting)
        try coder.code(&lookedAt)
        try coder.code(&starts)
        for bucket in 0..<TimeHistogram.bucketCount { try coder.code(&readyTimes[bucket]) }
        try coder.code(&cleanExits)
        try coder.code(&failedExits)
        try coder.code(&killedExits)
        try coder.code(&neverReady)
        try coder.code(&throttles)
        try coder.code(&stressOnsets)
        try coder.code(&wakeups)
        let none = ServiceTrouble(kind: .exitStatus, pid: 0, number: 0, time: PolicyTime(milliseconds: 0))
        try coder.code(&lastTrouble, absent: none) { coder, trouble throws(StateProblem) in
            try coder.code(&trouble.kind)
            try coder.code(&trouble.pid)
            try coder.code(&trouble.number)
            try coder.code(&trouble.time.milliseconds)
        }
    }
}

extension PolicyCounters {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        for field in Self.fields { try coder.code(&self[keyPath: field]) }
    }
}
