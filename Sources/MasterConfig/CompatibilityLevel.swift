//===----------------------------------------------------------------------===//
// Quartermaster: compatibility levels: major, minor, patch
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The level of Postfix whose defaults an installation asks for: `major[.minor[.patch]]`.
package struct CompatibilityLevel: Comparable, Sendable {
    package let major: Int
    package let minor: Int
    package let patch: Int

    package init(major: Int, minor: Int = 0, patch: Int = 0) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// Nil if malformed: one to three numbers as strtol(3) reads them, none below zero; minor and patch are below 1024,
    /// and the whole fits into 63 bits.
    package init?(_ text: String) {
        let parts = text.bytes.split(separator: ASCII.dot, omittingEmptySubsequences: false)
        guard (1...3).contains(parts.count) else { return nil }
        var numbers = [0, 0, 0]
        for (index, part) in parts.enumerated() {
            guard let number = Self.number(part), number <= (index == 0 ? 1 << 43 - 1 : 1 << 10 - 1) else { return nil }
            numbers[index] = number
        }
        self.init(major: numbers[0], minor: numbers[1], patch: numbers[2])
    }

    private static func number(_ text: ArraySlice<UInt8>) -> Int? {
        var digits = text.drop(while: \.isSpace)
        if digits.first == UInt8(ascii: "+") { digits = digits.dropFirst() }
        return digits.allSatisfy(\.isDigit) ? Int(digits.text) : nil
    }

    static func malformed(_ text: String) -> String { "malformed compatibility level syntax: \"\(text)\"" }

    package static func < (left: CompatibilityLevel, right: CompatibilityLevel) -> Bool {
        (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }
}

extension CompatibilityLevel: CustomStringConvertible {
    package var description: String {
        patch > 0 ? "\(major).\(minor).\(patch)" : minor > 0 ? "\(major).\(minor)" : "\(major)"
    }
}
