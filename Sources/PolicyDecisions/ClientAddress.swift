//===----------------------------------------------------------------------===//
// Quartermaster: addresses of clients, read where they stand
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// An IPv4 or IPv6 address. An IPv4 address is kept as IPv6 has it, `::ffff:192.0.2.1`, so that both are one kind.
package struct ClientAddress: Equatable, Sendable {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    package init(ipv4 bits: UInt32) { self.init(high: 0, low: 0xffff << 32 | UInt64(bits)) }

    package var isIPv4: Bool { high == 0 && low >> 32 == 0xffff }

    /// The network of so many bits, which count within the address as it is written: 0 to 32, or 0 to 128.
    package func network(ipv4 short: Int, ipv6 long: Int) -> ClientAddress { masked(isIPv4 ? 96 + short : long) }

    /// The first `bits` of all 128; the others are zero.
    func masked(_ bits: Int) -> ClientAddress {
        ClientAddress(high: high & Self.mask(bits), low: low & Self.mask(bits - 64))
    }

    private static func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? .max : ~(.max >> UInt64(bits)) }

    /// Nil for anything but a numeric address.
    package init?(_ text: borrowing RawSpan) {
        if text.firstPlace(of: UInt8(ascii: ":")) == nil {
            guard let bits = Self.ipv4(text, from: 0) else { return nil }
            self.init(ipv4: bits)
        } else {
            guard let (high, low) = Self.ipv6(text) else { return nil }
            self.init(high: high, low: low)
        }
    }

    /// Four numbers up to 255, from `start` to the end.
    private static func ipv4(_ text: borrowing RawSpan, from start: Int) -> UInt32? {
        var bits: UInt32 = 0
        var parts = 0
        var number: UInt32 = 0
        var digits = 0
        for place in start..<text.byteCount {
            let byte = text.rawByte(at: place)
            if byte == UInt8(ascii: ".") {
                if digits == 0 || parts == 3 { return nil }
                bits = bits << 8 | number
                parts += 1
                (number, digits) = (0, 0)
            } else {
                guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9"), digits < 3 else { return nil }
                number = number * 10 + UInt32(byte - UInt8(ascii: "0"))
                digits += 1
                if number > 255 { return nil }
            }
        }
        return parts == 3 && digits > 0 ? bits << 8 | number : nil
    }

    /// Up to eight groups of up to four digits; `::`, once, stands for those that are missing; the last two may be an
    /// IPv4 address.
    private static func ipv6(_ text: borrowing RawSpan) -> (UInt64, UInt64)? {
        var groups = InlineArray<8, UInt16>(repeating: 0)
        var count = 0
        var gap: Int?
        var place = 0
        let end = text.byteCount
        if text.holds("::") {
            gap = 0
            place = 2
        }
        while place < end {
            var value: UInt32 = 0
            let start = place
            while place < end, let digit = hexDigit(text.rawByte(at: place)) {
                value = value << 4 | UInt32(digit)
                place += 1
                if place - start > 4 { return nil }
            }
            if place < end, text.rawByte(at: place) == UInt8(ascii: ".") {
                guard count <= 6, let bits = ipv4(text, from: start) else { return nil }
                groups[count] = UInt16(bits >> 16)
                groups[count + 1] = UInt16(bits & 0xffff)
                count += 2
                place = end
                break
            }
            guard place > start, count < 8 else { return nil }
            groups[count] = UInt16(value)
            count += 1
            if place == end { break }
            guard text.rawByte(at: place) == UInt8(ascii: ":") else { return nil }
            place += 1
            // Not the last byte, unless it is the second colon of `::`.
            if place == end { return nil }
            if text.rawByte(at: place) == UInt8(ascii: ":") {
                if gap != nil { return nil }
                gap = count
                place += 1
            }
        }
        guard gap == nil ? count == 8 : count < 8 else { return nil }
        var whole = InlineArray<8, UInt16>(repeating: 0)
        let behind = count - (gap ?? count)
        for index in 0..<count - behind { whole[index] = groups[index] }
        for index in 0..<behind { whole[8 - behind + index] = groups[count - behind + index] }
        return (word(whole, 0), word(whole, 4))
    }

    private static func word(_ groups: InlineArray<8, UInt16>, _ first: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in first..<first + 4 { word = word << 16 | UInt64(groups[index]) }
        return word
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte.lowercasedASCII {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte.lowercasedASCII - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
