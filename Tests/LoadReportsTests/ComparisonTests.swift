//===----------------------------------------------------------------------===//
// Quartermaster: two records side by side
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Testing

@testable import LoadReports

@Suite("the rank-sum test")
struct RankTestTests {
    @Test(
        "two sets that do not overlap",
        arguments: [(3, 2.0 / 20), (4, 2.0 / 70), (5, 2.0 / 252), (8, 2.0 / 12_870)] as [(Int, Double)]
    )
    func apart(size: Int, probability: Double) {
        let (low, high) = ((0..<size).map(Double.init), (100..<(100 + size)).map(Double.init))
        #expect(abs(RankTest.probability(low, high) - probability) < 1e-12)
        #expect(abs(RankTest.probability(high, low) - probability) < 1e-12)
    }

    @Test("equal figures, and none")
    func equal() {
        #expect(RankTest.probability([5, 5, 5, 5], [5, 5, 5, 5]) == 1)
        #expect(RankTest.probability([], [1, 2]) == 1)
        #expect(RankTest.probability([1], []) == 1)
    }

    @Test("ties share the mean of their ranks")
    func ranks() { #expect(RankTest.doubledRanks([3, 1, 3, 2, 3]) == [8, 2, 8, 4, 8]) }

    /// All ways to deal the ranks, one by one.
    private func counted(_ first: [Double], _ second: [Double]) -> Double {
        let ranks = RankTest.doubledRanks(first + second).map(Double.init)
        let mean = ranks.reduce(0, +) * Double(first.count) / Double(ranks.count)
        let distance = abs(ranks[..<first.count].reduce(0, +) - mean)
        var (all, extreme) = (0.0, 0.0)
        for choice in 0..<(1 << ranks.count) where choice.nonzeroBitCount == first.count {
            let sum = ranks.indices.reduce(0) { $0 + (choice >> $1 & 1 == 1 ? ranks[$1] : 0) }
            all += 1
            if abs(sum - mean) >= distance - 1e-9 { extreme += 1 }
        }
        return extreme / all
    }

    @Test(
        "as many orders as counting them one by one finds",
        arguments: [
            ([1, 2, 3, 4], [2, 3, 4, 5]), ([1, 5, 9, 12, 13], [2, 3, 4]), ([7], [1, 2, 3, 7, 8]),
            ([1, 1, 2, 2, 3], [2, 2, 3, 3, 3]), ([4, 6, 8, 10], [5, 7, 9, 30]),
        ] as [([Double], [Double])]
    )
    func exact(first: [Double], second: [Double]) {
        #expect(abs(RankTest.probability(first, second) - counted(first, second)) < 1e-9)
    }

    @Test("the approximation for many runs goes on where counting stops")
    func approximation() {
        for shift in [1.5, 4.5, 7.5] {
            let few = RankTest.probability((0..<20).map(Double.init), (0..<20).map { Double($0) + shift })
            let many = RankTest.probability((0..<20).map(Double.init), (0..<21).map { Double($0) + shift - 0.5 })
            #expect(abs(few - many) < 0.03, "\(few) \(many)")
        }
        #expect(RankTest.probability([Double](repeating: 1, count: 30), [Double](repeating: 1, count: 30)) == 1)
    }
}

@Suite("comparisons")
struct ComparisonTests {
    private func record(_ rates: [Int], scale: Int64 = 1, server: Double? = 0.2) -> LoadRecord {
        Sample.record(rates.map { Sample.run(rate: $0, scale: scale, server: server) })
    }

    private let base = [1000, 1010, 990, 1005, 995]

    private func verdicts(_ comparison: Comparison) -> [ComparedFigure.Name: Comparison.Verdict] {
        Dictionary(uniqueKeysWithValues: comparison.lines.map { ($0.name, $0.verdict) })
    }

    @Test("slower in everything")
    func worse() {
        let comparison = Comparison(
            baseline: record(base),
            candidate: record(base.map { $0 * 8 / 10 }, scale: 2, server: 0.4)
        )
        #expect(comparison.lines.count == 5)
        #expect(Set(comparison.lines.map(\.verdict)) == [.worse])
        #expect(comparison.verdict == .worse)
        #expect(comparison.exitStatus == 2)
    }

    @Test("faster in everything")
    func better() {
        let comparison = Comparison(
            baseline: record(base.map { $0 * 8 / 10 }, scale: 2, server: 0.4),
            candidate: record(base)
        )
        #expect(Set(comparison.lines.map(\.verdict)) == [.better])
        #expect(comparison.verdict == .better)
        #expect(comparison.exitStatus == 0)
    }

