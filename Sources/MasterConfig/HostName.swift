//===----------------------------------------------------------------------===//
// Quartermaster: what is a valid host name, and what a numeric address
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The rules for host names.
enum HostName {
    static func isValid(_ name: String) -> Bool { problem(with: name) == nil }

    /// What is wrong with a name, in the words of a warning; nil if nothing is.
    static func problem(with name: String) -> String? {
        let bytes = Array(name.bytes)
        guard !bytes.isEmpty else { return "empty hostname" }
        var labelLength = 0
        var isNumeric = true
        for (index, byte) in bytes.enumerated() {
            if byte.isNameByte {
                labelLength += 1
                if labelLength > 63 { return "hostname label too long: \(name.bytes.excerpt(100))" }
                if !byte.isDigit { isNumeric = false }
            } else if byte == ASCII.dot {
                guard labelLength > 0, index + 1 < bytes.count else {
                    return "misplaced delimiter: \(name.bytes.excerpt(100))"
                }
                labelLength = 0
            } else if byte == ASCII.hyphen {
                isNumeric = false
                labelLength += 1
                let next = index + 1 < bytes.count ? bytes[index + 1] : 0
                guard labelLength > 1, next != 0, next != ASCII.dot else {
                    return "misplaced hyphen: \(name.bytes.excerpt(100))"
                }
            } else {
                return "invalid character \(byte)(decimal): \(name.bytes.excerpt(100))"
            }
        }
        if isNumeric { return "numeric hostname: \(name.bytes.excerpt(100))" }
        return bytes.count > 255 ? "bad length \(bytes.count) for \(name.bytes.excerpt(100))..." : nil
    }
}
