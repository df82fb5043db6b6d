//===----------------------------------------------------------------------===//
// Quartermaster: the PROXY protocol's header as a value
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// What a forwarder tells the server behind it about a connection: who connected, and to which address. As in HAProxy's
/// "The PROXY protocol", versions 1 and 2; encoder and decoder are in the two files beside this one, and each reads or
/// writes what the other does.
///
/// A value in place: nothing here allocates, so that a header costs a connection nothing but its bytes.
package struct ProxyHeader: Equatable, Sendable {
    package enum Version: Sendable { case v1, v2 }

    package enum Transport: Sendable { case stream, datagram }

    /// What the header says. `local` is the forwarder's own connection, such as a health check. `unknown` is a client
    /// whose address the forwarder does not know, or cannot express.
    package enum Origin: Equatable, Sendable {
        case local, unknown
        case ipv4(IPv4Ends, Transport)
        case ipv6(IPv6Ends, Transport)
        case unix(UnixEnds, Transport)
    }

    package let origin: Origin

    package init(_ origin: Origin) { self.origin = origin }
}

/// Addresses and ports of both ends, as numbers.
package struct IPv4Ends: Equatable, Sendable {
    package let source: UInt32
    package let destination: UInt32
    package let sourcePort: UInt16
    package let destinationPort: UInt16

    package init(source: UInt32, destination: UInt32, sourcePort: UInt16, destinationPort: UInt16) {
        self.source = source
        self.destination = destination
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
    }
}

/// The same for IPv6.
package struct IPv6Ends: Equatable, Sendable {
    package let source: UInt128
    package let destination: UInt128
    package let sourcePort: UInt16
    package let destinationPort: UInt16

    package init(source: UInt128, destination: UInt128, sourcePort: UInt16, destinationPort: UInt16) {
        self.source = source
        self.destination = destination
        self.sourcePort = sourcePort
        self.destinationPort = destinationPort
    }
}

package struct UnixEnds: Equatable, Sendable {
    package let source: UnixName
    package let destination: UnixName

    package init(source: UnixName, destination: UnixName) {
        self.source = source
        self.destination = destination
    }
}

/// `sun_path` of a UNIX address, all 108 bytes; what is not used is zero.
package struct UnixName: Equatable, Sendable {
    package static let size = 108
    package private(set) var bytes = InlineArray<108, UInt8>(repeating: 0)

    /// No name, as that of a client which was not bound.
    package init() {}

    /// The first 108 bytes of `bytes`.
    package init(prefixOf bytes: borrowing RawSpan) {
        for index in 0..<min(bytes.byteCount, Self.size) { self.bytes[index] = bytes.rawByte(at: index) }
    }

    package static func == (left: UnixName, right: UnixName) -> Bool {
        for index in 0..<size where left.bytes[index] != right.bytes[index] { return false }
        return true
    }
}
