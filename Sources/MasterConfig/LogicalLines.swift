//===----------------------------------------------------------------------===//
// Quartermaster: logical lines of main.cf and master.cf
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One logical line: the text of its physical lines put together, and the number of the first that contributed.
package struct LogicalLine: Equatable, Sendable {
    package let number: Int
    /// Without newlines and without anything from a NUL byte on.
    package let bytes: Bytes

    package init(number: Int, bytes: Bytes) {
        self.number = number
        self.bytes = bytes
    }

    package var text: String { bytes[...].text }
}

/// Splits a file into logical lines. An indented physical line continues the one before it; blank lines and comments
/// contribute nothing and, even in between, end nothing. There are no quotes, backslashes or trailing comments.
package enum LogicalLines {
    package static func split(_ file: Bytes, path: String, problems: inout [ConfigProblem]) -> [LogicalLine] {
        var lines: [LogicalLine] = []
        var position = 0
        var number = 0
        while position < file.count {
            let line = next(in: file, &position, &number)
            guard let first = line.bytes.first else { continue }
            if first.isSpace {
                problems.append(leadingSpace(line, path: path))
                continue
            }
            lines.append(cutAtNUL(line, path: path, problems: &problems))
        }
        return lines
    }

    /// Gathers physical lines until the next one would start a new logical line.
    private static func next(in file: Bytes, _ position: inout Int, _ number: inout Int) -> LogicalLine {
        var gathered = Bytes()
        var firstNumber = 0
        while position < file.count {
            let end = file[position...].firstIndex(of: ASCII.lineFeed) ?? file.count
            let physical = file[position..<end]
            position = min(end + 1, file.count)
            number += 1
            if contributes(physical) {
                if gathered.isEmpty { firstNumber = number }
                gathered += physical
            }
            if !gathered.isEmpty, position < file.count {
                let ahead = file[position]
                if ahead != ASCII.hash && !ahead.isSpace { break }
            }
        }
        return LogicalLine(number: firstNumber, bytes: gathered)
    }

    private static func contributes(_ physical: ArraySlice<UInt8>) -> Bool {
        guard let first = physical.first(where: { !$0.isSpace }) else { return false }
        return first != ASCII.hash && first != 0
    }

    private static func leadingSpace(_ line: LogicalLine, path: String) -> ConfigProblem {
        let text = line.bytes.prefix { $0 != 0 }
        let quoted = "\"\(text.excerpt(30))\(text.count > 30 ? "..." : "")\""
        return .warning(
            "logical line must not start with whitespace: \(quoted)",
            at: .line(line.number, of: path),
            cure: "Remove the blanks at the start of the line, or put the line it continues above it."
        )
    }

    private static func cutAtNUL(
        _ line: LogicalLine,
        path: String,
        problems: inout [ConfigProblem]
    ) -> LogicalLine {
        guard let end = line.bytes.firstIndex(of: 0) else { return line }
        problems.append(
            .warning(
                "text after null byte may be ignored",
                at: .line(line.number, of: path),
                cure: "Remove the null byte; an editor may show it as ^@."
            )
        )
        return LogicalLine(number: line.number, bytes: Array(line.bytes[..<end]))
    }
}
