//===----------------------------------------------------------------------===//
// Quartermaster: a datagram socket with no room left
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport

/// How many datagrams a socket without a reader takes depends on the machine: ten by the kernel's default, 512 where
/// systemd has set it. Filled to the brim it takes none anywhere.
enum DatagramFlood {
    /// Sends until the receiver is full. A sender may run out of its own room first, so there are several.
    static func fill(_ path: String) throws {
        for _ in 0..<100 where try send(to: path) == 0 { return }
        throw TestSupportError("\(path) takes datagrams without end")
    }

    /// One line, as any process sends it to the log.
    static func send(_ line: String, to path: String) throws {
        guard try send(line, to: path, atMost: 1) == 1 else { throw TestSupportError("\(path) is full") }
    }

    /// As many as a new sender can get rid of.
    private static func send(_ text: String = "x", to path: String, atMost limit: Int = .max) throws -> Int {
        let sender = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard sender >= 0 else { throw TestSupportError("socket: \(errnoText())") }
        defer { close(sender) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        var count = 0
        while count < limit {
            let sent = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(sender, text, text.utf8.count, Int32(MSG_DONTWAIT), $0, size)
                }
            }
            if sent == text.utf8.count {
                count += 1
            } else if errno == EAGAIN {
                return count
            } else {
                throw TestSupportError("sendto \(path): \(errnoText())")
            }
        }
        return count
    }
}
