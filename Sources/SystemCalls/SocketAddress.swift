//===----------------------------------------------------------------------===//
// Quartermaster: socket addresses as values
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ByteText
import Glibc

/// An address that bind(2) and connect(2) take: IPv4, IPv6, a UNIX path, or a name in Linux' abstract namespace.
package struct SocketAddress: Equatable, Sendable {
    package enum Family: Comparable, Sendable { case ipv4, ipv6, unix }

    package let family: Family
    /// The raw sockaddr, in the layout of its family.
    package let bytes: [UInt8]

    /// Longest UNIX path: sun_path has 108 bytes and ends with a NUL.
    package static let longestUnixPath = 107

    /// - Returns: nil when the path does not fit.
    package init?(unixPath path: String) {
        let path = path.rawBytes
        guard path.count <= Self.longestUnixPath else { return nil }
        family = .unix
        bytes = Self.familyBytes(AF_UNIX) + path + [0]
    }

    /// A name of unix(7)'s abstract namespace, which leaves no file.
    ///
    /// - Returns: nil when the name does not fit, or is empty.
    package init?(abstractName name: String) {
        let name = name.rawBytes
        guard (1...Self.longestUnixPath).contains(name.count) else { return nil }
        family = .unix
        bytes = Self.familyBytes(AF_UNIX) + [0] + name
    }

    package init(ipv4 address: [UInt8], port: UInt16) {
        precondition(address.count == 4)
        family = .ipv4
        bytes = Self.familyBytes(AF_INET) + Self.portBytes(port) + address + [UInt8](repeating: 0, count: 8)
    }

    package init(ipv6 address: [UInt8], port: UInt16, scope: UInt32 = 0) {
        precondition(address.count == 16)
        family = .ipv6
        let scopeBytes = (0..<4).map { UInt8(truncatingIfNeeded: scope >> (8 * UInt32($0))) }
        bytes = Self.familyBytes(AF_INET6) + Self.portBytes(port) + [0, 0, 0, 0] + address + scopeBytes
    }

    /// Numeric text, IPv4 or IPv6 (inet_pton(3)); nil for anything else.
    package init?(numeric text: String, port: UInt16) {
        var v4 = in_addr()
        var v6 = in6_addr()
        if unsafe inet_pton(AF_INET, text, &v4) == 1 {
            self.init(ipv4: unsafe withUnsafeBytes(of: v4) { unsafe Array($0) }, port: port)
        } else if unsafe inet_pton(AF_INET6, text, &v6) == 1 {
            self.init(ipv6: unsafe withUnsafeBytes(of: v6) { unsafe Array($0) }, port: port)
        } else {
            return nil
        }
    }

    /// A copy of what a system call filled in; nil for a family we do not know.
    init?(copying raw: UnsafeRawBufferPointer) {
        guard raw.count >= 2 else { return nil }
        switch unsafe CInt(raw.loadUnaligned(as: sa_family_t.self)) {
        case AF_INET where raw.count >= 16: family = .ipv4
        case AF_INET6 where raw.count >= 28: family = .ipv6
        case AF_UNIX: family = .unix
        default: return nil
        }
        bytes = unsafe Array(raw.prefix(family == .ipv4 ? 16 : family == .ipv6 ? 28 : raw.count))
    }

    /// An address that another process took from its own system call; nil for a family we do not know.
    package init?(copying bytes: [UInt8]) {
        guard let address = unsafe bytes.withUnsafeBytes({ unsafe SocketAddress(copying: $0) }) else { return nil }
        self = address
    }

    /// The bits of the host address, for ordering and comparison; empty for UNIX.
    package var hostBytes: ArraySlice<UInt8> {
        switch family {
        case .ipv4: bytes[4..<8]
        case .ipv6: bytes[8..<24]
        case .unix: []
        }
    }

    package var port: UInt16 { family == .unix ? 0 : UInt16(bytes[2]) << 8 | UInt16(bytes[3]) }

    /// Whether it stands for all addresses of the machine.
    package var isWildcard: Bool { family != .unix && hostBytes.allSatisfy { $0 == 0 } }

    package func withPort(_ port: UInt16) -> SocketAddress {
        family == .ipv4
            ? SocketAddress(ipv4: Array(hostBytes), port: port)
            : SocketAddress(ipv6: Array(hostBytes), port: port, scope: scope)
    }

    private var scope: UInt32 { bytes[24..<28].reversed().reduce(0) { $0 << 8 | UInt32($1) } }

    package var isLoopback: Bool {
        switch family {
        case .ipv4: bytes[4] == 127
        case .ipv6:
            Array(hostBytes) == [UInt8](repeating: 0, count: 15) + [1]
                || (Array(hostBytes.prefix(12)) == [UInt8](repeating: 0, count: 10) + [255, 255] && bytes[20] == 127)
        case .unix: true
        }
    }

    /// The host in numbers, as inet_ntop(3) writes it; the path for UNIX, with `@` before an abstract name.
    package var hostText: String {
        switch family {
        case .ipv4: Array(hostBytes).map { String($0) }.joined(separator: ".")
        case .ipv6:
            unsafe withText(capacity: 64) { buffer, size in
                unsafe Array(hostBytes).withUnsafeBytes { address in
                    guard unsafe inet_ntop(AF_INET6, address.baseAddress!, buffer, socklen_t(size)) != nil else {
                        return 0
                    }
                    return unsafe strlen(buffer)
                }
            }
        case .unix where bytes.count > 3 && bytes[2] == 0: "@" + String(rawBytes: bytes.dropFirst(3))
        case .unix: String(rawBytes: bytes.dropFirst(2).prefix { $0 != 0 })
        }
    }

    private static func familyBytes(_ family: CInt) -> [UInt8] {
        [UInt8(truncatingIfNeeded: family), UInt8(truncatingIfNeeded: family >> 8)]
    }

    private static func portBytes(_ port: UInt16) -> [UInt8] { [UInt8(port >> 8), UInt8(port & 255)] }
}

extension SocketAddress: Comparable {
    /// All IPv4 before all IPv6, within a family by raw address bits: the order of a service's sockets.
    package static func < (left: SocketAddress, right: SocketAddress) -> Bool {
        if left.family != right.family { return left.family < right.family }
        return left.hostBytes.lexicographicallyPrecedes(right.hostBytes)
    }
}
