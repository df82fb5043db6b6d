//===----------------------------------------------------------------------===//
// Quartermaster: PROXY headers, written and read
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import ProxyHeader

struct ProxyHeaderTests {
    // MARK: support

    private func bytes(_ header: ProxyHeader, _ version: ProxyHeader.Version) -> [UInt8] {
        let encoded = header.encoded(as: version)
        let span = encoded.bytes
        return (0..<span.byteCount).map { span.unsafeLoad(fromByteOffset: $0, as: UInt8.self) }
    }

    private func read(_ bytes: [UInt8], limit: Int = ProxyHeader.usualLimit) -> ProxyReading {
        ProxyHeader.read(bytes.span.bytes, limit: limit)
    }

    private func read(_ text: String) -> ProxyReading { read(Array(text.utf8)) }

    private static func name(_ text: String) -> UnixName {
        let bytes = Array(text.utf8)
        return UnixName(prefixOf: bytes.span.bytes)
    }

    private static let v4: [(UInt32, UInt32)] = [(0, .max), (1, 0xc0a8_0001), (0x7f00_0001, 0), (.max, 0x0a0b_0c0d)]

    private static let v6: [UInt128] = [
        0, 1, .max, 0x2001_0db8_0000_0000_0000_0000_0000_0001, 0x2001_0db8_0000_0001_0000_0000_0000_0001,
        0x0001_0000_0000_0000_0000_0000_0000_0000, 0x0000_0001_0000_0001_0000_0001_0000_0001,
        0x0001_0002_0003_0004_0005_0006_0007_0000, 0x0000_0002_0003_0004_0005_0006_0007_0008,
        0xffff_c000_0201, 0xfe80_0000_0000_0000_abcd_00ef_0a00_000f,
    ]

    private static let headers: [ProxyHeader] = {
        var all: [ProxyHeader] = [.init(.local), .init(.unknown)]
        for transport in [ProxyHeader.Transport.stream, .datagram] {
            for (source, destination) in v4 {
                for port: UInt16 in [0, 9, 25, 1024, 65_535] {
                    let ends = IPv4Ends(
                        source: source,
                        destination: destination,
                        sourcePort: port,
                        destinationPort: ~port
                    )
                    all.append(.init(.ipv4(ends, transport)))
                }
            }
            for (source, destination) in zip(v6, v6.reversed()) {
                let ends = IPv6Ends(source: source, destination: destination, sourcePort: 1, destinationPort: 65_535)
                all.append(.init(.ipv6(ends, transport)))
            }
            for path in ["", "/run/a", "\0abstract", String(repeating: "x", count: 108)] {
                all.append(.init(.unix(UnixEnds(source: name(path), destination: name("/own")), transport)))
            }
        }
        return all
    }()

    // MARK: tests

