//===----------------------------------------------------------------------===//
// Quartermaster: the fields of each value that is part of the state
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol

// Who changes a list here, or the fields of a type, lets `Policy.stateVersion` grow by one.

extension Service {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try id.code(with: &coder)
        try coder.code(&stage)
        try rules.code(with: &coder)
        try coder.code(&coverage)
        try coder.code(&watch)
        let none = Throttle(cause: .failedFork, ends: PolicyTime(milliseconds: 0))
        try coder.code(&throttle, absent: none) { coder, throttle throws(StateProblem) in
            try coder.code(&throttle.cause)
            try coder.code(&throttle.ends)
        }
        try coder.code(&owed)
        try coder.code(&retryDue)
        try coder.code(&failedAdmissions)
        try coder.code(&spawn)
        try coder.code(&idle)
        try coder.code(&starting)
        try coder.code(&total)
        try coder.code(&draining)
        try coder.code(&retiredIdle)
        try coder.code(&lastSpawn)
        try coder.code(&stressUntil)
        try coder.code(&lastLimitNote)
        try crowd.code(with: &coder)
        try window.code(with: &coder)
        try looks.code(with: &coder)
        try coder.code(&isAwaitingFirstUse)
        try coder.code(&wakeupDue)
        try coder.code(&removalDue)
        try figures.code(with: &coder)
        try steering.code(with: &coder)
        try coder.code(&retirement, absent: Retirement(wanted: 0)) { coder, retirement throws(StateProblem) in
            try retirement.code(with: &coder)
        }
        try coder.code(&turnDue)
        try coder.code(&outgoingEnd)
        try coder.code(&outgoingLook)
    }
}

extension Steering {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&wishes)
        try coder.code(&phase)
        try coder.code(&isRefusing)
        try coder.code(&deadline)
        try coder.code(&isTerminated)
        try coder.code(&lookDue)
        try coder.code(&cutOff)
    }
}

extension Retirement {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&phase)
        try coder.code(&wanted)
        try coder.code(&former)
        try coder.code(&hasStarted)
        try coder.code(&burst)
        try coder.code(&stepDue)
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
        try coder.code(&started)
        try coder.code(&since)
        try coder.code(&isFormer)
        try coder.code(&isCutOff)
    }
}

extension ServiceID {
    package mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
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
        try coder.code(&warningSeconds)
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
        try coder.code(&isAnswered)
    }
}

extension Crowd {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&since)
        try coder.code(&lastCount)
        try coder.code(&turnedAway)
        try coder.code(&lastWaitNote)
        try coder.code(&lastOverflowNote)
        try coder.code(&unnotedOverflows)
    }
}

extension ServiceFigures {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        try coder.code(&since)
        try coder.code(&until)
        try coder.code(&busyMilliseconds)
        try coder.code(&saturatedMilliseconds)
        try coder.code(&crowdedMilliseconds)
        try coder.code(&isCrowded)
        try coder.code(&clientsWaiting)
        try coder.code(&lookedAt)
        try coder.code(&queueRoom)
        try coder.code(&overflows)
        try coder.code(&lastOverflow)
        try coder.code(&uses)
        try coder.code(&starts)
        try coder.code(&readyTimes.sum)
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
            try coder.code(&trouble.time)
        }
    }
}

extension PolicyCounters {
    mutating func code(with coder: inout some StateCoder) throws(StateProblem) {
        for field in Self.fields { try coder.code(&self[keyPath: field]) }
    }
}
