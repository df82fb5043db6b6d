//===----------------------------------------------------------------------===//
// Quartermaster: numbers with units, as people type them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

/// Why a text is no number with a unit.
package struct UnitProblem: Error, Equatable, CustomStringConvertible {
    package let description: String
}

/// The units of one kind of figure, each with what it is worth.
package struct UnitTable: Sendable {
    package struct Unit: Sendable {
        let name: String
        let scale: Double
    }

    let units: [Unit]

    /// In nanoseconds.
    package static let time = UnitTable(
        ("ns", 1),
        ("us", 1e3),
        ("µs", 1e3),
        ("ms", 1e6),
        ("s", 1e9),
        ("m", 60e9),
        ("h", 3600e9)
    )
    package static let count = UnitTable(("", 1), ("k", 1e3), ("M", 1e6))
    /// A second.
    package static let rate = UnitTable(("", 1), ("/s", 1), ("k", 1e3), ("k/s", 1e3), ("M", 1e6), ("M/s", 1e6))

    init(_ units: (String, Double)...) { self.units = units.map { Unit(name: $0.0, scale: $0.1) } }

    /// `1.5k`, `10ms`: digits with at most one point among them, then one of the units.
    package func read(_ text: Substring) throws(UnitProblem) -> (value: Double, unit: String) {
        let digits = text.prefix { $0 == "." || ("0"..."9").contains($0) }
        guard let value = Double(digits) else {
            throw UnitProblem(description: "\"\(printable(String(text)))\" does not begin with a number")
        }
        let name = String(text.dropFirst(digits.count))
        guard let unit = units.first(where: { $0.name == name }) else {
            let names = units.map { $0.name.isEmpty ? "none" : $0.name }.joined(separator: ", ")
            let found = name.isEmpty ? "there is no unit" : "\"\(printable(name))\" is no unit here"
            throw UnitProblem(description: "\(found): there are \(names)")
        }
        return (value * unit.scale, name)
    }
}
