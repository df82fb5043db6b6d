//===----------------------------------------------------------------------===//
// Quartermaster: how often noise is called a difference
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import LoadReports
import Testing

/// A machine with moods: a slow swing, a random walk, jitter, a stall now and then, and less speed for the one that
/// comes second in a round.
private struct MoodyMachine {
    private var state: UInt64
    private var walk = 0.0
    private var time = 0.0

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    /// Evenly from 0 to 1 (xorshift64*).
    mutating func number() -> Double {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return Double((state &* 0x2545_f491_4f6c_dd1d) >> 11) / Double(1 << 53)
    }

    mutating func normal() -> Double { (-2 * log(1 - number())).squareRoot() * cos(2 * .pi * number()) }

    /// The run of a server that answers `speed` times as fast as usual.
    mutating func run(speed: Double, isSecond: Bool) -> RunReport {
        time += 1
        walk += 0.04 * normal()
        let stall = number() < 0.05 ? 0.6 : 1
        let mood = exp(walk + 0.15 * sin(time / 7) + 0.04 * normal()) * stall * (isSecond ? 0.97 : 1)
        let rate = 10_000 * speed * mood
        let time = 100_000 / (speed * mood)
        func value(_ factor: Double, _ jitter: Double) -> Int64 { Int64(time * factor * exp(jitter * normal())) }
        var run = Sample.run(rate: Int(rate), server: 0.2 * 1 / speed * exp(0.02 * normal()))
        let values = [value(1, 0.02), value(3, 0.1), value(8, 0.25), value(30, 0.5)].sorted()
        let answered = run.ledger.answered
        run.phases = [
            Sample.phase(
                .total,
                [
                    values[0]: answered * 9 / 10, values[1] + 1: answered * 9 / 100 + 1,
                    values[2] + 2: answered / 125, values[3] + 3: answered / 500 + 1,
                ]
            )
        ]
        return run
    }

    /// Two records by turns of servers that have moods of their own beside the machine's: what was in one round is
    /// likely in the next one, too (`persistence`, 0 to 1), as where one is on the busier processor for a while.
    mutating func moodyPair(rounds: Int, persistence: Double, effect: Double = 1) -> (LoadRecord, LoadRecord) {
        var moods = [0.03 * normal(), 0.03 * normal()]
        var runs: [[RunReport]] = [[], []]
        for _ in 0..<rounds {
            let first = number() < 0.5 ? 0 : 1
            for (place, side) in [first, 1 - first].enumerated() {
                moods[side] =
                    persistence * moods[side]
                    + 0.03 * (1 - persistence * persistence).squareRoot() * normal()
                let speed = exp(moods[side]) * (side == 1 ? effect : 1)
                runs[side].append(run(speed: speed, isSecond: place == 1))
            }
        }
        return (Sample.record(runs[0]), Sample.record(runs[1]))
    }

    /// Two records of `rounds` runs each, the candidate `effect` times as fast.
    mutating func pair(rounds: Int, effect: Double, byTurns: Bool) -> (LoadRecord, LoadRecord) {
        var runs: [[RunReport]] = [[], []]
        if byTurns {
            for _ in 0..<rounds {
                let first = number() < 0.5 ? 0 : 1
                for (place, side) in [first, 1 - first].enumerated() {
                    runs[side].append(run(speed: side == 1 ? effect : 1, isSecond: place == 1))
                }
            }
        } else {
            for side in 0...1 {
                for _ in 0..<rounds { runs[side].append(run(speed: side == 1 ? effect : 1, isSecond: false)) }
            }
        }
        return (Sample.record(runs[0]), Sample.record(runs[1]))
    }
}

@Suite("noise")
struct NoiseTests {
    private static let pairs = 300

    /// The share of pairs that get a verdict.
    private func called(effect: Double, rounds: Int, byTurns: Bool = true) -> Double {
        called { $0.pair(rounds: rounds, effect: effect, byTurns: byTurns) }
    }

    private func called(_ pair: (inout MoodyMachine) -> (LoadRecord, LoadRecord)) -> Double {
        let verdicts = (1...Self.pairs).map { seed in
            var machine = MoodyMachine(seed: UInt64(seed))
            let (baseline, candidate) = pair(&machine)
            return Comparison(baseline: baseline, candidate: candidate, order: .byTurns).verdict
        }
        return Double(verdicts.count { $0 == .better || $0 == .worse }) / Double(Self.pairs)
    }

    @Test("of pairs of the same server at most 1 in 20 is called better or worse", arguments: [8, 12, 20])
    func same(rounds: Int) {
        let share = called(effect: 1, rounds: rounds)
        #expect(share <= 0.05, "\(share)")
    }

    @Test(
        "of servers with moods that last for some rounds, at most 1 in 20 pairs is called better or worse",
        arguments: [12, 20],
        [0.3, 0.6]
    )
    func moods(rounds: Int, persistence: Double) {
        let share = called { $0.moodyPair(rounds: rounds, persistence: persistence) }
        #expect(share <= 0.05, "\(share)")
    }

    @Test("a real difference is found among such moods: 25 % in 12 rounds, 10 % in 20")
    func realAmongMoods() {
        #expect(called { $0.moodyPair(rounds: 12, persistence: 0.6, effect: 1.25) } > 0.8)
        #expect(called { $0.moodyPair(rounds: 20, persistence: 0.6, effect: 1.10) } > 0.5)
    }

    @Test("a real difference is found: 10 % in 20 rounds, 25 % in 12")
    func real() {
        #expect(called(effect: 1.10, rounds: 20) > 0.8)
        #expect(called(effect: 1.25, rounds: 12) > 0.8)
    }

    @Test("the same runs one after the other would differ far too often, which is why they get no verdict")
    func blocks() {
        let differing = (1...Self.pairs).count { seed in
            var machine = MoodyMachine(seed: UInt64(seed))
            let (baseline, candidate) = machine.pair(rounds: 12, effect: 1, byTurns: false)
            let lines = Comparison(baseline: baseline, candidate: candidate, order: .byTurns).lines
            return lines.contains { ($0.probability ?? 1) < ComparedFigure.significance }
        }
        #expect(differing > Self.pairs / 10, "\(differing)")
    }
}
