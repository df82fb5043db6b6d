//===----------------------------------------------------------------------===//
// Quartermaster: numbers of the command line
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadReports
import TerminalText

/// A number as it was typed: `10k`, `500ms`. What it means depends on the option, which also complains.
struct Quantity: ExpressibleByArgument {
    private let text: String

    init?(argument: String) { text = argument }

    /// A whole number, with k or M for thousands and millions.
    func count(_ option: String, _ range: ClosedRange<Int>) throws -> Int {
        let wanted =
            range.upperBound == .max ? "at least \(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
        let value = try number(.count, option, wanted)
        guard value == value.rounded(), let count = Int(exactly: value), range.contains(count) else {
            throw complaint(option, wanted)
        }
        return count
    }

    /// So many a second.
    func rate(_ option: String, _ range: ClosedRange<Double>) throws -> Double {
        let wanted = "exchanges a second, from \(range.lowerBound) to \(Int(range.upperBound)), such as 500 or 10k"
        let value = try number(.rate, option, wanted)
        guard range.contains(value) else { throw complaint(option, wanted) }
        return value
    }

    /// A time in nanoseconds; a plain number counts seconds.
    func nanoseconds(_ option: String) throws -> Int64 {
        let wanted = "a time from 1ms to 24h, such as 500ms, 2.5s or 1m, or a number of seconds"
        let isPlain = text.allSatisfy { $0 == "." || $0.isNumber }
        let value = isPlain ? (Double(text) ?? -1) * 1e9 : try number(.time, option, wanted)
        guard (1e6...86_400e9).contains(value) else { throw complaint(option, wanted) }
        return Int64(value)
    }

    private func number(_ table: UnitTable, _ option: String, _ wanted: String) throws -> Double {
        guard let value = try? table.read(text[...]).value else { throw complaint(option, wanted) }
        return value
    }

    private func complaint(_ option: String, _ wanted: String) -> ValidationError {
        ValidationError("\(option) wants \(wanted); \"\(printable(text))\" is none of these")
    }
}
