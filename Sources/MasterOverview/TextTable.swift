//===----------------------------------------------------------------------===//
// Quartermaster: columns of text
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

/// A table without lines: two spaces between the columns, numbers to the right.
struct TextTable {
    private let columns: [(title: String, isNumber: Bool)]
    private var rows: [[String]] = []

    /// - Parameter columns: titles; `>` in front of one says that numbers stand below it.
    init(_ columns: [String]) {
        self.columns = columns.map { $0.hasPrefix(">") ? (String($0.dropFirst()), true) : ($0, false) }
    }

    mutating func add(_ cells: [String]) { rows.append(cells.map { printable($0) }) }

    var text: String {
        let lines = [columns.map(\.title)] + rows
        let widths = columns.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { cells in
            var line = ""
            for (column, cell) in cells.enumerated() {
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                line += columns[column].isNumber ? padding + cell : cell + padding
                line += "  "
            }
            while line.last == " " { line.removeLast() }
            return line + "\n"
        }.joined()
    }
}
