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

    /// Descriptors that it takes.
    var socketCount: Int {
        switch self {
        case .inet(let addresses): addresses.count
        case .path: 1
        }
    }
}
