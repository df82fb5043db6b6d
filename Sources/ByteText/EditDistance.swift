//===----------------------------------------------------------------------===//
// Quartermaster: how far two words are apart
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// For "did you mean": letters left out, added, replaced, or swapped with their neighbour.
package enum EditDistance {
    /// The number of such mistakes between two words; nil if there are more than `limit`.
    package static func between(_ left: String, _ right: String, atMost limit: Int) -> Int? {
        let left = Array(left.utf8)
        let right = Array(right.utf8)
        guard abs(left.count - right.count) <= limit else { return nil }
        // Three rows of the table of distances between beginnings of both words.
        var beforeLast = [Int](repeating: 0, count: right.count + 1)
        var last = Array(0...right.count)
        for row in 0..<left.count {
            var present = [row + 1]
            for column in 0..<right.count {
                let isSame = left[row] == right[column]
                var best = min(last[column] + (isSame ? 0 : 1), last[column + 1] + 1, present[column] + 1)
                if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
                    best = min(best, beforeLast[column - 1] + 1)
                }
                present.append(best)
            }
            if present.min() ?? 0 > limit { return nil }
            beforeLast = last
            last = present
        }
        return last[right.count] <= limit ? last[right.count] : nil
    }

    /// What somebody who typed `word` on a command line most likely meant; nil when nothing is like it. The limits are
    /// those of a question that is answered at once: a wrong guess costs a look at the list.
    package static func likelyName(for word: String, among names: [String]) -> String? {
        let limit = word.utf8.count < 4 ? 1 : 2
        let distances = names.map { between(word, $0, atMost: limit) ?? .max }
        guard let best = distances.min(), best <= limit else {
            // Or the beginning of a longer one.
            let longer = names.filter { $0.hasPrefix(word) }
            return word.isEmpty || longer.count != 1 ? nil : longer[0]
        }
        return names[distances.firstIndex(of: best) ?? 0]
    }
}
