//===----------------------------------------------------------------------===//
// Quartermaster: tokens of configuration text: separators, and braces that protect them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Cuts text into tokens. A brace opens a group in which separators are ordinary bytes; whether the braces balance is
/// the business of `Braces.content`.
package enum Tokens {
    /// The next token of `text`, which is left at what follows it; nil when only separators are left.
    static func next(
        in text: inout ArraySlice<UInt8>,
        groupsBraces: Bool,
        isSeparator: (UInt8) -> Bool
    ) -> ArraySlice<UInt8>? {
        while let byte = text.first, isSeparator(byte) { text = text.dropFirst() }
        guard !text.isEmpty else { return nil }
        var depth = 0
        var end = text.startIndex
        scan: while end < text.endIndex {
            let byte = text[end]
            if groupsBraces && byte == ASCII.leftBrace {
                depth += 1
            } else if depth > 0 && byte == ASCII.rightBrace {
                depth -= 1
            } else if depth == 0 && isSeparator(byte) {
                break scan
            }
            end += 1
        }
        defer { text = text[end...] }
        return text[..<end]
    }

    /// Every item of a list valued parameter: commas and blanks separate.
    package static func list(_ text: String, groupsBraces: Bool = false) -> [String] {
        var rest = text.bytes
        var items: [String] = []
        while let item = next(in: &rest, groupsBraces: groupsBraces, isSeparator: \.isListSeparator) {
            items.append(item.text)
        }
        return items
    }
}

/// Balanced braces.
enum Braces {
    /// How many bytes the group at the start of `text` has, both braces included; nil if it is not closed.
    static func length(
        of text: ArraySlice<UInt8>,
        open: UInt8 = ASCII.leftBrace,
        close: UInt8 = ASCII.rightBrace
    ) -> Int? {
        var depth = 0
        for (offset, byte) in text.enumerated() {
            if byte == open { depth += 1 } else if byte == close { depth -= 1 }
            if depth == 0 { return offset + 1 }
        }
        return nil
    }

    /// A failure, without the words that say where.
    struct Failure: Error { let text: String }

    /// The inside of a token that is one group, without the blanks next to its braces; another token as it is.
    static func content(_ token: ArraySlice<UInt8>) throws(Failure) -> ArraySlice<UInt8> {
        guard token.first == ASCII.leftBrace else { return token }
        guard let length = length(of: token) else { throw Failure(text: "missing '}' in \"\(token.text)\"") }
        guard token.dropFirst(length).allSatisfy(\.isSpace) else {
            throw Failure(text: "syntax error after '}' in \"\(token.text)\"")
        }
        return token.prefix(length).dropFirst().dropLast().trimmed
    }
}
