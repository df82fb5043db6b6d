//===----------------------------------------------------------------------===//
// Quartermaster: PROXY headers, read
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// What the beginning of a connection's input is.
package enum ProxyReading: Equatable, Sendable {
    /// A header may be coming: look again when there is more.
    case incomplete
    /// The header, in so many bytes. What follows is the client's.
    case header(ProxyHeader, ProxyHeader.Version, size: Int)
    case refused(ProxyProblem)
}

package enum ProxyProblem: Equatable, Sendable {
    /// The connection begins with something else.
    case noHeader
    /// A line that does not end where it has to, or more bytes than the caller allows.
    case tooLong
    /// Begins as a header does, and is none.
    case malformed
}

extension ProxyHeader {
    /// A line of version 1 with its CR and LF.
    package static let longestLine = 107
    /// What has to be received before a header can be read in any case, unless the caller allows more: addresses, and
    /// some hundred bytes of extensions, which are passed over.
    package static let usualLimit = 536

    /// Reads the header at the start of `input`.
    ///
    /// - Parameter limit: bytes of a header of version 2, extensions included, that are accepted.
    package static func read(_ input: borrowing RawSpan, limit: Int = usualLimit) -> ProxyReading {
        if input.byteCount == 0 { return .incomplete }
        return input.rawByte(at: 0) == signature[0] ? readBinary(input, limit) : readLine(input)
    }

    // MARK: version 1

    private static func readLine(_ input: borrowing RawSpan) -> ProxyReading {
        let word: InlineArray<6, UInt8> = [80, 82, 79, 88, 89, 32]
        for index in 0..<min(input.byteCount, word.count) where input.rawByte(at: index) != word[index] {
            return .refused(.noHeader)
        }
        guard let end = input.firstPlace(of: 10) else {
            return input.byteCount < longestLine ? .incomplete : .refused(.tooLong)
        }
        if end >= longestLine { return .refused(.tooLong) }
        guard end > word.count, input.rawByte(at: end - 1) == 13 else { return .refused(.malformed) }
        var words = Words(line: input.extracting(word.count..<end - 1))
        guard let origin = origin(of: &words) else { return .refused(.malformed) }
        return .header(ProxyHeader(origin), .v1, size: end + 1)
    }

    private static func origin(of words: inout Words) -> Origin? {
        let family = words.next()
        // Whatever follows is to be ignored.
        if family.isExactly("UNKNOWN") { return .unknown }
        let isIPv6 = family.isExactly("TCP6")
        guard isIPv6 || family.isExactly("TCP4") else { return nil }
        let addresses = (words.next(), words.next())
        guard let sourcePort = decimal(words.next(), limit: 65_535),
            let destinationPort = decimal(words.next(), limit: 65_535), words.isAtEnd
        else { return nil }
        let ports = (UInt16(sourcePort), UInt16(destinationPort))
        if isIPv6 {
            guard let source = ipv6(addresses.0), let destination = ipv6(addresses.1) else { return nil }
            let ends = IPv6Ends(
                source: source,
                destination: destination,
                sourcePort: ports.0,
                destinationPort: ports.1
            )
            return .ipv6(ends, .stream)
        }
        guard let source = ipv4(addresses.0), let destination = ipv4(addresses.1) else { return nil }
        let ends = IPv4Ends(source: source, destination: destination, sourcePort: ports.0, destinationPort: ports.1)
        return .ipv4(ends, .stream)
    }

    /// Parts of a line between single spaces; an empty one where there is none.
    private struct Words: ~Escapable {
        private let line: RawSpan
        private var start = 0

        @_lifetime(copy line)
        init(line: RawSpan) { self.line = line }

        var isAtEnd: Bool { start > line.byteCount }

        @_lifetime(copy self)
        mutating func next() -> RawSpan {
            if isAtEnd { return line.extracting(first: 0) }
            let end = line.firstPlace(of: 32, from: start) ?? line.byteCount
            let word = line.extracting(start..<end)
            start = end + 1
            return word
        }
    }

    /// No sign, and no zero in front, so that nobody takes a number for an octal one.
    private static func decimal(_ text: borrowing RawSpan, limit: Int) -> Int? {
        guard (1...5).contains(text.byteCount), text.byteCount == 1 || text.rawByte(at: 0) != 48 else { return nil }
        var number = 0
        for index in 0..<text.byteCount {
            let digit = Int(text.rawByte(at: index)) - 48
            guard (0...9).contains(digit) else { return nil }
            number = number * 10 + digit
        }
        return number <= limit ? number : nil
    }

