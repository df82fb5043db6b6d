//===----------------------------------------------------------------------===//
// Quartermaster: JSON, written front to back
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Writes one JSON value on one line. Members stand in the order in which they were given.
struct JSONText {
    private(set) var text = ""
    private var needsComma = false

    mutating func object(_ body: (inout JSONText) -> Void) { enclosed("{", "}", body) }

    mutating func array<Element>(_ elements: [Element], _ body: (inout JSONText, Element) -> Void) {
        enclosed("[", "]") { json in
            for element in elements { body(&json, element) }
        }
    }

    private mutating func enclosed(_ open: String, _ close: String, _ body: (inout JSONText) -> Void) {
        separate()
        text += open
        needsComma = false
        body(&self)
        text += close
        needsComma = true
    }

    private mutating func separate() {
        if needsComma { text += "," }
        needsComma = false
    }

    /// The name of the member whose value follows.
    mutating func name(_ name: String) {
        separate()
        quote(name)
        text += ":"
    }

    mutating func value(_ string: String) {
        separate()
        quote(string)
        needsComma = true
    }

    mutating func value(_ number: some BinaryInteger) { literal(String(number)) }

    mutating func value(_ flag: Bool) { literal(flag ? "true" : "false") }

    mutating func null() { literal("null") }

    /// Milliseconds as seconds, exactly.
    mutating func seconds(_ milliseconds: Int64) {
        let (size, sign) = (milliseconds.magnitude, milliseconds < 0 ? "-" : "")
        literal(sign + String(size / 1000) + (size % 1000 == 0 ? "" : "." + padded(size % 1000, 3)))
    }

    /// A number or a word as it stands.
    mutating func literal(_ literal: String) {
        separate()
        text += literal
        needsComma = true
    }

    private mutating func quote(_ string: String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\u{0}"..<" ", "\u{7f}"..."\u{9f}", "\u{2028}", "\u{2029}":
                text += "\\u" + padded(scalar.value, 4, radix: 16)
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}

extension JSONText {
    mutating func member(_ name: String, _ string: String) {
        self.name(name)
        value(string)
    }

    mutating func member(_ name: String, _ number: some BinaryInteger) {
        self.name(name)
        value(number)
    }

    mutating func member(_ name: String, _ flag: Bool) {
        self.name(name)
        value(flag)
    }

    mutating func member(_ name: String, seconds milliseconds: Int64) {
        self.name(name)
        seconds(milliseconds)
    }

    mutating func member(_ name: String, _ body: (inout JSONText) -> Void) {
        self.name(name)
        object(body)
    }
}
