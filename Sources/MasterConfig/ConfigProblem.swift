//===----------------------------------------------------------------------===//
// Quartermaster: something wrong, or worth a word, in a configuration file
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One finding about configuration: what a log reader sees (`text`), where it is, and how to cure it. It never decides
/// what happens next: at start a fatal one ends `master`, at reload it keeps the old configuration, for `--check` it
/// is a line of output.
package struct ConfigProblem: Error, Equatable, Sendable {
    package enum Severity: String, Equatable, Sendable {
        case info, warning, fatal
    }

    package var severity: Severity
    /// The file the cause was found in, where known.
    package var file: String?
    /// The first physical line of the logical line, counted from 1.
    package var line: Int?
    /// The message exactly as it is logged, with its `<path>: line 12: ` or `<path>, line 3: ` where it has one.
    package var text: String
    /// One plain sentence for the administrator.
    package var cure: String?

    package init(_ severity: Severity, _ text: String, file: String? = nil, line: Int? = nil, cure: String? = nil) {
        self.severity = severity
        self.file = file
        self.line = line
        self.text = text
        self.cure = cure
    }

    package static func fatal(
        _ text: String,
        file: String? = nil,
        line: Int? = nil,
        cure: String? = nil
    ) -> ConfigProblem {
        ConfigProblem(.fatal, text, file: file, line: line, cure: cure)
    }

    package static func warning(
        _ text: String,
        file: String? = nil,
        line: Int? = nil,
        cure: String? = nil
    ) -> ConfigProblem {
        ConfigProblem(.warning, text, file: file, line: line, cure: cure)
    }
}

extension ConfigProblem: CustomStringConvertible {
    /// The line an operator reads: the severity as the log writes it, then the text.
    package var description: String {
        severity == .info ? text : "\(severity.rawValue): \(text)"
    }

    /// What `master --check` prints: place, text, cure.
    package var report: String { "\(severity.rawValue): \(placedText)" + (cure.map { "\n    \($0)" } ?? "") }

    /// The text behind the place, unless it already begins with the file's name.
    package var placedText: String {
        guard let file, !text.utf8.starts(with: file.utf8), !text.utf8.starts(with: "open \(file)".utf8) else {
            return text
        }
        let place = line.map { "\(file), line \($0): " } ?? "\(file): "
        // Some of Postfix's messages name the file in their own way.
        let named = "file \(file): "
        return place + (text.utf8.starts(with: named.utf8) ? String(text.dropFirst(named.count)) : text)
    }
}

extension [ConfigProblem] {
    /// Whether any of them forbids to use what was parsed.
    package var hasFatal: Bool { contains { $0.severity == .fatal } }
    package var firstFatal: ConfigProblem? { first { $0.severity == .fatal } }
}
