//===----------------------------------------------------------------------===//
// Quartermaster: PROXY headers, written
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// The bytes of a header.
package struct EncodedProxyHeader: Sendable {
    /// Of version 2 with two UNIX addresses; a line of version 1 has 107 at most.
    package static let capacity = 16 + 2 * UnixName.size

    private var storage = InlineArray<232, UInt8>(repeating: 0)
    package private(set) var count = 0

    fileprivate init() {}

    package var bytes: RawSpan {
        @_lifetime(borrow self)
        // All bytes of the array are initialised: that is what `unsafe` has to be said for.
        get { unsafe storage.span.bytes.extracting(first: count) }
    }

    fileprivate mutating func append(_ byte: UInt8) {
        storage[count] = byte
        count += 1
    }

    fileprivate mutating func append(_ text: StaticString) {
        // A text of the program has its bytes for as long as the program runs.
        for index in 0..<text.utf8CodeUnitCount { append(unsafe text.utf8Start[index]) }
    }

    /// The low `size` bytes, the most significant first.
    fileprivate mutating func append(_ number: some FixedWidthInteger, size: Int) {
        for place in (0..<size).reversed() { append(UInt8(truncatingIfNeeded: number >> (8 * place))) }
    }

    fileprivate mutating func append(_ name: UnixName) {
        for index in 0..<UnixName.size { append(name.bytes[index]) }
    }

    fileprivate mutating func append(decimal number: UInt16) {
        var scale: UInt16 = 10_000
        while scale > 1, number < scale { scale /= 10 }
        while scale > 0 {
            append(UInt8(ascii: "0") + UInt8(number / scale % 10))
            scale /= 10
        }
    }

    fileprivate mutating func append(hexadecimal number: UInt16) {
        var shift: UInt16 = 12
        while shift > 0, number >> shift == 0 { shift -= 4 }
        while true {
            let digit = UInt8(number >> shift & 15)
            append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
            if shift == 0 { return }
            shift -= 4
        }
    }
}

extension ProxyHeader {
    /// The header in the given version. Version 1 has no words for UNIX addresses and datagrams: it says UNKNOWN.
    package func encoded(as version: Version) -> EncodedProxyHeader {
        switch version {
        case .v1: line()
        case .v2: binary()
        }
    }

    // MARK: version 1

    private func line() -> EncodedProxyHeader {
        var out = EncodedProxyHeader()
        switch origin {
        case .ipv4(let ends, .stream):
            out.append("PROXY TCP4 ")
            Self.append(dotted: ends.source, to: &out)
            out.append(" ")
            Self.append(dotted: ends.destination, to: &out)
            Self.appendPorts(ends.sourcePort, ends.destinationPort, to: &out)
        case .ipv6(let ends, .stream):
            out.append("PROXY TCP6 ")
            Self.append(groupsOf: ends.source, to: &out)
            out.append(" ")
            Self.append(groupsOf: ends.destination, to: &out)
            Self.appendPorts(ends.sourcePort, ends.destinationPort, to: &out)
        case .local, .unknown, .unix, .ipv4(_, .datagram), .ipv6(_, .datagram): out.append("PROXY UNKNOWN")
        }
        out.append("\r\n")
        return out
    }

    private static func appendPorts(_ source: UInt16, _ destination: UInt16, to out: inout EncodedProxyHeader) {
        out.append(" ")
        out.append(decimal: source)
        out.append(" ")
        out.append(decimal: destination)
    }

    private static func append(dotted address: UInt32, to out: inout EncodedProxyHeader) {
        for part in 0..<4 {
            if part > 0 { out.append(".") }
            out.append(decimal: UInt16(address >> UInt32(24 - 8 * part) & 255))
        }
    }

    /// The shortest form: the longest run of two zero groups or more becomes `::` (RFC 5952).
    private static func append(groupsOf address: UInt128, to out: inout EncodedProxyHeader) {
        let gap = longestGap(in: address)
        var index = 0
        while index < 8 {
            if index == gap.lowerBound, !gap.isEmpty {
                out.append("::")
                index = gap.upperBound
                continue
            }
            if index > 0, index != gap.upperBound || gap.isEmpty { out.append(":") }
            out.append(hexadecimal: group(index, of: address))
            index += 1
        }
    }

    private static func group(_ index: Int, of address: UInt128) -> UInt16 {
        UInt16(truncatingIfNeeded: address >> UInt128(16 * (7 - index)))
    }

    private static func longestGap(in address: UInt128) -> Range<Int> {
        var best = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, group(end, of: address) == 0 { end += 1 }
            if end - start > best.count { best = start..<end }
            start = max(end, start + 1)
        }
        return best.count < 2 ? 0..<0 : best
    }

    // MARK: version 2

    /// The twelve bytes that no other protocol begins with.
    static let signature: InlineArray<12, UInt8> = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]

    private func binary() -> EncodedProxyHeader {
        var out = EncodedProxyHeader()
        for index in Self.signature.indices { out.append(Self.signature[index]) }
        out.append(origin == .local ? 0x20 : 0x21)
        switch origin {
        case .local, .unknown:
            out.append(0)
            out.append(0, size: 2)
        case .ipv4(let ends, let transport):
            out.append(transport == .stream ? 0x11 : 0x12)
            out.append(12, size: 2)
            out.append(ends.source, size: 4)
            out.append(ends.destination, size: 4)
            out.append(ends.sourcePort, size: 2)
            out.append(ends.destinationPort, size: 2)
        case .ipv6(let ends, let transport):
            out.append(transport == .stream ? 0x21 : 0x22)
            out.append(36, size: 2)
            out.append(ends.source, size: 16)
            out.append(ends.destination, size: 16)
            out.append(ends.sourcePort, size: 2)
            out.append(ends.destinationPort, size: 2)
        case .unix(let ends, let transport):
            out.append(transport == .stream ? 0x31 : 0x32)
            out.append(2 * UnixName.size, size: 2)
            out.append(ends.source)
            out.append(ends.destination)
        }
        return out
    }
}
