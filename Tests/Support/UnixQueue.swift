//===----------------------------------------------------------------------===//
// Quartermaster: whether this machine tells how many clients wait at a UNIX-domain socket
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// A kernel may lack unix_diag, and a container may forbid to ask.
package enum UnixQueue {
    package static var isVisible: Bool {
        guard let home = try? TemporaryDirectory("qm-queue"),
            let address = SocketAddress(unixPath: home.path + "/probe"),
            let probe = try? makeSocket(.unix, .stream)
        else { return false }
        defer { home.remove() }
        return (try? probe.number.bind(to: address)) != nil && (try? probe.number.listen(backlog: 1)) != nil
            && (try? probe.number.unixQueue().length) == 0
    }
}
