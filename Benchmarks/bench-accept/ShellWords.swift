//===----------------------------------------------------------------------===//
// Quartermaster: a command line in one argument
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser

enum ShellWords {
    /// Words between blanks, as a shell splits them: quotes of both kinds and backslashes, and nothing else of a shell.
    static func split(_ text: String) throws -> [String] {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var rest = text[...]
        while let letter = rest.popFirst() {
            if letter == quote {
                quote = nil
            } else if letter == "\\", quote != "'" {
                // Inside of double quotes a backslash stays, but before a quote or itself.
                let next = rest.first
                let isKept = quote == "\"" && next != "\"" && next != "\\"
                word = (word ?? "") + (isKept ? "\\" : "") + (rest.popFirst().map(String.init) ?? "")
            } else if quote == nil, letter == "'" || letter == "\"" {
                quote = letter
                word = word ?? ""
            } else if quote == nil, letter.isWhitespace {
                if let done = word { words.append(done) }
                word = nil
            } else {
                word = (word ?? "") + String(letter)
            }
        }
        if let quote { throw ValidationError("the quote \(quote) is not closed") }
        if let word { words.append(word) }
        return words
    }
}
