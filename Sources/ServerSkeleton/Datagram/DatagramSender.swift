//===----------------------------------------------------------------------===//
// Quartermaster: who has sent a datagram
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import SystemCalls

/// Who has sent a datagram. It is a value that may be kept, compared, and used as a key of a table, without an
/// allocation; equal are those of one address and port.
public struct DatagramSender: Hashable, Sendable {
    public enum Family: Sendable { case ipv4, ipv6, unix }

    let origin: DatagramOrigin

    init(_ origin: DatagramOrigin) { self.origin = origin }

    public var family: Family {
        switch origin.family {
        case .ipv4?: .ipv4
        case .ipv6?: .ipv6
        case .unix?, nil: .unix
        }
    }

    /// The host in numbers, such as `192.0.2.1` or `2001:db8::1`; the path of a UNIX socket, with `@` before an
    /// abstract name. The text is made anew each time: where every datagram passes, `Reply.append(hostOf:)` makes none.
    public var host: String { origin.address?.hostText ?? "" }

    /// 0 of a UNIX socket.
    public var port: Int { Int(origin.port) }
}

extension DatagramSender: CustomStringConvertible {
    /// `192.0.2.1:53`, `[2001:db8::1]:53`, or a path. Made anew each time.
    public var description: String {
        switch family {
        case .ipv4: "\(host):\(port)"
        case .ipv6: "[\(host)]:\(port)"
        case .unix: host
        }
    }
}

extension Reply {
    /// Appends the sender's host as `DatagramSender.host` has it, without making a text of it.
    public mutating func append(hostOf sender: DatagramSender) {
        if !sender.origin.appendHost(to: &buffer) { isOverfull = true }
    }
}
