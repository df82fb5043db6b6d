//===----------------------------------------------------------------------===//
// Quartermaster: where the load goes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// The end point under load, as an address and as the words the user knows it by.
package struct Target: Equatable, Sendable {
    package let address: SocketAddress
    package let description: String

    /// What is wrong with an end point, in words for the person who typed it.
    package struct Problem: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    package init(unixPath path: String) throws(Problem) {
        guard !path.isEmpty, let address = SocketAddress(unixPath: path) else {
            let limit = SocketAddress.longestUnixPath
            throw Problem(description: "\(path): a socket's path has 1 to \(limit) bytes")
        }
        self.address = address
        description = "unix:\(path)"
    }

    /// HOST:PORT, or `[v6]:PORT`. Of a name's addresses the first is taken; `localhost` is 127.0.0.1.
    package init(tcp text: String) throws(Problem) {
        guard let colon = text.lastIndex(of: ":") else {
            throw Problem(description: "\(text): expected HOST:PORT")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host == "localhost" { host = "127.0.0.1" }
        guard let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            throw Problem(description: "\(text): the port is a number from 1 to 65535")
        }
        guard let first = try Self.addresses(of: host).first else { throw Problem(description: "\(host): no address") }
        address = first.withPort(port)
        description = "tcp:\(text)"
    }

    private static func addresses(of host: String) throws(Problem) -> [SocketAddress] {
        do {
            return try SystemCalls.addresses(ofHost: host)
        } catch {
            throw Problem(description: "\(host): \(error.reason)")
        }
    }

    /// Source addresses to take turns with. A connection closed here leaves its port unusable for a minute, so a storm
    /// on loopback from one address would run out of ports; 127.0.0.0/8 has enough addresses for any storm.
    package var sources: [SocketAddress] {
        guard address.family == .ipv4, address.isLoopback else { return [] }
        return (0..<512).map { SocketAddress(ipv4: [127, 101, UInt8($0 / 128), UInt8(1 + $0 % 128)], port: 0) }
    }
}