    @Test("what was written as version 2 is read as it was, whatever follows, and not before it is complete")
    func binaryRoundTrip() {
        for header in Self.headers {
            let encoded = bytes(header, .v2)
            #expect(encoded.count <= EncodedProxyHeader.capacity)
            #expect(read(encoded) == .header(header, .v2, size: encoded.count))
            #expect(read(encoded + [1, 2, 3]) == .header(header, .v2, size: encoded.count))
            for size in 0..<encoded.count { #expect(read(Array(encoded[..<size])) == .incomplete) }
        }
    }

    @Test("what was written as version 1 is read as it was, or as unknown where version 1 has no word for it")
    func lineRoundTrip() {
        for header in Self.headers {
            let encoded = bytes(header, .v1)
            #expect(encoded.count <= ProxyHeader.longestLine)
            let expected: ProxyHeader
            switch header.origin {
            case .ipv4(_, .stream), .ipv6(_, .stream): expected = header
            default: expected = .init(.unknown)
            }
            #expect(read(encoded + [13, 10]) == .header(expected, .v1, size: encoded.count))
            for size in 0..<encoded.count { #expect(read(Array(encoded[..<size])) == .incomplete) }
        }
    }

    @Test("lines of version 1 are those of the specification")
    func lines() {
        let ends = IPv4Ends(source: 0xc000_0201, destination: 0xc633_6402, sourcePort: 56_324, destinationPort: 443)
        let line = "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"
        #expect(bytes(.init(.ipv4(ends, .stream)), .v1) == Array(line.utf8))
        let v6 = IPv6Ends(source: 1, destination: Self.v6[10], sourcePort: 0, destinationPort: 10)
        let long = "PROXY TCP6 ::1 fe80::abcd:ef:a00:f 0 10\r\n"
        #expect(bytes(.init(.ipv6(v6, .stream)), .v1) == Array(long.utf8))
        #expect(bytes(.init(.local), .v1) == Array("PROXY UNKNOWN\r\n".utf8))
    }

    @Test("addresses in any spelling of theirs are read")
    func spellings() {
        for (text, number) in [
            ("::", 0), ("1::", 1 << 112), ("::1:0", 0x1_0000),
            ("1:2:3:4:5:6:7:8", 0x1_0002_0003_0004_0005_0006_0007_0008),
            ("::ffff:192.0.2.1", 0xffff_c000_0201), ("64:ff9b::192.0.2.33", 0x64_ff9b_0000_0000_0000_0000_c000_0221),
            ("2001:DB8::a", 0x2001_0db8_0000_0000_0000_0000_0000_000a), ("0:0::0", 0),
            ("1:2:3:4:5:6:1.2.3.4", 0x1_0002_0003_0004_0005_0006_0102_0304),
        ] as [(String, UInt128)] {
            let line = "PROXY TCP6 \(text) :: 1 2\r\n"
            let ends = IPv6Ends(source: number, destination: 0, sourcePort: 1, destinationPort: 2)
            #expect(read(line) == .header(.init(.ipv6(ends, .stream)), .v1, size: line.utf8.count), "\(text)")
        }
    }

    @Test("whatever follows UNKNOWN is ignored")
    func unknownLine() {
        for line in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 x 1 2 3\r\n", "PROXY UNKNOWN \r\n"] {
            #expect(read(line) == .header(.init(.unknown), .v1, size: line.utf8.count))
        }
    }

    @Test(
        "a line that is none is refused",
        arguments: [
            "PROXY \r\n", "PROXY TCP4\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n",
            "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n",
            "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.4.5 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.256 1.2.3.4 1 2\r\n",
            "PROXY TCP4 1.2.3.+4 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 -2\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 1.2.3.4 ::1 1 2\r\n", "PROXY TCP6 1::2::3 ::1 1 2\r\n", "PROXY TCP6 1:2:3:4:5:6:7 ::1 1 2\r\n",
            "PROXY TCP6 1:2:3:4:5:6:7:8:9 ::1 1 2\r\n", "PROXY TCP6 1: ::1 1 2\r\n", "PROXY TCP6 :1 ::1 1 2\r\n",
            "PROXY TCP6 1:::2 ::1 1 2\r\n", "PROXY TCP6 12345:: ::1 1 2\r\n", "PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n",
            "PROXY TCP6 1:2:3:4:5:6:7:1.2.3.4 :: 1 2\r\n", "PROXY TCP6 ::1.2.3.4:1 :: 1 2\r\n",
            "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", "PROXY UNKNOWNS\r\n", "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY 1::2:3:4:5:6:7:8:9\r\n",
        ]
    )
    func malformedLine(_ line: String) {
        #expect(read(line) == .refused(.malformed))
    }

    @Test("what begins as no header does is refused at its first wrong byte")
    func noHeader() {
        #expect(read("GET / HTTP/1.1\r\n") == .refused(.noHeader))
        #expect(read("PROXZ") == .refused(.noHeader))
        #expect(read("PROXYTCP4") == .refused(.noHeader))
        #expect(read([13, 10, 13, 11]) == .refused(.noHeader))
        #expect(read([0]) == .refused(.noHeader))
        #expect(read("") == .incomplete)
    }

    @Test("a line is no longer than 107 bytes, and a binary header no longer than the caller allows")
    func lengths() {
        func line(_ size: Int) -> String {
            let start = "PROXY UNKNOWN "
            return start + String(repeating: "x", count: size - start.utf8.count - 2) + "\r\n"
        }
        #expect(read(line(107)) == .header(.init(.unknown), .v1, size: 107))
        #expect(read(line(108)) == .refused(.tooLong))
        #expect(read(String(line(400).dropLast(2))) == .refused(.tooLong))
        #expect(read(String(line(108).dropLast(2))) == .incomplete)

        let header = bytes(.init(.unknown), .v2)
        func extended(_ size: Int) -> [UInt8] {
            header.prefix(14) + [UInt8(size >> 8), UInt8(size & 255)] + [UInt8](repeating: 7, count: size)
        }
        #expect(read(extended(520)) == .header(.init(.unknown), .v2, size: 536))
        #expect(read(extended(521)) == .refused(.tooLong))
        #expect(read(extended(521), limit: 600) == .header(.init(.unknown), .v2, size: 537))
        #expect(read(Array(extended(65_535).prefix(16)), limit: 600) == .refused(.tooLong), "before it is all there")
    }

    @Test("extensions behind the addresses are passed over")
    func extensions() {
        for header in Self.headers where header.origin != .local {
            var encoded = bytes(header, .v2)
            let size = encoded.count - 16 + 5
            encoded[14] = UInt8(size >> 8)
            encoded[15] = UInt8(size & 255)
            #expect(read(encoded + [4, 0, 2, 0, 0]) == .header(header, .v2, size: encoded.count + 5))
        }
    }

    @Test("addresses that are cut off, and values that are none, are refused")
    func malformedBinary() {
        for header in Self.headers where header.origin != .local && header.origin != .unknown {
            var encoded = bytes(header, .v2)
            let size = encoded.count - 17
            encoded[14] = UInt8(size >> 8)
            encoded[15] = UInt8(size & 255)
            #expect(read(encoded) == .refused(.malformed))
        }
        var start = bytes(.init(.unknown), .v2)
        for family: UInt8 in 1...255 where ![0x11, 0x12, 0x21, 0x22, 0x31, 0x32].contains(family) {
            start[13] = family
            #expect(read(start) == .refused(.malformed))
        }
        start[13] = 0
        for command: UInt8 in 0...255 where ![0x20, 0x21].contains(command) {
            start[12] = command
            #expect(read(start) == .refused(.malformed))
        }
    }

    @Test("addresses of sockets become those of the header; IPv4 in IPv6 becomes IPv4")
    func sockets() {
        let four: [UInt8] = [2, 0, 0x1f, 0x90, 192, 0, 2, 1] + [UInt8](repeating: 0, count: 8)
        let mapped: [UInt8] =
            [10, 0, 0, 25, 0, 0, 0, 0] + [UInt8](repeating: 0, count: 10) + [255, 255, 10, 0, 0, 2] + [0, 0, 0, 0]
        let six: [UInt8] = [10, 0, 0, 25, 9, 9, 9, 9] + [UInt8](repeating: 0, count: 15) + [1] + [7, 0, 0, 0]
        let unix: [UInt8] = [1, 0] + Array("/run/x".utf8) + [0]
        func header(_ peer: [UInt8], _ own: [UInt8]) -> ProxyHeader.Origin {
            ProxyHeader(peer: peer.span.bytes, own: own.span.bytes).origin
        }
        let ends = IPv4Ends(source: 0xc000_0201, destination: 0x0a00_0002, sourcePort: 8080, destinationPort: 25)
        #expect(header(four, mapped) == .ipv4(ends, .stream))
        let sixes = IPv6Ends(source: 1, destination: 1, sourcePort: 25, destinationPort: 25)
        #expect(header(six, six) == .ipv6(sixes, .stream))
        #expect(header([1, 0], unix) == .unix(UnixEnds(source: .init(), destination: Self.name("/run/x")), .stream))
        #expect(header(four, six) == .unknown)
        #expect(header([], four) == .unknown)
        #expect(header([2, 0, 1], four) == .unknown)
        #expect(header([77, 0, 1, 1], four) == .unknown)
    }

    @Test("any mutilation of a header is read as something or refused, and never past its end")
    func mutilations() {
        for header in Self.headers {
            for version in [ProxyHeader.Version.v1, .v2] {
                let encoded = bytes(header, version)
                for place in encoded.indices {
                    for value: UInt8 in [0, 1, 10, 13, 32, 46, 48, 58, 127, 255] {
                        var changed = encoded
                        changed[place] = value
                        if case .header(_, _, let size) = read(changed) { #expect(size <= changed.count) }
                    }
                }
            }
        }
    }
}
