//===----------------------------------------------------------------------===//
// Quartermaster: the byte classes and small byte-string operations of configuration text
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText

/// Names of the bytes that configuration syntax gives a meaning to. Text is handled as bytes throughout this target:
/// a `Character` may span several bytes ("\r\n" is one), which the file formats know nothing of.
package enum ASCII {
    static let tab = UInt8(ascii: "\t")
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let space = UInt8(ascii: " ")
    static let hash = UInt8(ascii: "#")
    static let dollar = UInt8(ascii: "$")
    static let equals = UInt8(ascii: "=")
    static let question = UInt8(ascii: "?")
    static let colon = UInt8(ascii: ":")
    static let comma = UInt8(ascii: ",")
    static let dot = UInt8(ascii: ".")
    static let slash = UInt8(ascii: "/")
    static let hyphen = UInt8(ascii: "-")
    static let underscore = UInt8(ascii: "_")
    static let bang = UInt8(ascii: "!")
    static let leftBrace = UInt8(ascii: "{")
    static let rightBrace = UInt8(ascii: "}")
    static let leftBracket = UInt8(ascii: "[")
    static let rightBracket = UInt8(ascii: "]")
    static let leftParenthesis = UInt8(ascii: "(")
    static let rightParenthesis = UInt8(ascii: ")")
    static let zero = UInt8(ascii: "0")
}

package typealias Bytes = [UInt8]

extension UInt8 {
    /// White space as `isspace(3)` has it in the C locale.
    var isSpace: Bool { self == ASCII.space || (ASCII.tab...ASCII.carriageReturn).contains(self) }
    /// The bytes that separate the fields of a master.cf line.
    var isFieldBlank: Bool {
        self == ASCII.space || self == ASCII.tab || self == ASCII.lineFeed || self == ASCII.carriageReturn
    }
    /// The bytes that separate the items of a list valued parameter.
    var isListSeparator: Bool { isFieldBlank || self == ASCII.comma }
    var isDigit: Bool { (ASCII.zero...UInt8(ascii: "9")).contains(self) }
    var isLetter: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) }
    var isNameByte: Bool { isDigit || isLetter || self == ASCII.underscore }
    var asLowercase: UInt8 { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) ? self | 0x20 : self }
}

extension ArraySlice<UInt8> {
    var text: String { String(rawBytes: self) }

    var trimmed: ArraySlice<UInt8> {
        var slice = self
        while let byte = slice.first, byte.isSpace { slice = slice.dropFirst() }
        while let byte = slice.last, byte.isSpace { slice = slice.dropLast() }
        return slice
    }

    /// The first `limit` bytes as text, as `%.20s` and the like print them.
    func excerpt(_ limit: Int) -> String { prefix(limit).text }
}

extension String {
    /// As they stand in the file.
    var bytes: ArraySlice<UInt8> { ArraySlice(rawBytes) }
    var lowercasedASCII: String { String(decoding: utf8.map(\.asLowercase), as: UTF8.self) }
    /// Equality of bytes; `==` would call differently encoded but equivalent characters equal.
    func hasSameBytes(as other: String) -> Bool { utf8.elementsEqual(other.utf8) }
    var isAllDigits: Bool { !utf8.isEmpty && utf8.allSatisfy(\.isDigit) }

    /// What follows the last slash.
    package var baseName: String {
        utf8.lastIndex(of: ASCII.slash).map { String(self[utf8.index(after: $0)...]) } ?? self
    }
}
