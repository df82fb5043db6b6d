//===----------------------------------------------------------------------===//
// Quartermaster: what kind of endpoint a descriptor is that a service manager has opened
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterProtocol
import SystemCalls

/// What kind of endpoint a descriptor is, as far as that decides which service it is for.
enum OfferedForm: Equatable, Sendable {
    /// A listening TCP socket. An IPv6 one for all addresses may take IPv4 clients, too.
    case inet(SocketAddress, takesIPv4: Bool)
    /// A UDP socket; the same holds of it.
    case udp(SocketAddress, takesIPv4: Bool)
    /// A listening stream socket, or a datagram socket, that has a path.
    case unix(path: String, SocketKind)
    case fifo(path: String)
    /// Nothing that a service can listen on, and why.
    case useless(String)

    /// Whether a service of this type could use it.
    func fits(_ type: Transport) -> Bool {
        switch (self, type) {
        case (.inet, .inet), (.udp, .udp), (.unix(_, .stream), .unix), (.unix(_, .stream), .pass),
            (.unix(_, .datagram), .unixDatagram), (.fifo, .fifo):
            true
        default: false
        }
    }

    /// Of a socket of an Internet protocol.
    var address: (own: SocketAddress, takesIPv4: Bool)? {
        switch self {
        case .inet(let own, let takesIPv4), .udp(let own, let takesIPv4): (own, takesIPv4)
        case .unix, .fifo, .useless: nil
        }
    }

    func serves(_ address: SocketAddress) -> Bool {
        guard let (own, takesIPv4) = self.address, own.port == address.port else { return false }
        if own.family == address.family { return own.bytes == address.bytes }
        return takesIPv4 && address.family == .ipv4 && address.hostBytes.allSatisfy { $0 == 0 }
            && own.hostBytes.allSatisfy { $0 == 0 }
    }

    var path: String? {
        switch self {
        case .unix(let path, _), .fifo(let path): path
        case .inet, .udp, .useless: nil
        }
    }

    /// For messages.
    var text: String {
        switch self {
        case .inet(let address, _): "\(address.hostText) port \(address.port)"
        case .udp(let address, _): "\(address.hostText) UDP port \(address.port)"
        case .unix(let path, _), .fifo(let path): path
        case .useless(let reason): reason
        }
    }
}

extension OfferedForm {
    /// Asks the kernel.
    init(of number: DescriptorNumber) {
        do throws(SystemError) {
            switch try number.facts().kind {
            case .socket: self = try Self.socket(number)
            case .fifo: self = .fifo(path: try linkTarget("/proc/self/fd/\(number.rawValue)"))
            default: self = .useless("neither a socket nor a FIFO")
            }
        } catch {
            self = .useless(error.description)
        }
    }

    private static func socket(_ number: DescriptorNumber) throws(SystemError) -> OfferedForm {
        guard let address = try number.name(ofPeer: false), let kind = try number.socketKind() else {
            return .useless("a socket of an unknown kind")
        }
        let isListening = try number.option(.isListening) != 0
        switch (address.family, kind) {
        case (.unix, .stream) where !isListening, (.ipv4, .stream) where !isListening,
            (.ipv6, .stream) where !isListening:
            return .useless("a socket that does not listen")
        case (.unix, _):
            let path = address.hostText
            return path.hasPrefix("/") ? .unix(path: path, kind) : .useless("a socket without an absolute path")
        case (_, .datagram): return try datagrams(number, address)
        case (.ipv4, .stream): return .inet(address, takesIPv4: true)
        case (.ipv6, .stream): return .inet(address, takesIPv4: try number.option(.ipv6Only) == 0)
        }
    }
}

extension OfferedForm {
    /// A master that was killed may have left the socket connected to itself, which hides that it is for all addresses.
    private static func datagrams(_ number: DescriptorNumber, _ name: SocketAddress) throws(SystemError) -> OfferedForm
    {
        var address = name
        if let peer = try? number.name(ofPeer: true) {
            guard peer == name else {
                return .useless("a UDP socket that is connected to \(peer.hostText) port \(peer.port)")
            }
            try number.disconnect()
            address = try number.name(ofPeer: false) ?? name
        }
        return .udp(address, takesIPv4: address.family == .ipv4 ? true : try number.option(.ipv6Only) == 0)
    }
}
