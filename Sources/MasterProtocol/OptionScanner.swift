//===----------------------------------------------------------------------===//
// Quartermaster: options in getopt(3) order
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Takes single-letter options off an argument vector the way getopt(3) does in POSIX order.
///
/// The first argument that is no option ends the scan, as does `--`. Letters may be joined (`-vv`), and a value may
/// follow its letter directly or as the next argument. Long options exist only as far as the caller names them, have
/// no value, and are written out in full. The scanner knows no option's meaning.
package struct OptionScanner: Sendable {
    /// Arguments that were not consumed yet; after the last option, those that are for the program.
    package var rest: [String] { Array(arguments[index...]) }

    private let arguments: [String]
    private let letters: [Unicode.Scalar]
    private let longOptions: [String]
    private var index = 0
    /// Letters of the present argument that are still to come.
    private var cluster: Substring.UnicodeScalarView = Substring().unicodeScalars

    /// One option as it was found.
    package enum Option: Equatable, Sendable {
        case letter(Character, value: String?)
        /// Name without the dashes.
        case long(String)
    }

    /// `letters` is getopt's option string, a colon behind each letter that has a value. `arguments` starts behind the
    /// program's name.
    package init(_ arguments: [String], letters: String, longOptions: [String] = []) {
        self.arguments = arguments
        self.letters = Array(letters.unicodeScalars)
        self.longOptions = longOptions
    }

    /// Returns the next option, or nil when only `rest` is left.
    package mutating func next() throws(OptionProblem) -> Option? {
        if cluster.isEmpty {
            guard index < arguments.count else { return nil }
            let argument = arguments[index]
            guard argument.utf8.count > 1, argument.utf8.first == UInt8(ascii: "-") else { return nil }
            index += 1
            if argument == "--" { return nil }
            if !longOptions.isEmpty, argument.hasPrefix("--") {
                return try long(String(argument.dropFirst(2)))
            }
            cluster = argument.unicodeScalars.dropFirst()
        }
        return try letter(cluster.removeFirst())
    }

    private func long(_ name: String) throws(OptionProblem) -> Option {
        guard longOptions.contains(name) else { throw .invalidLongOption(name) }
        return .long(name)
    }

    private mutating func letter(_ scalar: Unicode.Scalar) throws(OptionProblem) -> Option {
        guard scalar != ":", let place = letters.firstIndex(of: scalar) else {
            throw .invalidOption(Character(scalar))
        }
        let takesValue = place + 1 < letters.count && letters[place + 1] == ":"
        return .letter(Character(scalar), value: takesValue ? try value(of: scalar) : nil)
    }

    private mutating func value(of scalar: Unicode.Scalar) throws(OptionProblem) -> String {
        if !cluster.isEmpty {
            defer { cluster = Substring().unicodeScalars }
            return String(String.UnicodeScalarView(cluster))
        }
        guard index < arguments.count else { throw .invalidOption(Character(scalar)) }
        defer { index += 1 }
        return arguments[index]
    }
}

/// What can be wrong with a command line; the texts are those of the original daemons.
package enum OptionProblem: Error, Equatable, Sendable {
    case invalidOption(Character)
    case invalidLongOption(String)
    case invalidSocketCount(String)
    case invalidRetirementTime(String)
    case invalidOverride(String, reason: String)
    case noTransport
    case unsupportedTransport(String)

    package var message: String {
        switch self {
        case .invalidOption(let letter): "invalid option: \(letter)"
        case .invalidLongOption(let name): "invalid option: --\(name)"
        case .invalidSocketCount(let text): "invalid socket_count: \(text)"
        case .invalidRetirementTime(let text): "invalid retirement time: \(text)"
        case .invalidOverride(let text, let reason): "invalid \"-o \(text)\" option value: \(reason)"
        case .noTransport: "no transport type specified"
        case .unsupportedTransport(let name): "unsupported transport type: \(name)"
        }
    }
}
