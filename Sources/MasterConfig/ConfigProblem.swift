//===----------------------------------------------------------------------===//
// Quartermaster: something wrong, or worth a word, in a configuration file
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One finding about configuration: what it is, where it is, and how to cure it. It never decides what happens next: at
/// start a fatal one ends `master`, at reload it keeps the old configuration, for `--check` it is a line of output.
///
/// The text never names the place: `message` puts it in front, in the one form that there is, and `logged` and `report`
/// add the cure.
package struct ConfigProblem: Error, Equatable, Sendable {
    package enum Severity: String, Equatable, Sendable {
        case info, warning, fatal
    }

    /// A file, or a line of it.
    package struct Place: Equatable, Sendable {
        package let file: String
        /// The first physical line of the logical line, counted from 1.
        package let line: Int?

        package static func file(_ path: String) -> Place { Place(file: path, line: nil) }
        package static func line(_ line: Int, of path: String) -> Place { Place(file: path, line: line) }
    }

    package var severity: Severity
    package var text: String
    /// Where the cause was found, as far as that is known.
    package var place: Place?
    /// One plain sentence for the administrator.
    package var cure: String?

    package var file: String? { place?.file }
    package var line: Int? { place?.line }

    /// Cannot be used as it is.
    package static func fatal(_ text: String, at place: Place? = nil, cure: String? = nil) -> ConfigProblem {
        ConfigProblem(severity: .fatal, text: text, place: place, cure: cure)
    }

    /// Can be used, and is hardly what was meant.
    package static func warning(_ text: String, at place: Place? = nil, cure: String? = nil) -> ConfigProblem {
        ConfigProblem(severity: .warning, text: text, place: place, cure: cure)
    }

    /// Worth to know.
    package static func info(_ text: String, at place: Place? = nil, cure: String? = nil) -> ConfigProblem {
        ConfigProblem(severity: .info, text: text, place: place, cure: cure)
    }

    /// What would be fatal is a warning, since something else is used instead.
    ///
    /// - Parameter addition: what is done instead.
    package func asWarning(adding addition: String = "") -> ConfigProblem {
        var weaker = self
        guard severity == .fatal else { return weaker }
        weaker.severity = .warning
        weaker.text += addition
        return weaker
    }

    /// With this place, unless it has one.
    package func placed(at place: Place?) -> ConfigProblem {
        var placed = self
        placed.place = self.place ?? place
        return placed
    }
}

extension ConfigProblem: CustomStringConvertible {
    /// The text behind its place, `/etc/postfix/main.cf, line 3: `. A file that the text names already is not named
    /// twice.
    package var message: String {
        guard let place else { return text }
        if let line = place.line { return "\(place.file), line \(line): \(text)" }
        return text.mentions(place.file) ? text : "\(place.file): \(text)"
    }

    /// One line of a log: place, text, cure in brackets.
    package var logged: String { message + (cure.map { " (\($0))" } ?? "") }

    /// What `master --check` prints: severity, place, text, and the cure on a line of its own.
    package var report: String { "\(severity.rawValue): \(message)" + (cure.map { "\n    \($0)" } ?? "") }

    /// The severity as the log writes it, then the message.
    package var description: String {
        severity == .info ? message : "\(severity.rawValue): \(message)"
    }
}

extension [ConfigProblem] {
    /// Whether any of them forbids to use what was parsed.
    package var hasFatal: Bool { contains { $0.severity == .fatal } }
    package var firstFatal: ConfigProblem? { first { $0.severity == .fatal } }

    /// By file and line, as an editor shows them. What has no line comes first in its file, what has no file last.
    package func inOrder(of files: [String]) -> [ConfigProblem] {
        let ranked = enumerated().map { offset, problem in
            let file = problem.file.flatMap { files.firstIndex(of: $0) } ?? files.count
            return (rank: (file, problem.line ?? 0, offset), problem: problem)
        }
        return ranked.sorted { $0.rank < $1.rank }.map(\.problem)
    }
}

extension String {
    /// Byte by byte: what the standard library has for this brings the machinery of regular expressions into every
    /// daemon.
    fileprivate func mentions(_ part: String) -> Bool {
        let (all, part) = (Array(utf8), Array(part.utf8))
        return part.count <= all.count && (0...all.count - part.count).contains { all[$0...].starts(with: part) }
    }
}
