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

    static func fatal(_ text: String, file: String? = nil, line: Int? = nil, cure: String? = nil) -> ConfigProblem {
        ConfigProblem(.fatal, text, file: file, line: line, cure: cure)
    }

    static func warning(_ text: String, file: String? = nil, line: Int? = nil, cure: String? = nil) -> ConfigProblem {
        ConfigProblem(.warning, text, file: file, line: line, cure: cure)
    }
}

extension ConfigProblem: CustomStringConvertible {
    /// The line an operator reads: the severity as the log writes it, then the text.
    package var description: String {
        severity == .info ? text : "\(severity.rawValue): \(text)"
    }

    /// What `master --check` prints: place (unless the text already starts with it), text, cure.
    package var report: String {
        var place = ""
        if let file, !text.utf8.starts(with: file.utf8) {
            place = line.map { "\(file), line \($0): " } ?? "\(file): "
        }
        return "\(severity.rawValue): \(place)\(text)" + (cure.map { "\n    \($0)" } ?? "")
    }
}

extension [ConfigProblem] {
    /// Whether any of them forbids to use what was parsed.
    package var hasFatal: Bool { contains { $0.severity == .fatal } }
    package var firstFatal: ConfigProblem? { first { $0.severity == .fatal } }
}
