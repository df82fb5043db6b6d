//===----------------------------------------------------------------------===//
// Quartermaster: what the status page says of a service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What reports of its processes change. Times are milliseconds of CLOCK_MONOTONIC, 0 for never.
package struct ServiceLoad: Equatable, Sendable {
    package var cover = ServiceCover.unknown
    package var starting: Int32 = 0
    package var idle: Int32 = 0
    package var busy: Int32 = 0
    /// Idle ones that are about to leave, because of a reload or because stress began.
    package var retired: Int32 = 0
    /// Clients that waited when last looked, and when that was.
    package var waiting: Int32 = 0
    package var waitingSeen: Int64 = 0
    /// How often a process became busy.
    package var uses: UInt64 = 0
    /// The sums below are counted up to this moment; what lasts goes on from there.
    package var counted: Int64 = 0
    /// Milliseconds of all busy processes together.
    package var busyTime: Int64 = 0
    /// Milliseconds in which all processes were busy and there could not be more; and how much of that clients waited.
    package var saturatedTime: Int64 = 0
    package var crowdedTime: Int64 = 0

    package init() {}

    @inline(__always)
    mutating func code(with coder: inout some WordCoder) {
        coder.code(&cover.code)
        coder.code(&starting)
        coder.code(&idle)
        coder.code(&busy)
        coder.code(&retired)
        coder.code(&waiting)
        coder.code(&waitingSeen)
        coder.code(&uses)
        coder.code(&counted)
        coder.code(&busyTime)
        coder.code(&saturatedTime)
        coder.code(&crowdedTime)
        coder.skip(3)
    }

    static let wordCount = 15
}

/// What starts, ends, limits and timers of a service change.
package struct ServiceCounts: Equatable, Sendable {
    /// 0: any number.
    package var processLimit: Int32 = 0
    package var flags = ServiceFlags()
    /// When it was added.
    package var added: Int64 = 0
    /// When a throttle, stress, and the time to the next wake-up end; 0 when there is none.
    package var throttledUntil: Int64 = 0
    package var stressUntil: Int64 = 0
    package var nextWakeup: Int64 = 0
    package var starts: UInt64 = 0
    package var cleanEnds: UInt64 = 0
    package var failedEnds: UInt64 = 0
    package var killedEnds: UInt64 = 0
    /// Of all ends, those of processes that were never heard of.
    package var neverReady: UInt64 = 0
    package var throttles: UInt64 = 0
    package var stressOnsets: UInt64 = 0
    package var wakeups: UInt64 = 0
    /// Of the trouble in the texts.
    package var troubleTime: Int64 = 0
    /// Clients that found no room in the queue (TCP), and looks at a full service that found the queue full (all
    /// others); and when the last of them was noticed.
    package var overflows: UInt64 = 0
    package var overflowTime: Int64 = 0
    /// How many may wait at an endpoint; 0 while that was not seen.
    package var queueRoom: Int32 = 0
    package var readyTimes = ReadyTimes()

    package init() {}

    mutating func code(with coder: inout some WordCoder) {
        coder.code(&processLimit)
        coder.code(&flags.code)
        coder.code(&added)
        coder.code(&throttledUntil)
        coder.code(&stressUntil)
        coder.code(&nextWakeup)
        coder.code(&starts)
        coder.code(&cleanEnds)
        coder.code(&failedEnds)
        coder.code(&killedEnds)
        coder.code(&neverReady)
        coder.code(&throttles)
        coder.code(&stressOnsets)
        coder.code(&wakeups)
        coder.code(&troubleTime)
        coder.code(&overflows)
        coder.code(&overflowTime)
        coder.code(&queueRoom)
        coder.skip(5)
        coder.code(&readyTimes.sum)
        for bucket in 0..<ReadyTimes.bucketCount { coder.code(&readyTimes.counts[bucket]) }
        coder.skip(ReadyTimes.bucketRoom - ReadyTimes.bucketCount)
    }

    static let wordCount = 48
}

/// What a service is, and what was wrong with it last.
package struct ServiceTexts: Equatable, Sendable {
    /// Which service of those that had this row; 0: the row is free.
    package var life: UInt64 = 0
    /// The first two columns of master.cf.
    package var name = ""
    package var type = ""
    /// The name as master's messages have it behind the first: the port, or the path.
    package var canonicalName = ""
    package var program = ""
    package var trouble = ""

    package init() {}

    mutating func code(with coder: inout some WordCoder) {
        coder.code(&life)
        coder.code(&type, words: 2)
        coder.code(&name, words: 14)
        coder.code(&canonicalName, words: 14)
        coder.code(&program, words: 13)
        coder.code(&trouble, words: 20)
    }

    static let wordCount = 64
}

/// One service, whole.
package struct ServiceOverview: Equatable, Sendable {
    package var row = 0
    package var load = ServiceLoad()
    package var counts = ServiceCounts()
    package var texts = ServiceTexts()

    package init() {}

    /// Words behind the record's number where each part begins.
    static let loadPlace = 1
    static let countsPlace = loadPlace + ServiceLoad.wordCount
    static let textsPlace = countsPlace + ServiceCounts.wordCount

    mutating func code(with coder: inout some WordCoder) {
        load.code(with: &coder)
        counts.code(with: &coder)
        texts.code(with: &coder)
    }

    /// All processes.
    package var total: Int32 { load.starting + load.idle + load.busy + load.retired }
}

/// Who looks after a service's clients. Public for the sake of `PageRows`.
public enum ServiceCover: UInt64, CaseIterable, Sendable {
    case unknown
    /// The service was removed; its last processes are on their way out.
    case leaving
    /// There is no status channel, for want of memory or descriptors; that is tried again.
    case noChannel
    /// Nobody, until the throttle ends.
    case throttled
    /// A process that is being started.
    case starting
    case idleProcesses
    /// All processes are busy, and there may not be more.
    case saturated
    /// master, which starts a process for the next client.
    case master
    /// Nobody: it was switched off.
    case disabled
    /// Nobody: it is being drained.
    case draining

    var code: UInt64 {
        get { rawValue }
        set { self = Self(rawValue: newValue) ?? .unknown }
    }

    package var name: String {
        switch self {
        case .noChannel: "no-channel"
        case .idleProcesses: "idle-processes"
        case .unknown, .leaving, .throttled, .starting, .saturated, .master, .disabled, .draining: "\(self)"
        }
    }
}

package struct ServiceFlags: OptionSet, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }

    /// No wake-ups before its first use.
    package static let awaitsFirstUse = ServiceFlags(rawValue: 1)
    /// Other machines may be its clients, so that stress is told to its processes.
    package static let isStressEligible = ServiceFlags(rawValue: 2)
    /// New clients are turned away.
    package static let isRefusing = ServiceFlags(rawValue: 4)

    var code: UInt64 {
        get { rawValue }
        set { self = ServiceFlags(rawValue: newValue) }
    }
}

/// From a process's fork to its first client, counted by length.
package struct ReadyTimes: Equatable, Sendable {
    /// Bucket `i` counts times of less than `2^i` milliseconds that are in no bucket before; the last one all others.
    package static let bucketCount = 16
    static let bucketRoom = 24

    package var counts = [UInt64](repeating: 0, count: Self.bucketCount)
    /// Milliseconds of all of them.
    package var sum: UInt64 = 0

    package init() {}

    package var count: UInt64 { counts.reduce(0, &+) }

    /// In milliseconds; nil for the last one.
    package static func upperBound(_ bucket: Int) -> Int64? { bucket == bucketCount - 1 ? nil : 1 << bucket }
}
