//===----------------------------------------------------------------------===//
// Quartermaster: sums, distributions and their two forms
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import LoadGeneration
import Testing

@Suite("the ledger")
struct LedgerTests {
    @Test("it adds up when every exchange ended once")
    func addsUp() {
        var ledger = Ledger()
        for outcome in Outcome.allCases {
            ledger.open()
            #expect(ledger.unaccounted == 1)
            ledger.settle(outcome)
            #expect(ledger.addsUp)
        }
        #expect(ledger.opened == Outcome.allCases.count)
        #expect(ledger.failures.count == Outcome.allCases.count - 2)
    }

    @Test("an exchange that ended twice or never is seen")
    func doesNotAddUp() {
        var ledger = Ledger()
        ledger.open()
        ledger.settle(.answered)
        ledger.settle(.answered)
        #expect(ledger.unaccounted == -1)
        #expect(!ledger.isClean)
        ledger.open()
        ledger.open()
        #expect(ledger.unaccounted == 1)
        #expect(!ledger.isClean)
    }

    @Test("clean: something answered, nothing failed; refusals do not matter")
    func clean() {
        var ledger = Ledger()
        #expect(!ledger.isClean)
        ledger.open()
        ledger.settle(.refused)
        #expect(!ledger.isClean)
        ledger.open()
        ledger.settle(.answered)
        #expect(ledger.isClean)
        ledger.retries += 1
        #expect(ledger.isClean)
        ledger.open()
        ledger.settle(.wrongReply)
        #expect(!ledger.isClean)
    }

    @Test("every outcome has a name of its own")
    func names() {
        #expect(Set(Outcome.allCases.map(\.name)).count == Outcome.allCases.count)
    }
}

@Suite("reports")
struct ReportTests {
    private func report(settling outcomes: [Outcome], opened: Int? = nil) throws -> LoadReport {
        var (ledger, latencies) = (Ledger(), Latencies())
        for _ in 0..<(opened ?? outcomes.count) { ledger.open() }
        for (index, outcome) in outcomes.enumerated() {
            ledger.settle(outcome)
            if outcome == .answered { latencies.record(nanoseconds: Int64(index + 1) * 1000) }
        }
        let plan = LoadPlan(
            mode: .storm,
            target: try Target(unixPath: "/tmp/a \"b\\\n"),
            script: Script(),
            clients: 3,
            limit: LoadLimit(),
            timeoutNanoseconds: 1
        )
        return LoadReport(
            plan: plan,
            nanoseconds: 2_000_000_000,
            ledger: ledger,
            latencies: latencies,
            firstByteLatencies: Latencies(),
            firstProblem: nil
        )
    }

    @Test("JSON that a parser reads back")
    func json() throws {
        let outcomes = [Outcome](repeating: .answered, count: 100) + [.refused, .wrongReply, .wrongReply, .timedOut]
        let text = try report(settling: outcomes).json
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["mode"] as? String == "storm")
        #expect(object["target"] as? String == "unix:/tmp/a \"b\\\n")
        #expect(object["seconds"] as? Double == 2)
        #expect(object["rate"] as? Double == 50)
        #expect(object["opened"] as? Int == 104)
        #expect(object["answered"] as? Int == 100)
        #expect(object["refused"] as? Int == 1)
        #expect(object["unaccounted"] as? Int == 0)
        #expect(object["failed"] as? [String: Int] == ["wrong reply": 2, "timed out": 1])
        let percentiles = try #require(object["percentiles_us"] as? [String: Double])
        #expect(Set(percentiles.keys) == ["50", "90", "99", "99.9", "99.99", "max"])
        #expect(abs(percentiles["50"]! - 50) < 0.1)
        #expect(abs(percentiles["99"]! - 99) < 0.1)
        #expect(abs(percentiles["max"]! - 100) < 0.1)
    }

    @Test("the table shows the ledger, and what it misses")
    func table() throws {
        let whole = try report(settling: [.answered, .answered, .reset]).table
        #expect(whole.contains("ledger: opened 3 = answered 2 + refused 0 + reset 1\n"))
        let torn = try report(settling: [.answered], opened: 3).table
        #expect(torn.contains("ledger: opened 3 = answered 1 + refused 0 + UNACCOUNTED 2\n"))
    }

    @Test(
        "decimals",
        arguments: [
            (0.0, 1, "0.0"), (1.25, 2, "1.25"), (0.05, 1, "0.1"), (-1.5, 1, "-1.5"), (3.006, 2, "3.01"), (7.6, 0, "8"),
            (-0.001, 1, "0.0"),
        ]
    )
    func decimals(value: Double, decimals: Int, text: String) {
        #expect(fixed(value, decimals) == text)
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
