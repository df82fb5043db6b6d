//===----------------------------------------------------------------------===//
// Quartermaster: where an outgoing connection goes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// An address in numbers, or the path of a UNIX socket. Made once and kept: to make one allocates, to connect to it
/// does not. Names are not looked up, since that waits; look them up in `prepare` or `init`, where waiting is allowed.
public struct NetworkAddress: Equatable, Sendable, CustomStringConvertible {
    let address: SocketAddress

    package init(_ address: SocketAddress) { self.address = address }

    /// Nil for what is no IPv4 or IPv6 address in numbers.
    public init?(numeric text: String, port: UInt16) {
        guard let address = SocketAddress(numeric: text, port: port) else { return nil }
        self.address = address
    }

    /// A path that is relative counts from the queue directory, also after a chroot. Nil when it is longer than 107
    /// bytes.
    public init?(unixPath path: String) {
        guard !path.isEmpty, let address = SocketAddress(unixPath: path) else { return nil }
        self.address = address
    }

    /// `unix:path`, `inet:address:port` or `address:port`, with an IPv6 address in brackets, as parameters of main.cf
    /// have it. Nil for anything else, a name for one.
    public init?(_ text: String) {
        if text.hasPrefix("unix:") {
            self.init(unixPath: String(text.dropFirst(5)))
            return
        }
        let rest = text.hasPrefix("inet:") ? text.dropFirst(5) : text[...]
        guard let colon = rest.lastIndex(of: ":"), let port = UInt16(rest[rest.index(after: colon)...]) else {
            return nil
        }
        var host = rest[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        self.init(numeric: String(host), port: port)
    }

    /// As the initializer takes it.
    public var description: String {
        switch address.family {
        case .unix: "unix:\(address.hostText)"
        case .ipv4: "\(address.hostText):\(address.port)"
        case .ipv6: "[\(address.hostText)]:\(address.port)"
        }
    }
}
