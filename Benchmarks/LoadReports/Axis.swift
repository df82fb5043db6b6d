//===----------------------------------------------------------------------===//
// Quartermaster: the axis of a chart
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TerminalText

/// Where a value stands between the ends, 0 to 1, and what is written along it.
struct Axis {
    private enum Scale {
        case linear, logarithmic
    }

    struct Tick: Equatable {
        var value: Double
        var label: String
    }

    let name: String
    let ticks: [Tick]
    private let low: Double
    private let high: Double
    private let scale: Scale

    func place(_ value: Double) -> Double {
        let place =
            scale == .linear
            ? (value - low) / (high - low) : (log10(max(value, low)) - log10(low)) / (log10(high) - log10(low))
        return min(max(place, 0), 1)
    }

    /// From 0 to `top` or a little above.
    static func fromZero(to top: Double, name: String, label: (Double) -> String) -> Axis {
        let top = top.isFinite && top > 0 ? top : 1
        let step = niceStep(top / 5)
        let count = max(1, Int((top / step).rounded(.up)))
        let ticks = (0...count).map { Tick(value: Double($0) * step, label: label(Double($0) * step)) }
        return Axis(name: name, ticks: ticks, low: 0, high: ticks[count].value, scale: .linear)
    }

    /// From 0 to exactly `end`, for time.
    static func time(to end: Double) -> Axis {
        let end = end.isFinite && end > 0 ? end : 1
        let step = niceStep(end / 8)
        let ticks = stride(from: 0, through: end * 1.000001, by: step).map { Tick(value: $0, label: plain($0)) }
        return Axis(name: "seconds", ticks: ticks, low: 0, high: end, scale: .linear)
    }

    /// Nanoseconds from the largest 1, 2 or 5 times a power of ten that is not above `least` to the smallest not below
    /// `most`.
    static func nanoseconds(from least: Double, to most: Double) -> Axis {
        let least = max(least, 1)
        let steps = (0...18).flatMap { power in [1, 2, 5].map { $0 * pow(10, Double(power)) } }
        let first = steps.lastIndex { $0 <= least } ?? 0
        let last = max(steps.firstIndex { $0 >= most } ?? steps.count - 1, first + 1)
        let all = steps[first...min(last, steps.count - 1)]
        // Too many to write: powers of ten only, and the two ends.
        let shown = all.count <= 9 ? Array(all) : all.filter { log10($0) == log10($0).rounded() }
        let ticks = shown.map { Tick(value: $0, label: duration(Int64($0))) }
        return Axis(name: "", ticks: ticks, low: steps[first], high: all[all.endIndex - 1], scale: .logarithmic)
    }

    /// The share of all that is slower, in tenths of tenths: 0 %, 90 %, 99 %, … as far as `count` values tell.
    static func nines(of count: Int) -> Axis {
        let high = max(1, log10(Double(max(count, 1))))
        let ticks = (0...Int(high)).map { nines in
            Tick(value: Double(nines), label: percentile(nines: nines))
        }
        return Axis(name: "percentile", ticks: ticks, low: 0, high: high, scale: .linear)
    }

    private static func percentile(nines: Int) -> String {
        switch nines {
        case 0: "0 %"
        case 1: "90 %"
        case 2: "99 %"
        default: "99." + String(repeating: "9", count: nines - 2) + " %"
        }
    }

    /// 1, 2 or 5 times a power of ten, not below `least`.
    static func niceStep(_ least: Double) -> Double {
        let power = pow(10, floor(log10(least)))
        return ([1, 2, 5].first { $0 * power >= least * 0.999999 } ?? 10) * power
    }

    private static func plain(_ value: Double) -> String {
        let rounded = (value * 1000).rounded() / 1000
        return rounded == rounded.rounded() ? fixed(rounded, 0) : "\(rounded)"
    }
}
