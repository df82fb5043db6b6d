//===----------------------------------------------------------------------===//
// Quartermaster: tests of times as people and programs read them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Testing

@testable import MasterOverview

@Suite("Times") struct RealTimeTests {
    @Test("timestamps are those of Foundation, leap days and the years before 1970 included")
    func timestamps() {
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        var moment: Int64 = -2_000_000_000_123
        while moment < 5_000_000_000_000 {
            #expect(timestamp(moment) == formatter.string(from: Date(timeIntervalSince1970: Double(moment) / 1000)))
            moment += 86_399_517 * 61
        }
        #expect(timestamp(951_782_400_000) == "2000-02-29T00:00:00.000Z")
        #expect(timestamp(.max).hasPrefix("9999-12-31") && timestamp(.min).hasPrefix("0000-01-01"))
    }

    @Test(
        "lengths of time have their two largest units",
        arguments: [
            (0, "0ms"), (999, "999ms"), (1000, "1.0s"), (9999, "9.9s"), (10_000, "10s"), (60_000, "1m"),
            (61_000, "1m 1s"), (3_600_000, "1h"), (90_061_000, "1d 1h"), (-5, "0ms"),
        ] as [(Int64, String)]
    )
    func spans(_ milliseconds: Int64, _ text: String) {
        #expect(span(milliseconds) == text)
    }
}
