//===----------------------------------------------------------------------===//
// Quartermaster: a line of a terminal, cut to its width
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Pieces of text with a look each.
package struct LiveLine: Sendable {
    package enum Look: String, Sendable {
        case plain = "", bold = "1", dim = "2", red = "31", green = "32", yellow = "33"
    }

    package private(set) var pieces: [(text: String, look: Look)] = []
    package private(set) var width = 0
    private let columns: Int

    /// The last column stays free: a terminal that has written it may be on either line.
    package init(columns: Int) { self.columns = max(columns - 1, 0) }

    package var room: Int { columns - width }

    /// Adds as much as fits.
    package mutating func add(_ text: String, _ look: Look = .plain) {
        var piece = ""
        for character in text {
            let columns = Self.columns(of: character)
            if columns > room { break }
            width += columns
            piece.append(character)
        }
        if !piece.isEmpty { pieces.append((piece, look)) }
    }

    /// Adds all of it or nothing: half a figure is a wrong figure.
    package mutating func addWhole(_ text: String, _ look: Look = .plain) {
        if text.reduce(0, { $0 + Self.columns(of: $1) }) <= room { add(text, look) }
    }

    package func text(colors: Bool) -> String {
        pieces.map { piece in
            colors && piece.look != .plain ? "\u{1b}[\(piece.look.rawValue)m\(piece.text)\u{1b}[0m" : piece.text
        }.joined()
    }

    /// Two for what is, or may be, wide: Hangul to the end, less the symbols and blocks in between.
    private static func columns(of character: Character) -> Int {
        let isWide = character.unicodeScalars.contains {
            $0.value >= 0x1100 && !(0x2000..<0x2e80).contains($0.value)
        }
        return isWide || character.unicodeScalars.count > 1 ? 2 : 1
    }
}
