//===----------------------------------------------------------------------===//
// Quartermaster: when master rests between reports
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import MasterPolicy

@Suite("Pacing of reports") struct ReportPacingTests {
    private let millisecond: Int64 = 1_000_000

    @Test("quiet turns close upon each other are followed by a rest, from the second on")
    func storm() {
        var pacing = ReportPacing()
        #expect(pacing.turnEnded(wasQuiet: true, now: 0) == 0)
        for turn in 1...5 as ClosedRange<Int64> {
            #expect(pacing.turnEnded(wasQuiet: true, now: turn * millisecond) == ReportPacing.restMicroseconds)
        }
    }

    @Test("quiet turns now and then are not")
    func quietTimes() {
        var pacing = ReportPacing()
        for turn in 0...5 as ClosedRange<Int64> {
            #expect(pacing.turnEnded(wasQuiet: true, now: turn * ReportPacing.stormNanoseconds) == 0)
        }
    }

    @Test("a turn that led to something is followed by none, and neither is the next one")
    func somethingHappens() {
        var pacing = ReportPacing()
        _ = pacing.turnEnded(wasQuiet: true, now: 0)
        #expect(pacing.turnEnded(wasQuiet: true, now: 1) > 0)
        #expect(pacing.turnEnded(wasQuiet: false, now: 2) == 0)
        #expect(pacing.turnEnded(wasQuiet: true, now: 3) == 0)
        #expect(pacing.turnEnded(wasQuiet: true, now: 4) > 0)
    }

    @Test("a storm goes on through its own rests")
    func restsAreShorterThanTheStorm() {
        #expect(Int64(ReportPacing.restMicroseconds) * 2000 <= ReportPacing.stormNanoseconds)
    }
}
