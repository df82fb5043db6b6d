//===----------------------------------------------------------------------===//
// Quartermaster: numeric network addresses as text
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// An IPv4 or IPv6 address that was written as a number, in the one spelling that `getnameinfo(3)` gives it.
package struct NumericAddress: Hashable, Sendable {
    package let text: String
    package let isIPv6: Bool
    package let isLoopback: Bool

    /// Nil if `text` is no numeric address.
    package init?(_ text: String) {
        if let bytes = Self.ipv4(text.bytes, mayHaveZeros: true) {
            self.text = Self.dotted(bytes[...])
            isIPv6 = false
            isLoopback = bytes[0] == 127
        } else if let groups = Self.ipv6(text.bytes) {
            self.text = Self.colons(groups)
            isIPv6 = true
            isLoopback = groups == [0, 0, 0, 0, 0, 0, 0, 1]
        } else {
            return nil
        }
    }

    private static func dotted(_ bytes: ArraySlice<UInt8>) -> String { bytes.map(String.init).joined(separator: ".") }

    /// With `mayHaveZeros`, a part that begins with 0 is octal, as inet_aton(3) reads it.
    private static func ipv4(_ text: ArraySlice<UInt8>, mayHaveZeros: Bool = false) -> [UInt8]? {
        let parts = text.split(separator: ASCII.dot, omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            let isOctal = part.count > 1 && part.first == ASCII.zero
            // Postfix wants a decimal number up to 255 here, whatever the resolver makes of it later.
            guard mayHaveZeros || !isOctal, part.allSatisfy(\.isDigit), UInt8(part.text) != nil,
                let byte = UInt8(part.text, radix: isOctal ? 8 : 10)
            else { return nil }
            bytes.append(byte)
        }
        return bytes
    }

    private static func ipv6(_ text: ArraySlice<UInt8>) -> [UInt16]? {
        guard text.count <= 45 else { return nil }
        let halves = splitAtDoubleColon(text)
        guard let head = groups(halves.head, mayEndDotted: halves.tail == nil), !(halves.tail == nil && head.count != 8)
        else { return nil }
        guard let tailText = halves.tail else { return head }
        guard let tail = groups(tailText, mayEndDotted: true), head.count + tail.count <= 7 else { return nil }
        return head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail
    }

    private static func splitAtDoubleColon(
        _ text: ArraySlice<UInt8>
    ) -> (head: ArraySlice<UInt8>, tail: ArraySlice<UInt8>?) {
        var index = text.startIndex
        while index + 1 < text.endIndex {
            if text[index] == ASCII.colon && text[index + 1] == ASCII.colon {
                return (text[..<index], text[(index + 2)...])
            }
            index += 1
        }
        return (text, nil)
    }

    /// Groups between single colons; the last of an address may be a dotted IPv4 address, which counts as two.
    private static func groups(_ text: ArraySlice<UInt8>, mayEndDotted: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let parts = text.split(separator: ASCII.colon, omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if mayEndDotted, index == parts.count - 1, let bytes = ipv4(part) {
                groups.append(UInt16(bytes[0]) << 8 | UInt16(bytes[1]))
                groups.append(UInt16(bytes[2]) << 8 | UInt16(bytes[3]))
            } else if (1...4).contains(part.count), let group = UInt16(part.text, radix: 16), part.first != 0x2b {
                groups.append(group)
            } else {
                return nil
            }
        }
        return groups
    }

    /// The shortest form: the longest run of zero groups becomes `::`; IPv4 in IPv6 is dotted.
    private static func colons(_ groups: [UInt16]) -> String {
        var best = 0..<0
        var start = 0
        while start < groups.count {
            let end = groups[start...].firstIndex { $0 != 0 } ?? groups.count
            if end - start > best.count { best = start..<end }
            start = max(end, start) + 1
        }
        if best.count < 2 { best = 0..<0 }
        if best.lowerBound == 0, best.count == 6 || (best.count == 5 && groups[5] == 0xffff) {
            let bytes = groups[6...].flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] }
            return (best.count == 6 ? "::" : "::ffff:") + dotted(bytes[...])
        }
        func joined(_ range: ArraySlice<UInt16>) -> String {
            range.map { String($0, radix: 16) }.joined(separator: ":")
        }
        if best.isEmpty { return joined(groups[...]) }
        return joined(groups[..<best.lowerBound]) + "::" + joined(groups[best.upperBound...])
    }
}
