//===----------------------------------------------------------------------===//
// Quartermaster: one endpoint as it shall be
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import SystemCalls

/// One configured endpoint to be made: what master.cf says, with addresses resolved.
enum EndpointPlan: Equatable, Sendable {
    case inet([SocketAddress])
    case udp([SocketAddress])
    /// Path relative to the queue directory.
    case path(String, Transport)

    /// The addresses of a service of this type.
    static func addresses(_ addresses: [SocketAddress], _ type: Transport) -> EndpointPlan {
        type == .udp ? .udp(addresses) : .inet(addresses)
    }

    /// nil for inet and udp, which leave no file.
    var path: String? {
        if case .path(let path, _) = self { return path }
        return nil
    }

    /// Where its file is while clients are turned away.
    var hiddenPath: String? { pathBeside("refused") }

    /// Where it is made when another service still has its path.
    var draftPath: String? { pathBeside("new") }

    /// There is a blank in it, and none in the name of a service: no other endpoint can be there.
    private func pathBeside(_ word: String) -> String? { path.map { "\($0) \(word)" } }

    /// nil for an endpoint that is a file.
    var addresses: [SocketAddress]? {
        switch self {
        case .inet(let addresses), .udp(let addresses): addresses
        case .path: nil
        }
    }

    /// Whether connections wait there in a queue that has a length.
    var hasQueue: Bool {
        switch self {
        case .inet, .path(_, .inet), .path(_, .unix), .path(_, .pass): true
        case .udp, .path(_, .udp), .path(_, .unixDatagram), .path(_, .fifo): false
        }
    }

    /// Descriptors that it takes.
    var socketCount: Int { addresses?.count ?? 1 }
}