    private static func ipv4(_ text: borrowing RawSpan) -> UInt32? {
        var address: UInt32 = 0
        var start = 0
        for part in 0..<4 {
            let end = part == 3 ? text.byteCount : text.firstPlace(of: 46, from: start) ?? -1
            guard end >= start, let byte = decimal(text.extracting(start..<end), limit: 255) else { return nil }
            address = address << 8 | UInt32(byte)
            start = end + 1
            guard part == 3 || start <= text.byteCount else { return nil }
        }
        return address
    }

    /// Groups of up to four hexadecimal digits, one `::` for at least one group of zeros, and in the place of the last
    /// two an IPv4 address.
    private static func ipv6(_ text: borrowing RawSpan) -> UInt128? {
        var head: UInt128 = 0
        var count = 0
        var gap: Int?
        var index = 0
        if text.holds("::") {
            gap = 0
            index = 2
        }
        while index < text.byteCount {
            let end = text.firstPlace(of: 58, from: index) ?? text.byteCount
            let part = text.extracting(index..<end)
            if end == text.byteCount, part.firstPlace(of: 46) != nil {
                guard let dotted = ipv4(part), count <= 6 else { return nil }
                head = head << 32 | UInt128(dotted)
                count += 2
                index = end
                break
            }
            guard let group = hexadecimal(part), count < 8 else { return nil }
            head = head << 16 | UInt128(group)
            count += 1
            index = end + 1
            if end == text.byteCount { break }
            if index < text.byteCount, text.rawByte(at: index) == 58 {
                guard gap == nil else { return nil }
                gap = count
                index += 1
            } else if index == text.byteCount {
                // A single colon at the end.
                return nil
            }
        }
        guard let gap else { return count == 8 ? head : nil }
        guard count < 8 else { return nil }
        let tailBits = UInt128(16 * (count - gap))
        let tail = tailBits == 0 ? 0 : head & (.max >> (128 - tailBits))
        let front = tailBits == 0 ? head : head >> tailBits
        let missing = UInt128(16 * (8 - gap))
        return front << missing | tail
    }

    private static func hexadecimal(_ text: borrowing RawSpan) -> UInt16? {
        guard (1...4).contains(text.byteCount) else { return nil }
        var number: UInt16 = 0
        for index in 0..<text.byteCount {
            let byte = text.rawByte(at: index)
            let digit: UInt8
            switch byte {
            case 48...57: digit = byte - 48
            case 65...70: digit = byte - 55
            case 97...102: digit = byte - 87
            default: return nil
            }
            number = number << 4 | UInt16(digit)
        }
        return number
    }

    // MARK: version 2

    private static func readBinary(_ input: borrowing RawSpan, _ limit: Int) -> ProxyReading {
        for index in 0..<min(input.byteCount, signature.count) where input.rawByte(at: index) != signature[index] {
            return .refused(.noHeader)
        }
        if input.byteCount < 16 { return .incomplete }
        let command = input.rawByte(at: 12)
        guard command == 0x20 || command == 0x21 else { return .refused(.malformed) }
        let size = 16 + Int(input.port(at: 14))
        if size > limit { return .refused(.tooLong) }
        if input.byteCount < size { return .incomplete }
        // The addresses of the forwarder's own connection mean nothing.
        if command == 0x20 { return .header(ProxyHeader(.local), .v2, size: size) }
        guard let origin = origin(family: input.rawByte(at: 13), input.extracting(16..<size)) else {
            return .refused(.malformed)
        }
        return .header(ProxyHeader(origin), .v2, size: size)
    }

    /// - Parameter rest: addresses, and extensions behind them.
    private static func origin(family: UInt8, _ rest: borrowing RawSpan) -> Origin? {
        let transport = family & 15 == 1 ? Transport.stream : .datagram
        switch family {
        case 0x00: return .unknown
        case 0x11, 0x12:
            guard rest.byteCount >= 12 else { return nil }
            let ends = IPv4Ends(
                source: UInt32(truncatingIfNeeded: rest.number(at: 0, size: 4)),
                destination: UInt32(truncatingIfNeeded: rest.number(at: 4, size: 4)),
                sourcePort: rest.port(at: 8),
                destinationPort: rest.port(at: 10)
            )
            return .ipv4(ends, transport)
        case 0x21, 0x22:
            guard rest.byteCount >= 36 else { return nil }
            let ends = IPv6Ends(
                source: rest.number(at: 0, size: 16),
                destination: rest.number(at: 16, size: 16),
                sourcePort: rest.port(at: 32),
                destinationPort: rest.port(at: 34)
            )
            return .ipv6(ends, transport)
        case 0x31, 0x32:
            guard rest.byteCount >= 2 * UnixName.size else { return nil }
            let ends = UnixEnds(
                source: UnixName(prefixOf: rest),
                destination: UnixName(prefixOf: rest.extracting(droppingFirst: UnixName.size))
            )
            return .unix(ends, transport)
        default: return nil
        }
    }
}
