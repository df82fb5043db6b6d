//===----------------------------------------------------------------------===//
// Quartermaster: whether a change lasts as long as the measurement
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

/// Whether the differences of the rounds, in the order of time, come to the same in each quarter of them.
///
/// The signed-rank test takes rounds for independent of each other. On a busy machine they are not: one of two servers
/// is on the better processor for some rounds, then the other one is. The lot, which decides who comes first, does not
/// help against that; what such a mood does to one quarter of the rounds it seldom does to all. `NoiseTests` count how
/// often moods of some rounds' length are taken for a difference.
enum Steadiness {
    private static let parts = 4
    /// Student's t with three degrees of freedom, 1 of 50, two-sided.
    private static let limit = 4.54

    /// - Parameter differences: at least two for each quarter.
    static func holds(_ differences: [Double]) -> Bool {
        let count = differences.count
        let quarters = (0..<parts).map { part in
            median(Array(differences[(part * count / parts)..<((part + 1) * count / parts)]))
        }
        let mean = quarters.reduce(0, +) / Double(parts)
        let variance = quarters.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(parts - 1)
        let isOneSided = quarters.allSatisfy { $0 > 0 } || quarters.allSatisfy { $0 < 0 }
        return isOneSided && abs(mean) > limit * (variance / Double(parts)).squareRoot()
    }
}
