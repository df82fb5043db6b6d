//===----------------------------------------------------------------------===//
// Quartermaster: masterctl's command line, before it is parsed
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText

/// Takes `-c dir` in front of the command, where users of postfix(1) and git(1) write it, and knows a command that is
/// misspelt from an argument too many.
enum CommandLineWords: Equatable {
    /// With everything behind the command.
    case words([String])
    case unknownCommand(String)

    init(_ words: [String], commands: [String]) {
        var (rest, moved) = (words[...], [String]())
        while let first = rest.first, first.hasPrefix("-c") {
            // -c dir, or -cdir.
            let count = first == "-c" ? 2 : 1
            moved += rest.prefix(count)
            rest = rest.dropFirst(count)
        }
        // Options of masterctl itself have no command.
        guard let command = rest.first, !command.hasPrefix("-") else {
            self = .words(words)
            return
        }
        let subject = command == "help" ? rest.dropFirst().first : command
        if let subject, !subject.hasPrefix("-"), !commands.contains(subject) {
            self = .unknownCommand(Self.text(subject, commands))
        } else {
            self = .words([command] + moved + rest.dropFirst())
        }
    }

    private static func text(_ word: String, _ commands: [String]) -> String {
        let near = EditDistance.likelyName(for: word, among: commands)
        let hint = near.map { "did you mean \($0)?" } ?? "there are: \(commands.joined(separator: " "))"
        return "there is no command \"\(word)\" (\(hint))"
    }
}
