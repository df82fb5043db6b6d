//===----------------------------------------------------------------------===//
// Quartermaster: loopback ports nobody listens on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// Picks TCP ports on loopback that were free a moment ago, each different from the others it gave out.
///
/// They lie below the range from which the kernel takes ports for outgoing connections, so that no client of a
/// test can sit on one before its service is started.
package enum FreePort {
    package static func next() throws -> UInt16 { try several(1)[0] }

    package static func several(_ count: Int) throws -> [UInt16] {
        var found: Set<UInt16> = []
        for _ in 0..<2_000 where found.count < count {
            let candidate = UInt16.random(in: 10_000..<32_000)
            if isFree(candidate) { found.insert(candidate) }
        }
        guard found.count == count else { throw TestSupportError("no \(count) free ports on loopback") }
        return Array(found)
    }

    /// Whether IPv4 loopback and the wildcard address can both be bound.
    package static func isFree(_ port: UInt16) -> Bool {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return false }
        defer { close(socket) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, size) == 0 }
        }
    }
}

/// What the loopback interface of this machine can do.
package enum Loopback {
    /// Whether a service can listen on `::1`; some containers have no IPv6 at all.
    package static let hasIPv6: Bool = {
        let socket = socket(AF_INET6, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return false }
        defer { close(socket) }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_addr = in6addr_loopback
        let size = socklen_t(MemoryLayout<sockaddr_in6>.size)
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, size) == 0 }
        }
    }()
}
