//===----------------------------------------------------------------------===//
// Quartermaster: when the exchanges of an open loop are meant to begin
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// One worker's part of the intended starts: every n-th of them, with the moment at which each is due.
struct StartClock: Sendable {
    /// Later than this is late.
    static let tolerance: Int64 = 1_000_000

    private let profile: RateProfile
    private let stride: Int
    private let exchanges: Int
    private var index: Int
    private var line = 0
    private var start: Int64 = 0
    private var measureFrom: Int64 = 0
    /// Starts after the warm-up so far.
    private var taken = 0

    /// When the next exchange is due; nil: there is none.
    private(set) var next: Int64?
    /// Readable when one is due. The owner of this value closes it.
    private(set) var alarm: DescriptorNumber?
    /// The alarm went off and has not been set again.
    var hasRung = false
    private var setFor: Int64 = 0

    init(_ profile: RateProfile, plan: LoadPlan, share: LoadShare) {
        self.profile = profile
        stride = plan.threads
        exchanges = share.exchanges
        index = share.index
    }

    mutating func begin(at start: Int64, measuringFrom: Int64) throws(SystemError) {
        self.start = start
        measureFrom = measuringFrom
        alarm = try makeAlarm().release()
        find()
    }

    /// Takes the next start when it is due now and before `end`, for a client that is free; nil when there is none.
    mutating func takeDue(before end: Int64) -> (due: Int64, now: Int64)? {
        guard let due = next else { return nil }
        let now = Clock.monotonicNanoseconds()
        if due > now || due >= end { return nil }
        advance()
        return (due, now)
    }

    private mutating func advance() {
        if let next, next >= measureFrom { taken += 1 }
        index += stride
        find()
    }

    private mutating func find() {
        next = taken >= exchanges ? nil : profile.nanoseconds(ofStart: index, line: &line).map { start + $0 }
    }

    /// Goes past what was due before `end`: how many of them, without those of the warm-up.
    mutating func takeMissed(before end: Int64) -> Int {
        var missed = 0
        while let due = next, due < end {
            if due >= measureFrom { missed += 1 }
            advance()
        }
        next = nil
        return missed
    }

    /// How many milliseconds an event loop may wait that has to be awake at `moment`: the alarm wakes it for the next
    /// start, if a client is free.
    mutating func patience(until moment: Int64, from now: Int64, hasFree: Bool) throws(SystemError) -> Int64 {
        if let next, hasFree, next < moment {
            if next <= Clock.monotonicNanoseconds() { return 0 }
            try setAlarm(at: next)
        } else if hasRung {
            try setAlarm(at: 0)
        }
        return max((moment - now + 999_999) / 1_000_000, 0)
    }

    private mutating func setAlarm(at moment: Int64) throws(SystemError) {
        if let alarm, moment != setFor || hasRung { try alarm.setAlarm(at: moment) }
        setFor = moment
        hasRung = false
    }
}
