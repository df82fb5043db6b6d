//===----------------------------------------------------------------------===//
// Quartermaster: the ear of a service manager
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls

/// The socket behind `NOTIFY_SOCKET`: keeps what is said to it, one datagram after the other.
package final class NotifyReceiver {
    package let address: String
    private let socket: Descriptor
    private var heard: [String] = []

    /// - Parameter address: a path, or `@` and a name in the abstract namespace.
    package init(_ address: String) throws {
        self.address = address
        let name =
            address.hasPrefix("@")
            ? SocketAddress(abstractName: String(address.dropFirst())) : SocketAddress(unixPath: address)
        guard let name else { throw TestSupportError("no address: \(address)") }
        let socket = try makeSocket(.unix, .datagram)
        try socket.number.bind(to: name)
        try socket.number.setNonBlocking(true)
        self.socket = socket
        if address.hasPrefix("/") { chmod(address, 0o666) }
    }

    /// Everything so far.
    package var notices: [String] {
        while let bytes = try? socket.number.read(atMost: 4096), !bytes.isEmpty {
            heard.append(String(decoding: bytes, as: UTF8.self))
        }
        return heard
    }

    /// All but the signs of life.
    package var news: [String] { notices.filter { $0 != "WATCHDOG=1" } }
}
