//===----------------------------------------------------------------------===//
// Quartermaster: the name-value dictionary that main.cf and the command line fill
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Raw parameter values by name, as main.cf, options and inserted defaults left them. Nothing is expanded on the way
/// in: `$name` is resolved when a parameter is evaluated, so the order of assignments does not matter.
package struct MainDictionary: Equatable, Sendable {
    struct Entry: Equatable, Sendable {
        var value: String
        /// The line of the file that gave the value; nil for options and defaults.
        var line: Int?
        var isDefault: Bool
    }

    /// The file that was parsed, for messages about its parameters.
    package private(set) var path: String?
    private var entries: [String: Entry] = [:]

    package init() {}

    /// The content of main.cf. A malformed line is left out and reported; the rest is taken.
    package init(parsing file: Bytes, path: String, problems: inout [ConfigProblem]) {
        self.path = path
        for line in LogicalLines.split(file, path: path, problems: &problems) {
            do {
                let (name, value) = try Self.split(line.bytes[...])
                add(name, value, line: line.number, problems: &problems)
            } catch {
                problems.append(
                    .fatal(
                        "\(error.text): \"\(line.text)\"",
                        at: .line(line.number, of: path),
                        cure: "Write the line as \"name = value\"; indent it if it continues the line above."
                    )
                )
            }
        }
    }

    package init(parsing text: String, path: String, problems: inout [ConfigProblem]) {
        self.init(parsing: Bytes(text.utf8), path: path, problems: &problems)
    }

    private mutating func add(_ name: String, _ value: String, line: Int, problems: inout [ConfigProblem]) {
        if let earlier = entries[name], !earlier.value.hasSameBytes(as: value) {
            problems.append(
                .warning(
                    "overriding earlier entry: \(name)=\(earlier.value)",
                    at: path.map { .line(line, of: $0) },
                    cure: "Keep one of the lines that set \(name)"
                        + (earlier.line.map { ", here or on line \($0)." } ?? ".")
                )
            )
        }
        entries[name] = Entry(value: value, line: line, isDefault: false)
    }

    /// An option on the command line: replaces whatever was there.
    package mutating func set(_ name: String, _ value: String) {
        entries[name] = Entry(value: value, line: nil, isDefault: false)
    }

    /// A default, already expanded: other values may refer to it from now on. An existing value stays.
    package mutating func insertDefault(_ name: String, _ value: String) {
        guard entries[name] == nil else { return }
        entries[name] = Entry(value: value, line: nil, isDefault: true)
    }

    /// The raw value.
    package func lookup(_ name: String) -> String? { entries[name]?.value }

    /// The line of the file that set the parameter.
    package func line(of name: String) -> Int? { entries[name]?.line }

    /// Where the parameter is set, or would be; nil for an option, which is in no file of ours.
    package func place(of name: String) -> ConfigProblem.Place? {
        guard let path, !isOption(name) else { return nil }
        return line(of: name).map { .line($0, of: path) } ?? .file(path)
    }

    /// Whether the value came from an option.
    func isOption(_ name: String) -> Bool { isSet(name) && line(of: name) == nil }

    /// Whether the value came from the file or an option.
    package func isSet(_ name: String) -> Bool { entries[name].map { !$0.isDefault } ?? false }

    package var names: [String] { entries.keys.sorted() }

    /// The names that the file sets, in its order.
    package var namesInFile: [String] {
        entries.filter { $0.value.line != nil }.sorted { ($0.value.line ?? 0) < ($1.value.line ?? 0) }.map(\.key)
    }
    package var count: Int { entries.count }

    /// Whether both files set the same parameters to the same values, whatever else is different in them.
    package func setsTheSame(as other: MainDictionary) -> Bool {
        let (own, others) = (entries.filter { !$0.value.isDefault }, other.entries.filter { !$0.value.isDefault })
        guard own.count == others.count else { return false }
        return own.allSatisfy { name, entry in others[name].map { $0.value.hasSameBytes(as: entry.value) } ?? false }
    }
}

extension MainDictionary {
    struct SyntaxFailure: Error { let text: String }

    /// `name = value`: the name ends at the first blank or `=`; blanks around `=` and at the end are dropped.
    static func split(_ text: ArraySlice<UInt8>) throws(SyntaxFailure) -> (name: String, value: String) {
        let text = text.trimmed
        let name = text.prefix { !$0.isSpace && $0 != ASCII.equals }
        guard !name.isEmpty else { throw SyntaxFailure(text: "missing attribute name") }
        let rest = text[name.endIndex...].drop(while: \.isSpace)
        guard rest.first == ASCII.equals else { throw SyntaxFailure(text: "missing '=' after attribute name") }
        return (name.text, rest.dropFirst().trimmed.text)
    }

    /// The operand of `-o`: `name=value`, with the same trimming as in the file.
    package static func assignment(_ text: String) throws(ConfigProblem) -> (name: String, value: String) {
        do {
            return try split(text.bytes)
        } catch {
            throw ConfigProblem.fatal(
                "invalid \"-o \(text)\" option value: \(error.text)",
                cure: "Write the option as \"-o name=value\", or \"-o { name = value }\" if the value has blanks."
            )
        }
    }
}
