//===----------------------------------------------------------------------===//
// Quartermaster: two records side by side
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Testing

@testable import LoadReports

@Suite("the signed-rank test")
struct SignedRankTestTests {
    @Test(
        "all differences to one side",
        arguments: [(3, 2.0 / 8), (5, 2.0 / 32), (8, 2.0 / 256), (12, 2.0 / 4096)] as [(Int, Double)]
    )
    func oneSided(size: Int, probability: Double) {
        let differences = (1...size).map(Double.init)
        #expect(abs(SignedRankTest.probability(differences) - probability) < 1e-12)
        #expect(abs(SignedRankTest.probability(differences.map { -$0 }) - probability) < 1e-12)
    }

    @Test("no differences, and none at all")
    func equal() {
        #expect(SignedRankTest.probability([0, 0, 0]) == 1)
        #expect(SignedRankTest.probability([]) == 1)
        #expect(SignedRankTest.probability([0, 3, 0]) == 1)
    }

    @Test("ties share the mean of their ranks")
    func ranks() { #expect(SignedRankTest.doubledRanks([3, 1, 3, 2, 3]) == [8, 2, 8, 4, 8]) }

    /// All ways to choose the signs, one by one.
    private func counted(_ differences: [Double]) -> Double {
        let ranks = SignedRankTest.doubledRanks(differences.map(abs))
        func distance(_ isPositive: (Int) -> Bool) -> Int {
            abs(ranks.indices.reduce(0) { $0 + (isPositive($1) ? ranks[$1] : -ranks[$1]) })
        }
        let observed = distance { differences[$0] > 0 }
        let choices = 0..<(1 << ranks.count)
        let extreme = choices.count { choice in distance { choice >> $0 & 1 == 1 } >= observed }
        return Double(extreme) / Double(choices.count)
    }

    @Test(
        "as many signs as counting them one by one finds",
        arguments: [[1, -2, 3, 4], [2, 2, -2, 5, 6], [-1, -1, -1, 4], [3, -1, 4, -1, 5, -9, 2, 6]] as [[Double]]
    )
    func exact(differences: [Double]) {
        #expect(abs(SignedRankTest.probability(differences) - counted(differences)) < 1e-9)
    }

    @Test("Holm's correction: the smallest counts as often as there are figures, and none becomes smaller than it")
    func corrected() {
        let found = SignedRankTest.corrected([0.04, 0.01, 0.02, 0.9])
        let wanted = [0.08, 0.04, 0.06, 0.9]
        #expect(zip(found, wanted).allSatisfy { abs($0 - $1) < 1e-12 })
        #expect(SignedRankTest.corrected([0.6, 0.5]) == [1, 1])
        #expect(SignedRankTest.corrected([]) == [])
    }
}

@Suite("comparisons")
struct ComparisonTests {
    private func record(_ rates: [Int], scale: Int64 = 1, server: Double? = 0.2) -> LoadRecord {
        Sample.record(rates.map { Sample.run(rate: $0, scale: scale, server: server) })
    }

    private let base = [1000, 1010, 990, 1005, 995, 1002, 998, 1007, 993, 1001]

    private func compare(_ baseline: LoadRecord, _ candidate: LoadRecord, minimumEffect: Double? = nil) -> Comparison {
        Comparison(baseline: baseline, candidate: candidate, order: .byTurns, minimumEffect: minimumEffect)
    }

    private func verdicts(_ comparison: Comparison) -> [ComparedFigure.Name: Comparison.Verdict] {
        Dictionary(uniqueKeysWithValues: comparison.lines.map { ($0.name, $0.verdict) })
    }

    @Test("slower in everything")
    func worse() {
        let comparison = compare(
            record(base),
            record(base.map { $0 * 8 / 10 }, scale: 2, server: 0.4)
        )
        #expect(comparison.lines.count == 5)
        #expect(Set(comparison.lines.map(\.verdict)) == [.worse])
        #expect(comparison.verdict == .worse)
        #expect(comparison.exitStatus == 2)
    }

