//===----------------------------------------------------------------------===//
// Quartermaster: the values the policy works with
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A moment, in milliseconds since a point that the caller chose; only differences count.
package struct PolicyTime: Hashable, Comparable, Sendable {
    package var milliseconds: Int64

    package init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    package static func < (left: PolicyTime, right: PolicyTime) -> Bool { left.milliseconds < right.milliseconds }

    package func advanced(byMilliseconds interval: Int64) -> PolicyTime {
        PolicyTime(milliseconds: milliseconds + interval)
    }

    package func advanced(bySeconds seconds: Int) -> PolicyTime {
        PolicyTime(milliseconds: milliseconds + Int64(seconds) * 1000)
    }
}

/// Times that the policy alone keeps.
package enum PolicyLimit {
    /// How long a service counts as overloaded after it last came within one process of its limit.
    static let stressSeconds = 1000
    /// How long children that are to end have between SIGTERM and SIGKILL.
    static let removalSeconds = 5
    /// Between two looks of a drain, and two steps of a retirement.
    static let steeringMilliseconds: Int64 = 250
    /// How long fresh processes have to come up, before those that they replace are told to leave. A client that comes
    /// to one that is not up yet waits for it; the time is for those who would fail.
    static let settlingMilliseconds: Int64 = 1000
    /// How long a child may take to come up before another is started beside it. A start on a busy machine can take
    /// seconds, and more starts would make it slower still.
    static let patienceSeconds = 10
    /// Between two tries of what the kernel refused: clients notice a delay at most, and a machine in distress no load.
    package static let retryMilliseconds: Int64 = 100
    /// How often the time between two tries to open endpoints again is doubled: up to 6.4 s.
    static let longestBackOff: UInt8 = 6
}

/// One life of a service: a slot that is used again, and a number that never is.
package struct ServiceID: Hashable, Sendable {
    /// Small and dense, so that the caller can keep what belongs to a service in an array.
    package let index: Int32
    package let generation: UInt32

    package init(index: Int32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}

/// What master.cf says about a service, as far as decisions depend on it.
package struct ServiceRules: Equatable, Sendable {
    /// Most processes at a time; 0 means any number.
    package var processLimit: Int32
    /// How long nothing is started after a failed start.
    package var throttleSeconds: Int32
    /// Time between two wake-ups; 0 means none.
    package var wakeupSeconds: Int32
    /// Wake-ups begin only when the service was used for the first time.
    package var isWakeupConditional: Bool
    /// Only processes of this machine are clients, which never counts as stress.
    package var isLocalOnly: Bool
    /// Most children that may be starting at the same time; 1 for one after the other.
    package var concurrentStarts: Int32
    /// Shortest time between two warnings of a kind: that the process limit is reached, that clients wait for it, that
    /// the queue overflows.
    package var warningSeconds: Int32

    package init(
        processLimit: Int32,
        throttleSeconds: Int32 = 60,
        wakeupSeconds: Int32 = 0,
        isWakeupConditional: Bool = false,
        isLocalOnly: Bool = false,
        concurrentStarts: Int32 = 1,
        warningSeconds: Int32 = 1000
    ) {
        self.processLimit = processLimit
        self.throttleSeconds = throttleSeconds
        self.wakeupSeconds = wakeupSeconds
        self.isWakeupConditional = isWakeupConditional
        self.isLocalOnly = isLocalOnly
        self.concurrentStarts = concurrentStarts
        self.warningSeconds = warningSeconds
    }

    func hasOtherWakeups(than other: ServiceRules) -> Bool {
        wakeupSeconds != other.wakeupSeconds || isWakeupConditional != other.isWakeupConditional
    }

    /// Whether coming near the limit makes the service run its children in stress mode.
    package var isStressEligible: Bool { !isLocalOnly && processLimit > 1 }
}

/// What became of a child, in the words of wait(2).
package enum ExitKind: Equatable, Sendable {
    case exited(status: Int32)
    case signaled(Int32)
    /// Not an end: a debugger may have stopped it.
    case stopped(Int32)
}
