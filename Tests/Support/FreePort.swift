//===----------------------------------------------------------------------===//
// Quartermaster: loopback ports without a listener
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Synchronization

/// Picks TCP ports on loopback that were free a moment ago, and gives none of them out twice: a test whose service is
/// gone for a moment, or not there yet, finds no other server on its port.
///
/// That holds among test programs that run side by side, too: each takes its ports from blocks that are its own until
/// it ends. They lie below the range from which the kernel takes ports for outgoing connections, so that no client of
/// a test can sit on one before its service is started.
package enum FreePort {
    private static let ports = Mutex(PortBlocks())

    package static func next() throws -> UInt16 { try several(1)[0] }

    package static func several(_ count: Int) throws -> [UInt16] {
        var found: [UInt16] = []
        while found.count < count {
            guard let port = ports.withLock({ $0.next() }) else {
                throw TestSupportError("no \(count) free ports on loopback")
            }
            if isFree(port) { found.append(port) }
        }
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

/// The ports that this test program may use, one after the other.
///
/// Who has bound the abstract UNIX-domain socket of a block has the block. Such a name is known in one network
/// namespace, as ports are, and the kernel gives it back when the program ends, however it does.
private struct PortBlocks {
    /// Below 10,000 live the services that a machine may have; from 32,768 on the kernel helps itself.
    private static let range: Range<UInt16> = 10_000..<32_000
    private static let size: UInt16 = 100

    private var left: Range<UInt16> = 0..<0
    /// What is bound stays so, to the end of the program.
    private var marks: [Int32] = []

    mutating func next() -> UInt16? {
        if left.isEmpty {
            guard let block = claim() else { return nil }
            left = block
        }
        return left.removeFirst()
    }

    private mutating func claim() -> Range<UInt16>? {
        let starts = stride(from: Self.range.lowerBound, to: Self.range.upperBound, by: Int(Self.size)).shuffled()
        for start in starts {
            guard let mark = Self.bound("quartermaster-test-ports-\(start)") else { continue }
            marks.append(mark)
            return start..<start + Self.size
        }
        return nil
    }

    /// A socket with that abstract name, or nothing when somebody has it.
    private static func bound(_ name: String) -> Int32? {
        let socket = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return nil }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = [0] + Array(name.utf8)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        let size = socklen_t(MemoryLayout.offset(of: \sockaddr_un.sun_path)! + bytes.count)
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(socket, $0, size) == 0 }
        }
        if isBound { return socket }
        close(socket)
        return nil
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
