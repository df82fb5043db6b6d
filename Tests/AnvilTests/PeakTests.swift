//===----------------------------------------------------------------------===//
// Quartermaster: what anvil reports
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import AnvilRates

struct PeakTests {
    private func note(_ peaks: inout Peaks, _ rate: Rate, _ value: Int32, _ name: String, at seconds: Int64) {
        let bytes = Array(name.utf8)
        peaks.note(rate, value, ident: bytes.span.bytes, seconds: { seconds })
    }

    @Test("the report has a line for every peak in a fixed order")
    func report() {
        var peaks = Peaks()
        for (index, rate) in Rate.allCases.reversed().enumerated() {
            note(&peaks, rate, Int32(index + 1), "smtp:192.0.2.\(index)", at: Int64(index))
        }
        let ident = Array("smtp:192.0.2.9".utf8)
        peaks.note(count: 7, ident: ident.span.bytes, seconds: { 100 })
        peaks.note(cacheSize: 12, seconds: { 200 })
        #expect(
            peaks.report(timeUnit: 60, date: { "<\($0)>" }) == [
                "statistics: max connection rate 5/60s for (smtp:192.0.2.4) at <4>",
                "statistics: max connection count 7 for (smtp:192.0.2.9) at <100>",
                "statistics: max message rate 4/60s for (smtp:192.0.2.3) at <3>",
                "statistics: max recipient rate 3/60s for (smtp:192.0.2.2) at <2>",
                "statistics: max newtls rate 2/60s for (smtp:192.0.2.1) at <1>",
                "statistics: max auth rate 1/60s for (smtp:192.0.2.0) at <0>",
                "statistics: max cache size 12 at <200>",
            ]
        )
        #expect(peaks.report(timeUnit: 60, date: { "<\($0)>" }).isEmpty, "a report begins a new period")
    }

    @Test("only a higher figure replaces a peak")
    func higherFigure() {
        var peaks = Peaks()
        note(&peaks, .message, 3, "first", at: 1)
        note(&peaks, .message, 3, "second", at: 2)
        note(&peaks, .message, 2, "third", at: 3)
        #expect(peaks.report(timeUnit: 1, date: { "\($0)" }) == ["statistics: max message rate 3/1s for (first) at 1"])
    }
}