    @Test("faster in everything")
    func better() {
        let comparison = compare(
            record(base.map { $0 * 8 / 10 }, scale: 2, server: 0.4),
            record(base)
        )
        #expect(Set(comparison.lines.map(\.verdict)) == [.better])
        #expect(comparison.verdict == .better)
        #expect(comparison.exitStatus == 0)
    }

    @Test("better in one, worse in another is worse")
    func mixed() {
        let comparison = compare(record(base), record(base.map { $0 * 2 }, scale: 2))
        #expect(verdicts(comparison)[.rate] == .better)
        #expect(verdicts(comparison)[.p50] == .worse)
        #expect(comparison.verdict == .worse)
    }

    @Test("noise to both sides shows nothing")
    func noise() {
        let comparison = compare(record(base), record([1200, 800, 1001, 1100, 900, 1001, 1050, 950, 1020, 990]))
        #expect(verdicts(comparison)[.rate] == .noDifferenceShown)
    }

    @Test("a change that is real but tiny shows nothing, unless it is asked for")
    func tiny() {
        let candidate = record(base.map { $0 + 16 }, server: 0.2 * 1.016)
        #expect(compare(record(base), candidate).verdict == .noDifferenceShown)
        #expect(verdicts(compare(record(base), candidate, minimumEffect: 0.001))[.rate] == .better)
    }

    @Test("too few rounds to tell, however far apart", arguments: [1, 7])
    func tooFew(runs: Int) {
        let comparison = compare(record(base), record(Array(repeating: 100, count: runs)))
        #expect(Set(comparison.lines.map(\.verdict)) == [.tooFewRounds])
        #expect(comparison.verdict == .tooFewRounds)
        #expect(comparison.exitStatus == 0)
        #expect(comparison.table.contains("verdict: too few rounds to tell: it takes --rounds 8 or more"))
    }

    @Test("eight rounds are enough")
    func eight() {
        let rates = Array(base.prefix(8))
        #expect(verdicts(compare(record(rates), record(rates.map { $0 / 2 })))[.rate] == .worse)
    }

    @Test("the drift of the machine, which meets both, hides no change")
    func drift() {
        let drifting = (0..<12).map { 1000 + 300 * $0 }
        let comparison = compare(record(drifting), record(drifting.map { $0 * 95 / 100 }))
        #expect(verdicts(comparison)[.rate] == .worse)
        #expect(comparison.lines[0].change.map { abs($0 + 0.05) < 0.002 } == true)
    }

    @Test("what is judged is told as such: the medians of all runs may say the opposite")
    func contradiction() {
        // Slower by 5 % in each round but one, in which the machine slept while the baseline ran.
        let slow = [1000, 1100, 1200, 1300, 1400, 1500, 1600, 1700, 1800]
        let baseline = record([900] + slow + [1000, 1000])
        let candidate = record([2000] + slow.map { $0 * 95 / 100 } + [1950, 1950])
        let comparison = compare(baseline, candidate)
        let rate = comparison.lines[0]
        #expect(rate.candidate > rate.baseline, "\(rate)")
        #expect(rate.change.map { abs($0 + 0.05) < 0.002 } == true, "\(rate)")
        // Not enough for a verdict; with one, the table says which of the two counts.
        #expect(!comparison.table.contains("note: "), "\(comparison.table)")
        var decided = comparison
        decided.lines[0].verdict = .worse
        let note = "note: rate: -5.0 % within the rounds counts, not +"
        #expect(decided.table.contains(note), "\(decided.table)")
        let words = decided.table.split(separator: "\n").prefix(4).joined(separator: "\n")
        #expect(
            words.contains("median of       all runs") && words.contains("changes within     the rounds"),
            "\(words)"
        )
    }

