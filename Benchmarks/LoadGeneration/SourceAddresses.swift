//===----------------------------------------------------------------------===//
// Quartermaster: where connections come from
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// Source addresses to take turns with. A connection closed by us leaves its port unusable for a while, so a storm from
/// one address would run out of ports; a network such as 127.0.0.0/8 has enough addresses for any storm.
package enum SourceAddresses {
    package struct Problem: Error, Equatable, CustomStringConvertible {
        package let description: String
    }

    /// More do not help: each has some 28,000 ports.
    package static let most = 4096
    private static let usual = 512

    /// What a run uses unless told otherwise: many addresses on IPv4 loopback, elsewhere the kernel's choice.
    package static func standard(for target: Target) -> [SocketAddress] {
        guard let address = target.address, address.family == .ipv4, address.isLoopback else { return [] }
        return spread(network: [127, 101, 0, 0], bits: 16, count: usual)
    }

    /// `none`, a network as ADDRESS/BITS, or addresses between commas; `family` is what the target wants.
    package static func parse(_ text: String, family: SocketAddress.Family) throws(Problem) -> [SocketAddress] {
        if family == .unix { throw Problem(description: "a UNIX socket or FIFO has no source addresses") }
        if text == "none" { return [] }
        var sources: [SocketAddress] = []
        for word in text.split(whereSeparator: { $0 == "," || $0.isWhitespace }) {
            sources += try word.contains("/") ? network(word) : [address(word)]
        }
        if sources.isEmpty { throw Problem(description: "no address in \"\(text)\"") }
        guard sources.allSatisfy({ $0.family == family }) else {
            throw Problem(
                description: "\(text): the target is \(family == .ipv4 ? "IPv4" : "IPv6"), and so must these be"
            )
        }
        guard sources.count <= most else { throw Problem(description: "more than \(most) addresses") }
        return sources
    }

    private static func address(_ word: Substring) throws(Problem) -> SocketAddress {
        guard let address = SocketAddress(numeric: String(word), port: 0) else {
            throw Problem(description: "\(word): expected a numeric address, a network such as 127.0.0.0/8, or none")
        }
        return address
    }

    private static func network(_ word: Substring) throws(Problem) -> [SocketAddress] {
        let parts = word.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let bits = Int(parts[1]), (8...30).contains(bits),
            let base = SocketAddress(numeric: String(parts[0]), port: 0), base.family == .ipv4
        else { throw Problem(description: "\(word): expected an IPv4 network with 8 to 30 bits, such as 127.0.0.0/8") }
        return spread(network: Array(base.hostBytes), bits: bits, count: most)
    }

    /// At most `count` hosts of a network, evenly spread over it, neither its first nor its last address.
    private static func spread(network: [UInt8], bits: Int, count: Int) -> [SocketAddress] {
        let hosts = (1 << (32 - bits)) - 2
        let base = network.reduce(0) { $0 << 8 | Int($1) } & ~(hosts + 1)
        let taken = min(count, hosts)
        return (0..<taken).map { index in
            let number = base + 1 + index * hosts / taken
            return SocketAddress(ipv4: (0..<4).map { UInt8(number >> (24 - 8 * $0) & 255) }, port: 0)
        }
    }
}
