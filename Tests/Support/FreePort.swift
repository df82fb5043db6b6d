//===----------------------------------------------------------------------===//
// Quartermaster: loopback ports without a listener
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Synchronization

/// Picks TCP ports on loopback that were free a moment ago, and gives none of them out twice: a test whose service is
/// gone for a moment, or not there yet, finds no other server on its port.
///
/// They lie below the range from which the kernel takes ports for outgoing connections, so that no client of a
/// test can sit on one before its service is started.
package enum FreePort {
    /// Below 10,000 live the services that a machine may have; from 32,768 on the kernel helps itself.
    private static let range: Range<UInt16> = 10_000..<32_000
    /// What comes next: one after the other, from a place that no other test program is likely to be at.
    private static let candidate = Mutex<UInt16>(.random(in: range))

    package static func next() throws -> UInt16 { try several(1)[0] }

    package static func several(_ count: Int) throws -> [UInt16] {
        var found: [UInt16] = []
        for _ in 0..<2_000 where found.count < count {
            let port = candidate.withLock { candidate in
                defer { candidate = candidate + 1 < range.upperBound ? candidate + 1 : range.lowerBound }
                return candidate
            }
            if isFree(port) { found.append(port) }
        }
        guard found.count == count else { throw TestSupportError("no \(count) free ports on loopback") }
        return found
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
