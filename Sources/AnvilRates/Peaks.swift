//===----------------------------------------------------------------------===//
// Quartermaster: the highest figures since the last report
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// Remembers the peaks of one reporting period: how high, whose, when. Notes nothing that is not higher than before.
package struct Peaks {
    private struct Peak {
        var value: Int32 = 0
        var ident = Ident.short(ShortBytes())
        var seconds: Int64 = 0

        /// Most peaks are of the client that held the last one.
        mutating func rise(to value: Int32, _ ident: borrowing RawSpan, _ seconds: () -> Int64) {
            self.value = value
            self.seconds = seconds()
            if !self.ident.equals(ident) { self.ident = Ident(ident) }
        }
    }

    private var rates = InlineArray<5, Peak>(repeating: Peak())
    private var count = Peak()
    private var cacheSize = Peak()

    package init() {}

    package mutating func note(_ rate: Rate, _ value: Int32, ident: borrowing RawSpan, seconds: () -> Int64) {
        guard value > rates[rate.rawValue].value else { return }
        rates[rate.rawValue].rise(to: value, ident, seconds)
    }

    package mutating func note(count value: Int32, ident: borrowing RawSpan, seconds: () -> Int64) {
        guard value > count.value else { return }
        count.rise(to: value, ident, seconds)
    }

    package mutating func note(cacheSize value: Int, seconds: () -> Int64) {
        guard value > Int(cacheSize.value) else { return }
        cacheSize = Peak(value: Int32(clamping: value), seconds: seconds())
    }

    /// The lines of the report, and a new period. `date` writes seconds since 1970 as `Mar  5 10:00:00`.
    package mutating func report(timeUnit: Int64, date: (Int64) -> String) -> [String] {
        var lines: [String] = []
        for rate in Rate.allCases {
            line(rates[rate.rawValue], &lines) { peak in
                "statistics: max \(rate.name) rate \(peak.value)/\(timeUnit)s for (\(peak.ident.text)) at \(date(peak.seconds))"
            }
            guard rate == .connection else { continue }
            line(count, &lines) { peak in
                "statistics: max connection count \(peak.value) for (\(peak.ident.text)) at \(date(peak.seconds))"
            }
        }
        line(cacheSize, &lines) { "statistics: max cache size \($0.value) at \(date($0.seconds))" }
        self = Peaks()
        return lines
    }

    private func line(_ peak: Peak, _ lines: inout [String], _ text: (Peak) -> String) {
        if peak.value > 0 { lines.append(text(peak)) }
    }
}

extension Rate {
    fileprivate var name: String {
        switch self {
        case .connection: "connection"
        case .message: "message"
        case .recipient: "recipient"
        case .newTLS: "newtls"
        case .auth: "auth"
        }
    }
}
