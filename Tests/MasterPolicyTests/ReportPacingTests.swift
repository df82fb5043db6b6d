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
        #expect(pacing.turnEnded(wasQuiet: true, now: 0) == .listen)
        for turn in 1...5 as ClosedRange<Int64> {
            #expect(pacing.turnEnded(wasQuiet: true, now: turn * millisecond) == .rest)
        }
    }

    @Test("quiet turns now and then are not")
    func quietTimes() {
        var pacing = ReportPacing()
        for turn in 0...5 as ClosedRange<Int64> {
            #expect(pacing.turnEnded(wasQuiet: true, now: turn * ReportPacing.stormNanoseconds) == .listen)
        }
    }

    @Test("a turn that led to something is followed by none, and neither is the next one")
    func somethingHappens() {
        var pacing = ReportPacing()
        _ = pacing.turnEnded(wasQuiet: true, now: 0)
        #expect(pacing.turnEnded(wasQuiet: true, now: 1) == .rest)
        #expect(pacing.turnEnded(wasQuiet: false, now: 2) == .listen)
        #expect(pacing.turnEnded(wasQuiet: true, now: 3) == .listen)
        #expect(pacing.turnEnded(wasQuiet: true, now: 4) == .rest)
    }

    @Test("a storm goes on through its own rests")
    func restsAreShorterThanTheStorm() {
        #expect(ReportPacing.restMilliseconds * 2 * millisecond <= ReportPacing.stormNanoseconds)
    }

    @Test("rests follow each other while reports come and change nothing")
    func restAfterRest() {
        var pacing = ReportPacing()
        #expect(pacing.restEnded(reports: 3, wasQuiet: true, now: 0) == .rest)
        #expect(pacing.restEnded(reports: 0, wasQuiet: true, now: 1) == .listen)
        #expect(pacing.turnEnded(wasQuiet: true, now: 2) == .listen, "what was before the pause does not count")
        #expect(pacing.restEnded(reports: 3, wasQuiet: false, now: 3) == .listen)
    }
}
