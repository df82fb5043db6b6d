//===----------------------------------------------------------------------===//
// Quartermaster: masterctl's command line, before it is parsed
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig

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
        let near = nearest(to: word, among: commands)
        let hint = near.map { "did you mean \($0)?" } ?? "there are: \(commands.joined(separator: " "))"
        return "there is no command \"\(word)\" (\(hint))"
    }
}

/// What somebody who wrote `word` most likely meant; nil when nothing is like it.
func nearest(to word: String, among names: [String]) -> String? {
    let limit = word.utf8.count < 4 ? 1 : 2
    let distances = names.map { EditDistance.between(word, $0, atMost: limit) ?? .max }
    guard let best = distances.min(), best <= limit else {
        // Or the beginning of a longer one.
        let longer = names.filter { $0.hasPrefix(word) }
        return word.isEmpty || longer.count != 1 ? nil : longer[0]
    }
    return names[distances.firstIndex(of: best) ?? 0]
}
