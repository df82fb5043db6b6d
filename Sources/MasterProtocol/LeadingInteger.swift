//===----------------------------------------------------------------------===//
// Quartermaster: numbers as atoi(3) and strtol(3) read them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The decimal number at the start of a text: blanks, a sign, digits; whatever follows is `rest`. Bytes outside ASCII
/// are no blanks and no digits.
package struct LeadingInteger: Equatable, Sendable {
    /// As atoi(3) has it: 0 without digits. Kept to 32 bits: a larger number is the largest there is.
    package let value: Int
    package let hasDigits: Bool
    /// Whether the text has a number that 32 bits cannot hold.
    package let isTooLarge: Bool
    /// What stands behind the digits; the whole text when there are none.
    package let rest: ArraySlice<UInt8>

    package init(_ text: ArraySlice<UInt8>) {
        var ahead = text.drop { isBlank($0) }
        let isNegative = ahead.first == UInt8(ascii: "-")
        if isNegative || ahead.first == UInt8(ascii: "+") { ahead = ahead.dropFirst() }
        let digits = ahead.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
        var number = 0
        // One more digit than this would not fit into 64 bits, and 32 are left behind long before.
        for digit in digits where number <= Int(Int32.max) + 1 { number = number * 10 + Int(digit - UInt8(ascii: "0")) }
        let signed = isNegative ? -number : number
        hasDigits = !digits.isEmpty
        value = Int(Int32(clamping: signed))
        isTooLarge = value != signed
        rest = hasDigits ? ahead[digits.endIndex...] : text
    }

    /// atoi(3).
    package static func value(of text: String) -> Int { LeadingInteger(ArraySlice(text.utf8)).value }
}

/// White space as isspace(3) has it in the C locale.
func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || (9...13).contains(byte) }