    @Test("a change that is not the same from the first rounds to the last is no verdict")
    func unsteady() {
        let rates = Array(repeating: 1000, count: 12)
        let comparison = compare(record(rates), record([700, 700, 700, 980, 980, 980, 970, 970, 970, 700, 700, 700]))
        #expect(comparison.lines[0].probability.map { $0 < 0.05 } == true)
        #expect(verdicts(comparison)[.rate] == .notSteady)
        #expect(comparison.verdict == .notSteady && comparison.exitStatus == 0)
        #expect(
            comparison.table.contains("verdict: not steady: the change is not the same from the first"),
            "\(comparison.table)"
        )
    }

    @Test("nothing answered on one side, or no run at all: nothing was compared, with exit status 1")
    func nothing() {
        let empty = Sample.record(Array(repeating: Sample.emptyRun, count: 10))
        for (baseline, candidate) in [(empty, empty), (empty, record(base)), (Sample.record([]), Sample.record([]))] {
            #expect(compare(baseline, candidate).exitStatus == 1)
        }
        let silent = compare(record(base), empty)
        #expect(silent.exitStatus == 2 && silent.warnings == ["candidate: in 10 of 10 runs nothing was answered"])
        let apart = Comparison(baseline: Sample.record([]), candidate: record(base), order: .apart)
        #expect(apart.exitStatus == 1 && apart.table.contains("no figure is in both; was anything answered?"))
    }

    @Test("records taken one after the other get no verdict, however far apart")
    func apart() {
        let comparison = Comparison(baseline: record(base), candidate: record(base.map { $0 / 2 }), order: .apart)
        #expect(Set(comparison.lines.map(\.verdict)) == [.notByTurns])
        #expect(comparison.lines[0].change.map { abs($0 + 0.5) < 0.001 } == true)
        #expect(comparison.exitStatus == 0)
        #expect(comparison.table.contains("verdict: not measured by turns: what the machine did"))
    }

    @Test("no runs, nothing answered, no process watched")
    func absent() throws {
        let none = compare(Sample.record([]), record(base))
        #expect(none.lines.isEmpty)
        #expect(none.table.contains("no figure is in both"))
        let empty = Sample.record(Array(repeating: Sample.emptyRun, count: 10))
        let silent = compare(empty, record(base))
        #expect(silent.lines.map(\.name) == [.rate])
        #expect(silent.lines[0].change == nil)
        #expect(silent.verdict == .better)
        #expect(try !silent.json().isEmpty)
        #expect(compare(empty, empty).verdict == .noDifferenceShown)
        let unwatched = compare(record(base, server: nil), record(base))
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
        let warnings = Comparison(baseline: record(base), candidate: other, order: .apart).warnings
        #expect(
            warnings == [
                "the setups differ: target tcp 127.0.0.1:2525 and tcp [::1]:25",
                "the setups differ: clients 50 and 51", "the setups differ: intended rate none and 5.0",
                "the setups differ: closing orderly and reset",
                "the machines differ: 2 × Example 3000, Linux 6.1.0 and 64 × Example 3000, Linux 6.1.0",
                "candidate: 4 exchanges failed; no figure of this comparison counts them",
                "candidate: the ledger of 2 of its runs does not add up",
                "candidate: in 1 of 10 runs the generator was the limit",
            ]
        )
        #expect(compare(record(base), record(base)).warnings.isEmpty)
        #expect(!compare(record(base), other).warnings.contains { $0.contains("setups") })
    }

    @Test("as a table, and as JSON that is read back")
    func faces() throws {
        var candidate = record(base.map { $0 * 7 / 10 })
        candidate.machine.kernel = "Linux 7.0"
        let comparison = compare(record(base), candidate)
        try Golden.expect(comparison.table, equals: "comparison.txt")
        #expect(try JSONDecoder().decode(Comparison.self, from: Data(comparison.json().utf8)) == comparison)
    }
}
