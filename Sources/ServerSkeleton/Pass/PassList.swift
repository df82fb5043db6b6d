//===----------------------------------------------------------------------===//
// Quartermaster: the list of attributes that comes with a passed connection
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Finds the end of a NUL-terminated attribute list and reads its content:
///
///     list  := (simple | table)* NUL
///     simple := name NUL value NUL
///     table := "{" NUL simple* "}" NUL
enum PassList {
    /// Where a scan stands between two bytes.
    private struct Scanner {
        private enum Expecting { case name, value }
        private var expecting = Expecting.name
        private var name: [UInt8] = []
        private var value: [UInt8] = []
        private(set) var isComplete = false

        /// A pair that this byte completes.
        mutating func take(_ byte: UInt8) -> (name: [UInt8], value: [UInt8])? {
            guard byte == 0 else {
                if expecting == .name { name.append(byte) } else { value.append(byte) }
                return nil
            }
            if expecting == .value {
                defer { reset() }
                return (name, value)
            }
            if name.isEmpty {
                isComplete = true
            } else if name == [UInt8(ascii: "{")] || name == [UInt8(ascii: "}")] {
                reset()
            } else {
                expecting = .value
            }
            return nil
        }

        private mutating func reset() {
            expecting = .name
            name.removeAll()
            value.removeAll()
        }
    }

    static func isComplete(_ bytes: [UInt8]) -> Bool {
        var scanner = Scanner()
        for byte in bytes { _ = scanner.take(byte) }
        return scanner.isComplete
    }

    /// How many of `more` belong to the list that began with `bytes`.
    static func bytesThatBelong(_ bytes: [UInt8], _ more: ArraySlice<UInt8>) -> Int {
        var scanner = Scanner()
        for byte in bytes { _ = scanner.take(byte) }
        var count = 0
        for byte in more where !scanner.isComplete {
            _ = scanner.take(byte)
            count += 1
        }
        return count
    }

    /// The content; nil for a list without attributes.
    static func parse(_ bytes: [UInt8]) -> PassAttributes? {
        var attributes = PassAttributes()
        var scanner = Scanner()
        for byte in bytes {
            if let pair = scanner.take(byte) {
                attributes.append(
                    String(decoding: pair.name, as: UTF8.self),
                    String(decoding: pair.value, as: UTF8.self)
                )
            }
        }
        return attributes.isEmpty ? nil : attributes
    }
}
