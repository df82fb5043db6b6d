//===----------------------------------------------------------------------===//
// Quartermaster: words and texts of a record, written and read in the same order
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Takes the fields of a record one after the other: a writer stores them, a reader fills them. What a record consists
/// of is said once, by the function that hands its fields over.
protocol WordCoder {
    mutating func code(_ word: inout UInt64)
    /// Text in `words` words, cut off where it does not fit, with zeros behind it.
    mutating func code(_ text: inout String, words: Int)
    mutating func skip(_ words: Int)
}

extension WordCoder {
    /// Two halves of a word: the lower one first.
    @inline(__always)
    mutating func code(_ low: inout UInt32, _ high: inout UInt32) {
        var word = UInt64(low) | UInt64(high) << 32
        code(&word)
        low = UInt32(truncatingIfNeeded: word)
        high = UInt32(truncatingIfNeeded: word >> 32)
    }

    @inline(__always)
    mutating func code(_ number: inout Int32) {
        var word = UInt64(bitPattern: Int64(number))
        code(&word)
        number = Int32(truncatingIfNeeded: Int64(bitPattern: word))
    }

    @inline(__always)
    mutating func code(_ number: inout Int64) {
        var word = UInt64(bitPattern: number)
        code(&word)
        number = Int64(bitPattern: word)
    }
}

/// Collects words in an array, for what is written rarely.
struct WordWriter: WordCoder {
    private(set) var words: [UInt64] = []

    mutating func code(_ word: inout UInt64) { words.append(word) }

    mutating func code(_ text: inout String, words count: Int) {
        var size = 0
        for scalar in text.unicodeScalars {
            let width = UTF8.width(scalar)
            // Not in the middle of a character.
            if size + width > count * 8 { break }
            size += width
        }
        var bytes = Array(text.utf8.prefix(size))
        bytes += [UInt8](repeating: 0, count: count * 8 - bytes.count)
        for start in stride(from: 0, to: bytes.count, by: 8) {
            words.append((0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) << (8 * $1) })
        }
    }

    mutating func skip(_ count: Int) { words.append(contentsOf: repeatElement(0, count: count)) }
}

/// Words of a record, one after the other, from bytes that anybody may have written. Behind their end there are zeros.
package struct WordReader: WordCoder {
    private let bytes: ArraySlice<UInt8>
    private var place = 0

    package init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    package var count: Int { bytes.count / 8 }

    package subscript(word: Int) -> UInt64 {
        guard word >= 0, word < count else { return 0 }
        let start = bytes.startIndex + word * 8
        return (0..<8).reduce(0) { $0 | UInt64(bytes[start + $1]) << (8 * $1) }
    }

    mutating func code(_ word: inout UInt64) {
        word = self[place]
        place += 1
    }

    mutating func code(_ text: inout String, words: Int) {
        let start = min(bytes.startIndex + place * 8, bytes.endIndex)
        let end = min(start + words * 8, bytes.endIndex)
        text = String(decoding: bytes[start..<end].prefix { $0 != 0 }, as: UTF8.self)
        place += words
    }

    mutating func skip(_ words: Int) { place += words }
}
