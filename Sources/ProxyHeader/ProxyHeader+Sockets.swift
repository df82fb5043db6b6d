//===----------------------------------------------------------------------===//
// Quartermaster: the PROXY header of an accepted connection
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

extension ProxyHeader {
    /// Of a stream whose ends have these addresses: bytes of a `sockaddr` as getpeername(2) and getsockname(2) give
    /// them; nothing at all where they gave none. IPv4 that came in through a socket for IPv6 is IPv4 here, too.
    package init(peer: borrowing RawSpan, own: borrowing RawSpan) {
        let client = End(peer)
        let server = End(own)
        switch (client, server) {
        case (.ipv4(let source, let sourcePort), .ipv4(let destination, let destinationPort)):
            let ends = IPv4Ends(
                source: source,
                destination: destination,
                sourcePort: sourcePort,
                destinationPort: destinationPort
            )
            origin = .ipv4(ends, .stream)
        case (.ipv6(let source, let sourcePort), .ipv6(let destination, let destinationPort)):
            let ends = IPv6Ends(
                source: source,
                destination: destination,
                sourcePort: sourcePort,
                destinationPort: destinationPort
            )
            origin = .ipv6(ends, .stream)
        case (.unix(let source), .unix(let destination)):
            origin = .unix(UnixEnds(source: source, destination: destination), .stream)
        default: origin = .unknown
        }
    }

    /// One `sockaddr`, in the layout of Linux: the family in the machine's order, ports and addresses in the network's.
    private enum End {
        case unknown
        case ipv4(UInt32, port: UInt16)
        case ipv6(UInt128, port: UInt16)
        case unix(UnixName)

        // Address families of Linux.
        private static var localFamily: UInt16 { 1 }
        private static var inetFamily: UInt16 { 2 }
        private static var inet6Family: UInt16 { 10 }
        /// The upper 96 bits of an IPv4 address in IPv6.
        private static var mapped: UInt128 { 0xffff }

        init(_ raw: borrowing RawSpan) {
            guard raw.byteCount >= 2 else {
                self = .unknown
                return
            }
            switch UInt16(raw.rawByte(at: 0)) | UInt16(raw.rawByte(at: 1)) << 8 {
            case Self.inetFamily where raw.byteCount >= 16:
                self = .ipv4(UInt32(truncatingIfNeeded: raw.number(at: 4, size: 4)), port: raw.port(at: 2))
            case Self.inet6Family where raw.byteCount >= 28:
                let address = raw.number(at: 8, size: 16)
                if address >> 32 == Self.mapped {
                    self = .ipv4(UInt32(truncatingIfNeeded: address), port: raw.port(at: 2))
                } else {
                    self = .ipv6(address, port: raw.port(at: 2))
                }
            case Self.localFamily: self = .unix(UnixName(prefixOf: raw.extracting(droppingFirst: 2)))
            default: self = .unknown
            }
        }
    }
}

extension RawSpan {
    /// `size` bytes as a number, the most significant first.
    func number(at start: Int, size: Int) -> UInt128 {
        var number: UInt128 = 0
        for index in start..<start + size { number = number << 8 | UInt128(rawByte(at: index)) }
        return number
    }

    func port(at start: Int) -> UInt16 { UInt16(truncatingIfNeeded: number(at: start, size: 2)) }
}
