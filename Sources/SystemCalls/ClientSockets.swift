//===----------------------------------------------------------------------===//
// Quartermaster: what a client of many connections needs besides Sockets
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import Glibc
import SystemPackage

/// socket(2), close-on-exec and non-blocking from birth: one call where `makeSocket` and fcntl(2) take three.
package func makeNonBlockingSocket(
    _ family: SocketAddress.Family,
    _ kind: SocketKind
) throws(SystemError) -> Descriptor {
    let domain = family == .unix ? AF_UNIX : family == .ipv4 ? AF_INET : AF_INET6
    let type = CInt((kind == .stream ? SOCK_STREAM : SOCK_DGRAM).rawValue) | CInt(SOCK_NONBLOCK.rawValue)
    return Descriptor(owning: DescriptorNumber(try calling(.socket) { cposix_socket(domain, type) }))
}

extension DescriptorNumber {
    /// bind(2) to a source address whose port is chosen at connect time (ip(7), IP_BIND_ADDRESS_NO_PORT): the same port
    /// can then serve for many source and destination pairs.
    package func bindSource(_ address: SocketAddress) throws(SystemError) {
        _ = try calling(.setsockopt) { cposix_set_option(rawValue, CInt(IPPROTO_IP), IP_BIND_ADDRESS_NO_PORT, 1) }
        try bind(to: address)
    }

    /// recv(2) with MSG_DONTWAIT into an array that exists already, from `offset` to its end.
    package func receive(into buffer: inout [UInt8], from offset: Int) throws(SystemError) -> Transfer {
        precondition(offset >= 0 && offset < buffer.count)
        let number = rawValue
        return try transferring(.recv, zeroIsEnd: true) {
            unsafe buffer.withUnsafeMutableBytes { bytes in
                let rest = bytes.count - offset
                return unsafe Int(cposix_receive(number, bytes.baseAddress! + offset, rest, Int32(MSG_DONTWAIT)))
            }
        }
    }

    /// send(2) with MSG_NOSIGNAL and MSG_DONTWAIT of an array's bytes from `offset` to its end.
    package func send(_ bytes: [UInt8], from offset: Int) throws(SystemError) -> Transfer {
        precondition(offset >= 0 && offset < bytes.count)
        let number = rawValue
        let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
        return try transferring(.send, zeroIsEnd: false) {
            unsafe bytes.withUnsafeBytes {
                unsafe Int(cposix_send(number, $0.baseAddress! + offset, $0.count - offset, flags))
            }
        }
    }
}
