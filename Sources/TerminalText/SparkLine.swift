//===----------------------------------------------------------------------===//
// Quartermaster: a row of figures as small bars
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package enum SparkLine {
    private static let bars = Array("▁▂▃▄▅▆▇█")
    private static let letters = Array("_.-:=+*#")

    /// The last `columns` values, from 0 at the foot to the largest at the top.
    package static func text(_ values: [Double], columns: Int, unicode: Bool) -> String {
        let shown = values.suffix(max(columns, 0))
        let steps = unicode ? bars : letters
        let top = shown.max() ?? 0
        return String(
            shown.map { value in
                guard top > 0, value > 0 else { return steps[0] }
                return steps[min(Int(value / top * Double(steps.count)), steps.count - 1)]
            }
        )
    }
}
