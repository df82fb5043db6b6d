//===----------------------------------------------------------------------===//
// Quartermaster: text of the command line with its escapes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Bytes written as text: `\n \r \t \0 \\ \*` and `\xHH` stand for one byte each, everything else for itself.
package enum EscapedText {
    /// One thing the text said. A bare `*` is told apart, since in an expectation it stands for any bytes.
    enum Element: Equatable { case byte(UInt8), star }

    /// What cannot be read, in words for the person who typed it.
    package struct Problem: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// The bytes of a text to be sent; `*` is an ordinary character.
    package static func bytes(of text: String) throws(Problem) -> [UInt8] {
        try elements(of: text).map { element in
            switch element {
            case .byte(let byte): byte
            case .star: UInt8(ascii: "*")
            }
        }
    }

    static func elements(of text: String) throws(Problem) -> [Element] {
        var elements: [Element] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "*"): elements.append(.star)
            case UInt8(ascii: "\\"): elements.append(.byte(try takeEscape(&rest)))
            default: elements.append(.byte(byte))
            }
        }
        return elements
    }

    private static func takeEscape(_ rest: inout ArraySlice<UInt8>) throws(Problem) -> UInt8 {
        guard let name = rest.popFirst() else {
            throw Problem(description: "a backslash at the end; write \\\\ for the character itself")
        }
        switch name {
        case UInt8(ascii: "n"): return 10
        case UInt8(ascii: "r"): return 13
        case UInt8(ascii: "t"): return 9
        case UInt8(ascii: "0"): return 0
        case UInt8(ascii: "\\"), UInt8(ascii: "*"): return name
        case UInt8(ascii: "x"):
            guard let high = takeHexDigit(&rest), let low = takeHexDigit(&rest) else {
                throw Problem(description: "\\x wants two hexadecimal digits")
            }
            return high << 4 | low
        default:
            let shown = String(decoding: [name], as: UTF8.self)
            throw Problem(description: "\\\(shown) is no escape; there are \\n \\r \\t \\0 \\xHH \\\\ \\*")
        }
    }

    private static func takeHexDigit(_ rest: inout ArraySlice<UInt8>) -> UInt8? {
        guard let digit = rest.popFirst() else { return nil }
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): return digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): return digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): return digit - UInt8(ascii: "A") + 10
        default: return nil
        }
    }

    /// The other way round, for messages: printable ASCII as it is, the rest escaped.
    package static func show(_ bytes: some Sequence<UInt8>) -> String {
        var text = ""
        for byte in bytes {
            switch byte {
            case 10: text += "\\n"
            case 13: text += "\\r"
            case 9: text += "\\t"
            case UInt8(ascii: "\\"): text += "\\\\"
            case 32..<127: text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }
        }
        return text
    }
}
