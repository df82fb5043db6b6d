//===----------------------------------------------------------------------===//
// Quartermaster: whether two sets of figures differ
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// The rank-sum test (Mann-Whitney): how often chance alone would sort two sets of figures at least as far apart. It
/// assumes nothing about the distribution, which is as well: rates of runs are not normal.
enum RankTest {
    /// Up to so many figures all orders are counted; above, the normal approximation is as good.
    static let exactLimit = 40

    /// Two-sided, 0 to 1; 1 when a set is empty.
    static func probability(_ first: [Double], _ second: [Double]) -> Double {
        if first.isEmpty || second.isEmpty { return 1 }
        let ranks = doubledRanks(first + second)
        let observed = ranks[..<first.count].reduce(0, +)
        return ranks.count <= exactLimit
            ? exact(ranks, size: first.count, observed: observed)
            : approximate(ranks, size: first.count, observed: observed)
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

    /// The share of all ways to choose `size` of the ranks whose sum is as far from the mean as the one observed.
    private static func exact(_ ranks: [Int], size: Int, observed: Int) -> Double {
        let total = ranks.reduce(0, +)
        // ways[k][s]: subsets of k ranks with the sum s.
        var ways = [[Double]](repeating: [Double](repeating: 0, count: total + 1), count: size + 1)
        ways[0][0] = 1
        for rank in ranks {
            for chosen in stride(from: size, to: 0, by: -1) {
                for sum in rank...total where ways[chosen - 1][sum - rank] > 0 {
                    ways[chosen][sum] += ways[chosen - 1][sum - rank]
                }
            }
        }
        // Both sides times the number of ranks, to stay with whole numbers.
        let distance = abs(observed * ranks.count - total * size)
        let all = ways[size].reduce(0, +)
        let extreme = ways[size].indices.filter { abs($0 * ranks.count - total * size) >= distance }
        return extreme.reduce(0) { $0 + ways[size][$1] } / all
    }

    /// With the variance of the ranks as they are, ties and all, and half a rank for continuity.
    private static func approximate(_ ranks: [Int], size: Int, observed: Int) -> Double {
        let count = Double(ranks.count)
        let mean = Double(ranks.reduce(0, +)) / count
        let squares = ranks.reduce(0.0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        let variance = squares * Double(size) * (count - Double(size)) / (count * (count - 1))
        if variance == 0 { return 1 }
        let distance = max(0, abs(Double(observed) - mean * Double(size)) - 1)
        return erfc(distance / (2 * variance).squareRoot())
    }
}
