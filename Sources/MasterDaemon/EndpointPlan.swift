//===----------------------------------------------------------------------===//
// Quartermaster: one endpoint as it shall be
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import SystemCalls

/// One configured endpoint to be made: what master.cf says, with addresses resolved.
enum EndpointPlan: Equatable, Sendable {
    case inet([SocketAddress])
    /// Path relative to the queue directory.
    case path(String, Transport)

    /// nil for inet, which leaves no file.
    var path: String? {
        if case .path(let path, _) = self { return path }
        return nil
    }

    /// Whether connections wait there in a queue that has a length.
    var hasQueue: Bool {
        switch self {
        case .inet, .path(_, .inet), .path(_, .unix), .path(_, .pass): true
        case .path(_, .unixDatagram), .path(_, .fifo): false
        }
    }

    /// Descriptors that it takes.
    var socketCount: Int {
        switch self {
        case .inet(let addresses): addresses.count
        case .path: 1
        }
    }
}
