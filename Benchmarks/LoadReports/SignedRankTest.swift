//===----------------------------------------------------------------------===//
// Quartermaster: whether pairs of figures differ
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The signed-rank test (Wilcoxon) over differences of pairs. Within a round it is drawn by lot who comes first. If
/// both are the same, the lot alone decides on the sign of each difference, however much the machine drifts from round
/// to round: so all signs are equally likely, and how often chance alone would sort them at least as far to one side
/// can be counted.
enum SignedRankTest {
    /// Two-sided, 0 to 1. Pairs without a difference say nothing.
    static func probability(_ differences: [Double]) -> Double {
        let differences = differences.filter { $0 != 0 }
        if differences.isEmpty { return 1 }
        let ranks = doubledRanks(differences.map(abs))
        let total = ranks.reduce(0, +)
        // ways[s]: ways to choose the signs so that the positive ranks have the sum s.
        var ways = [Double](repeating: 0, count: total + 1)
        ways[0] = 1
        var reached = 0
        for rank in ranks {
            reached += rank
            for sum in stride(from: reached, through: rank, by: -1) { ways[sum] += ways[sum - rank] }
        }
        let observed = zip(ranks, differences).reduce(0) { $0 + ($1.1 > 0 ? $1.0 : 0) }
        let distance = abs(2 * observed - total)
        let extreme = ways.indices.reduce(0.0) { abs(2 * $1 - total) >= distance ? $0 + ways[$1] : $0 }
        return extreme / ways.reduce(0, +)
    }

    /// Twice the rank of each, so that ties, which share the mean of their ranks, stay whole numbers.
    static func doubledRanks(_ values: [Double]) -> [Int] {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = [Int](repeating: 0, count: values.count)
        var start = 0
        while start < order.count {
            var end = start
            while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
            for place in start..<end { ranks[order[place]] = start + 1 + end }
            start = end
        }
        return ranks
    }

    /// Holm's correction: what the probabilities are worth when several figures were looked at. To take one below
    /// 0.05 for a difference is wrong about any of the figures in 1 of 20 cases at most.
    static func corrected(_ probabilities: [Double]) -> [Double] {
        var result = probabilities
        var largest = 0.0
        let order = probabilities.indices.sorted { probabilities[$0] < probabilities[$1] }
        for (place, index) in order.enumerated() {
            largest = max(largest, min(1, probabilities[index] * Double(order.count - place)))
            result[index] = largest
        }
        return result
    }
}