    @Test("better in one, worse in another is worse")
    func mixed() {
        let comparison = Comparison(baseline: record(base), candidate: record(base.map { $0 * 2 }, scale: 2))
        #expect(verdicts(comparison)[.rate] == .better)
        #expect(verdicts(comparison)[.p50] == .worse)
        #expect(comparison.verdict == .worse)
    }

    @Test("noise that overlaps shows nothing")
    func noise() {
        let comparison = Comparison(baseline: record(base), candidate: record([1200, 800, 1001, 1100, 900]))
        #expect(verdicts(comparison)[.rate] == .noDifferenceShown)
    }

    @Test("a change that is real but tiny shows nothing, unless it is asked for")
    func tiny() {
        let candidate = record(base.map { $0 + 16 }, server: 0.2 * 1.016)
        #expect(
            Comparison(baseline: record([1000, 1001, 1002, 1003, 1004]), candidate: candidate).verdict
                == .noDifferenceShown
        )
        let strict = Comparison(
            baseline: record([990, 991, 992, 993, 994]),
            candidate: candidate,
            minimumEffect: 0.001
        )
        #expect(verdicts(strict)[.rate] == .better)
    }

    @Test("too few runs to tell, however far apart", arguments: [1, 3])
    func tooFew(runs: Int) {
        let comparison = Comparison(baseline: record(base), candidate: record(Array(repeating: 1, count: runs)))
        #expect(Set(comparison.lines.map(\.verdict)) == [.tooFewRuns])
        #expect(comparison.verdict == .tooFewRuns)
        #expect(comparison.exitStatus == 0)
        #expect(comparison.table.contains("verdict: too few runs to tell: measure both with --repeat 4 or more"))
    }

    @Test("four runs each are enough")
    func four() {
        let comparison = Comparison(
            baseline: record([1000, 1001, 1002, 1003]),
            candidate: record([500, 501, 502, 503])
        )
        #expect(verdicts(comparison)[.rate] == .worse)
    }

    @Test("no runs, nothing answered, nobody watched")
    func absent() throws {
        let none = Comparison(baseline: Sample.record([]), candidate: record(base))
        #expect(none.lines.isEmpty)
        #expect(none.table.contains("no figure is in both"))
        let empty = Sample.record(Array(repeating: Sample.emptyRun, count: 5))
        let silent = Comparison(baseline: empty, candidate: record(base))
        #expect(silent.lines.map(\.name) == [.rate])
        #expect(silent.lines[0].change == nil)
        #expect(silent.verdict == .better)
        #expect(try !silent.json().isEmpty)
        #expect(Comparison(baseline: empty, candidate: empty).verdict == .noDifferenceShown)
        let unwatched = Comparison(baseline: record(base, server: nil), candidate: record(base))
        #expect(unwatched.lines.map(\.name) == [.rate, .p50, .p99, .p999])
    }

    @Test("it warns of setups, machines and runs that do not compare")
    func warnings() {
        var other = record(base)
        other.setup.target = "tcp [::1]:25"
        other.setup.clients = 51
        other.setup.intendedRate = 5
        other.setup.closesWithReset = true
        other.machine.processors = 64
        other.runs[0].ledger.opened += 1
        other.runs[1].generator.busiestThread = 1
        other.runs[2].ledger.failed = ["reset": 4]
        let warnings = Comparison(baseline: record(base), candidate: other).warnings
        #expect(
            warnings == [
                "the setups differ: target tcp 127.0.0.1:2525 and tcp [::1]:25",
                "the setups differ: clients 50 and 51", "the setups differ: intended rate none and 5.0",
                "the setups differ: closing orderly and reset",
                "the machines differ: 2 × Example 3000, Linux 6.1.0 and 64 × Example 3000, Linux 6.1.0",
                "candidate: 4 exchanges failed; they are in no figure below",
                "candidate: the ledger of 2 of its runs does not add up",
                "candidate: in 1 of 5 runs the generator was the limit",
            ]
        )
        #expect(Comparison(baseline: record(base), candidate: record(base)).warnings.isEmpty)
    }

    @Test("as a table, and as JSON that is read back")
    func faces() throws {
        var candidate = record(base.map { $0 * 7 / 10 })
        candidate.machine.kernel = "Linux 7.0"
        let comparison = Comparison(baseline: record(base), candidate: candidate)
        try Golden.expect(comparison.table, equals: "comparison.txt")
        #expect(try JSONDecoder().decode(Comparison.self, from: Data(comparison.json().utf8)) == comparison)
    }
}
