//===----------------------------------------------------------------------===//
// Quartermaster: reading a failure condition
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

/// Why a text is no condition; says what would be one.
package struct FailureConditionProblem: Error, Equatable, CustomStringConvertible {
    package let text: String
    package let reason: String

    package var description: String {
        "\"\(printable(text))\" is no condition: \(reason). Understood are, for example, 'p99>10ms', "
            + "'connect.p99.9>=5ms', 'max>1s', 'rate<50000', 'cpu>20us', 'errors>0', 'errors>0.1%'"
    }
}

extension FailureCondition {
    package init(_ text: String) throws(FailureConditionProblem) {
        let plain = text.filter { $0 != " " }
        guard let (relation, range) = Self.relation(in: plain) else {
            throw FailureConditionProblem(text: text, reason: "it has none of > >= < <=")
        }
        do throws(Complaint) {
            self.figure = try Self.figure(String(plain[..<range.lowerBound]))
            let bound = try Self.bound(String(plain[range.upperBound...]), for: self.figure)
            (self.bound, self.isShare) = (bound.value, bound.isShare)
        } catch {
            throw FailureConditionProblem(text: text, reason: error.reason)
        }
        self.text = printable(text)
        self.relation = relation
    }

    private struct Complaint: Error {
        let reason: String
    }

    private static func relation(in text: String) -> (Relation, Range<String.Index>)? {
        guard let place = text.firstIndex(where: { $0 == ">" || $0 == "<" }) else { return nil }
        let rest = text[place...]
        return Relation.allCases.first { rest.hasPrefix($0.rawValue) }.map {
            ($0, place..<text.index(place, offsetBy: $0.rawValue.count))
        }
    }

    /// `p99.9`, `connect.p99.9`, `errors`, …
    private static func figure(_ text: String) throws(Complaint) -> Figure {
        if let count = Count(rawValue: text) { return .count(count) }
        if text == "rate" { return .rate }
        if text == "cpu" { return .cpu }
        let (phase, name) = split(text)
        switch name {
        case "max": return .maximum(phase)
        case "min": return .minimum(phase)
        case "mean": return .mean(phase)
        default: break
        }
        if name.hasPrefix("p"), let level = number(name.dropFirst()) {
            guard level > 0, level <= 100 else { throw Complaint(reason: "percentiles go from above 0 to 100") }
            return .percentile(phase, level)
        }
        let names = Count.allCases.map(\.rawValue).joined(separator: ", ")
        let phases = PhaseReport.Name.allCases.map(word).joined(separator: ", ")
        throw Complaint(
            reason: "\"\(printable(text))\" is no figure: there are p50 and the like, min, max and mean (of the whole "
                + "exchange, or behind one of \(phases) and a dot), rate, cpu, \(names)"
        )
    }

    /// The phase in front of the first dot, if there is one.
    private static func split(_ text: String) -> (PhaseReport.Name, Substring) {
        for phase in PhaseReport.Name.allCases where text.hasPrefix(word(phase) + ".") {
            return (phase, text.dropFirst(word(phase).count + 1))
        }
        return (.total, text[...])
    }

    /// A phase as one word: `first-byte`.
    private static func word(_ phase: PhaseReport.Name) -> String { phase.rawValue.replacing(" ", with: "-") }

    private static func bound(_ text: String, for figure: Figure) throws(Complaint) -> (value: Double, isShare: Bool) {
        do throws(UnitProblem) {
            let (value, unit) = try units(of: figure).read(text[...])
            return (value, unit == "%")
        } catch {
            throw Complaint(reason: error.description)
        }
    }

    private static func units(of figure: Figure) -> UnitTable {
        switch figure {
        case .percentile, .minimum, .maximum, .mean, .cpu: .time
        case .rate: .rate
        case .count: UnitTable(("", 1), ("%", 0.01))
        }
    }

    /// Digits with at most one point among them, nothing else.
    private static func number(_ text: Substring) -> Double? {
        let allowed = text.allSatisfy { $0 == "." || ("0"..."9").contains($0) }
        return allowed ? Double(text) : nil
    }
}
