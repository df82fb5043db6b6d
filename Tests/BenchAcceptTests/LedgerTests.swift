//===----------------------------------------------------------------------===//
// Quartermaster: sums and queues
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import LoadGeneration
import LoadReports
import Testing

@Suite("the ledger")
struct LedgerTests {
    @Test("it adds up when every exchange ended once, under a name of its own")
    func addsUp() {
        var ledger = Ledger()
        for outcome in Outcome.allCases {
            ledger.open()
            #expect(ledger.report.unaccounted == 1)
            ledger.settle(outcome)
            #expect(ledger.report.addsUp)
        }
        #expect(ledger.opened == Outcome.allCases.count)
        #expect(Set(Outcome.allCases.map(\.name)).count == Outcome.allCases.count)
        #expect(ledger.report.failed.count == Outcome.allCases.count - 2)
        #expect(ledger.report.failed.values.allSatisfy { $0 == 1 })
    }

    @Test("an exchange that ended twice or never is seen")
    func doesNotAddUp() {
        var ledger = Ledger()
        ledger.open()
        ledger.settle(.answered)
        ledger.settle(.answered)
        #expect(ledger.report.unaccounted == -1)
        #expect(!ledger.report.isClean)
        ledger.open()
        ledger.open()
        #expect(ledger.report.unaccounted == 1)
    }

    @Test("the ledgers of several threads add up to one; what no client began counts as opened")
    func sum() {
        var (one, other) = (Ledger(), Ledger())
        one.open()
        one.settle(.refused)
        one.connections += 1
        other.miss(3)
        other.retries += 5
        one.add(other)
        #expect(
            one.report
                == LedgerReport(
                    opened: 4,
                    connections: 1,
                    answered: 0,
                    refused: 1,
                    failed: ["not begun": 3],
                    retries: 5
                )
        )
        #expect(one.report.addsUp)
    }
}

@Suite("distributions")
struct LatencyTests {
    @Test("what is recorded is reported, also after adding up and emptying")
    func report() throws {
        var (one, other) = (Latencies(), Latencies())
        #expect(one.report(.total) == nil)
        for index in 1...50 { one.record(nanoseconds: Int64(index) * 1_000_000) }
        for index in 51...100 { other.record(nanoseconds: Int64(index) * 1_000_000) }
        one.add(other)
        let report = try #require(one.report(.total))
        #expect(report.count == 100)
        #expect(abs(Double(report.value(atPercentile: 50)) / 50e6 - 1) < 0.002)
        #expect(abs(Double(report.value(atPercentile: 99)) / 99e6 - 1) < 0.002)
        #expect(report.maximum == 100_000_000 && report.minimum == 1_000_000)
        one.reset()
        #expect(one.count == 0 && one.report(.total) == nil)
    }

    @Test("no value is too small or too large")
    func bounds() throws {
        var latencies = Latencies(isCoarse: true)
        latencies.record(nanoseconds: -5)
        latencies.record(nanoseconds: .max)
        #expect(latencies.count == 2)
        #expect(latencies.nanoseconds(atPercentile: 100) == 3_600_000_000_000)
    }
}

@Suite("waiting in line")
struct SlotQueueTests {
    @Test("first in, first out, around the end of its memory")
    func order() {
        var queue = SlotQueue(capacity: 3)
        #expect(queue.popFirst() == nil)
        for round in 0..<10 {
            queue.append(round)
            queue.append(round + 100)
            #expect(queue.head == round)
            #expect(queue.popFirst() == round)
            #expect(queue.popFirst() == round + 100)
            #expect(queue.isEmpty)
        }
    }
}
