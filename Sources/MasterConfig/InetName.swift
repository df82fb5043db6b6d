//===----------------------------------------------------------------------===//
// Quartermaster: host and port of an inet service
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The name of an inet or udp service: `port`, `:port`, `host:port`, `[host]:port` or `[ipv6:address]:port`. Without
/// brackets the last colon separates, so `::1:smtp` is the port `smtp` on `::1`.
package struct InetName: Hashable, Sendable {
    /// Without brackets and without `IPv6:`; nil if the service listens on the interfaces of `inet_interfaces`.
    package var host: String?
    /// A number or the name of one.
    package var port: String
    /// The host in its standard spelling, if it was written as a number.
    package var address: NumericAddress? { host.flatMap(NumericAddress.init) }

    package init(host: String?, port: String) {
        self.host = host
        self.port = port
    }

    /// The words of what is wrong, without context.
    package struct Failure: Error, Equatable { package let reason: String }

    package static func parse(_ text: String) throws(Failure) -> InetName {
        let text = text.bytes
        let name = try text.first == ASCII.leftBracket ? bracketed(text) : plain(text)
        guard !name.port.isEmpty else { throw Failure(reason: "missing service information") }
        if let host = name.host, !HostName.isValid(host), NumericAddress(host) == nil {
            throw Failure(reason: "valid hostname or network address required")
        }
        if let first = name.port.utf8.first, first.isDigit, !name.port.isAllDigits {
            throw Failure(reason: "garbage after numerical service")
        }
        return name
    }

    private static func bracketed(_ text: ArraySlice<UInt8>) throws(Failure) -> InetName {
        guard let close = text.firstIndex(of: ASCII.rightBracket) else { throw Failure(reason: "missing \"]\"") }
        var host = text[..<close].dropFirst()
        let rest = text[(close + 1)...]
        guard rest.isEmpty || rest.first == ASCII.colon else { throw Failure(reason: "garbage after \"]\"") }
        if host.prefix(5).map(\.asLowercase) == Array("ipv6:".utf8) {
            host = host.dropFirst(5)
            guard let address = NumericAddress(host.text), address.isIPv6 else {
                throw Failure(reason: "malformed IPv6 address")
            }
        }
        return InetName(host: host.text, port: rest.dropFirst().text)
    }

    private static func plain(_ text: ArraySlice<UInt8>) -> InetName {
        guard let colon = text.lastIndex(of: ASCII.colon) else { return InetName(host: nil, port: text.text) }
        let host = text[..<colon]
        return InetName(host: host.isEmpty ? nil : host.text, port: text[(colon + 1)...].text)
    }
}
