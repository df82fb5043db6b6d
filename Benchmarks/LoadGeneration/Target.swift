//===----------------------------------------------------------------------===//
// Quartermaster: where the load goes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// The end point under load, as a place and as the words the user knows it by.
package struct Target: Equatable, Sendable {
    package enum Place: Equatable, Sendable {
        case socket(SocketAddress, SocketKind)
        case fifo(String)
    }

    package let place: Place
    package let description: String

    /// What is wrong with an end point, in words for the person who typed it.
    package struct Problem: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// A UNIX socket of streams, or of datagrams.
    package init(unixPath path: String, _ kind: SocketKind = .stream) throws(Problem) {
        guard !path.isEmpty, let address = SocketAddress(unixPath: path) else {
            let limit = SocketAddress.longestUnixPath
            throw Problem(description: "\(path): a socket's path has 1 to \(limit) bytes")
        }
        place = .socket(address, kind)
        description = "unix \(path)"
    }

    /// HOST:PORT, or `[v6]:PORT`. Of a name's addresses the first is taken; `localhost` is 127.0.0.1.
    package init(tcp text: String) throws(Problem) {
        place = .socket(try Self.address(of: text), .stream)
        description = "tcp \(text)"
    }

    /// Where a URL leads.
    package init(url: String) throws(Problem) {
        let request: HTTPRequestText
        do {
            request = try HTTPRequestText(url: url)
        } catch {
            throw Problem(description: error.description)
        }
        place = .socket(try Self.address(of: request.endPoint), .stream)
        description = url
    }

    /// The same for UDP.
    package init(udp text: String) throws(Problem) {
        place = .socket(try Self.address(of: text), .datagram)
        description = "udp \(text)"
    }

    package init(fifo path: String) throws(Problem) {
        if path.isEmpty { throw Problem(description: "a FIFO's path is not empty") }
        place = .fifo(path)
        description = "fifo \(path)"
    }

    /// Where sockets connect to; nil for a FIFO.
    package var address: SocketAddress? {
        if case .socket(let address, _) = place { address } else { nil }
    }

    /// A connection with two ends and an order of bytes.
    package var isStream: Bool {
        if case .socket(_, .stream) = place { true } else { false }
    }

    package var isTCP: Bool { isStream && address?.family != .unix }

    /// There is no way back for a reply.
    package var isOneWay: Bool {
        if case .fifo = place { true } else { false }
    }

    package static func address(of text: String) throws(Problem) -> SocketAddress {
        guard let colon = text.lastIndex(of: ":") else {
            throw Problem(description: "\(text): expected HOST:PORT")
        }
        var host = String(text[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        if host == "localhost" { host = "127.0.0.1" }
        guard let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            throw Problem(description: "\(text): the port is a number from 1 to 65535")
        }
        guard let first = try addresses(of: host).first else { throw Problem(description: "\(host): no address") }
        return first.withPort(port)
    }

    private static func addresses(of host: String) throws(Problem) -> [SocketAddress] {
        do {
            return try SystemCalls.addresses(ofHost: host)
        } catch {
            throw Problem(description: "\(host): \(error.reason)")
        }
    }
}
