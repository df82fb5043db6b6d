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

    /// Nil if malformed: one to three decimal numbers; minor and patch are below 1024.
    package init?(_ text: String) {
        let parts = text.utf8.split(separator: ASCII.dot, omittingEmptySubsequences: false)
        guard (1...3).contains(parts.count) else { return nil }
        var numbers = [0, 0, 0]
        for (index, part) in parts.enumerated() {
            guard !part.isEmpty, part.allSatisfy(\.isDigit), let number = Int(Substring(part)) else { return nil }
            guard number <= (index == 0 ? 0x7ff : 0x3ff) else { return nil }
            numbers[index] = number
        }
        self.init(major: numbers[0], minor: numbers[1], patch: numbers[2])
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
