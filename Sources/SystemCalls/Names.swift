//===----------------------------------------------------------------------===//
// Quartermaster: names of hosts, services, interfaces and of this machine
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import Glibc

/// Why a name has no address: the text of gai_strerror(3).
package struct NameError: Error, Equatable, Sendable {
    package let reason: String
}

/// getaddrinfo(3), synchronously: stream addresses of a host, port 0, in the resolver's order, without duplicates.
/// Asked for one family, the resolver turns addresses of the other into it where it can.
package func addresses(
    ofHost host: String,
    family: SocketAddress.Family? = nil,
    numericOnly: Bool = false
) throws(NameError) -> [SocketAddress] {
    var hints = unsafe addrinfo()
    unsafe hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    unsafe hints.ai_family = family == .ipv4 ? AF_INET : family == .ipv6 ? AF_INET6 : AF_UNSPEC
    unsafe hints.ai_flags = numericOnly ? AI_NUMERICHOST : 0
    var list: UnsafeMutablePointer<addrinfo>?
    let code = unsafe getaddrinfo(host, nil, &hints, &list)
    guard code == 0 else { throw NameError(reason: unsafe String(cString: cposix_resolver_error(code))) }
    defer { unsafe freeaddrinfo(list) }
    var found: [SocketAddress] = []
    var next = unsafe list
    while let entry = unsafe next {
        let raw = unsafe UnsafeRawBufferPointer(start: entry.pointee.ai_addr, count: Int(entry.pointee.ai_addrlen))
        if let address = unsafe SocketAddress(copying: raw), !found.contains(address) { found.append(address) }
        unsafe next = entry.pointee.ai_next
    }
    return found
}

/// getservbyname(3): the TCP port of a service; nil for an unknown name.
package func tcpPort(named name: String) -> UInt16? {
    guard let entry = unsafe getservbyname(name, "tcp") else { return nil }
    return unsafe UInt16(truncatingIfNeeded: entry.pointee.s_port).byteSwapped
}

/// getservbyname(3): the UDP port of a service; nil for an unknown name.
package func udpPort(named name: String) -> UInt16? {
    guard let entry = unsafe getservbyname(name, "udp") else { return nil }
    return unsafe UInt16(truncatingIfNeeded: entry.pointee.s_port).byteSwapped
}

/// getifaddrs(3): addresses of interfaces that are up, port 0.
package func interfaceAddresses() throws(SystemError) -> [SocketAddress] {
    var list: UnsafeMutablePointer<ifaddrs>?
    _ = try calling(.getifaddrs) { unsafe getifaddrs(&list) == 0 ? 0 : -errno }
    defer { unsafe freeifaddrs(list) }
    var found: [SocketAddress] = []
    var next = unsafe list
    while let entry = unsafe next {
        unsafe next = entry.pointee.ifa_next
        guard let address = unsafe entry.pointee.ifa_addr,
            unsafe entry.pointee.ifa_flags & CUnsignedInt(IFF_UP) != 0
        else { continue }
        let isV6 = unsafe CInt(address.pointee.sa_family) == AF_INET6
        let raw = unsafe UnsafeRawBufferPointer(start: address, count: isV6 ? 28 : 16)
        if let value = unsafe SocketAddress(copying: raw), value.family != .unix, !found.contains(value) {
            found.append(value)
        }
    }
    return found
}

/// gethostname(2).
package func hostName() -> String {
    unsafe withText(capacity: 256) { buffer, size in
        unsafe gethostname(buffer, size) == 0 ? strnlen(buffer, size) : 0
    }
}
