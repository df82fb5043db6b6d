//===----------------------------------------------------------------------===//
// Quartermaster: who asks through the control socket, and what is remembered for them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import FixedMemory
import MasterControl
import MasterPolicy

/// Who waits for an answer, and for what.
struct ControlWaiter {
    enum Matter {
        /// The result of the reload that is under way, or about to be.
        case reload
        /// These services' processes leave.
        case drain([ServiceID])
        /// The service gets fresh processes.
        case retire(ServiceID)
        /// What a process of its own finds. Only until it has begun anew, after an upgrade.
        case check
        /// Another program takes over.
        case upgrade

        /// It may take for ever, and goes on without anybody who waits.
        var isLong: Bool {
            switch self {
            case .reload, .check, .upgrade: false
            case .drain, .retire: true
            }
        }
    }

    let client: SlotID
    let matter: Matter
    /// Processes that were ended, `smtp/inet pid 12`, as many as fit into a line.
    var cutOff: [String] = []
    var cutOffCount = 0
}

/// Everything about the control socket that master remembers.
struct ControlDesk: ~Copyable {
    var socket = ControlSocket()
    var waiters: [ControlWaiter] = []
    var checks: [CheckHelper] = []
    var retryTimer: WatchID?
    /// Requests, one by one up to a number; an administrator's script may ask without pause.
    var requestGate = MessageGate(intervalSeconds: 10, limit: 50)
    var refusalGate = MessageGate(intervalSeconds: 60)
    var isOpenRefusalTold = false
    /// How everything was drained; what comes later is drained, too.
    var drainOfAll: ControlRequest.Drain?
    /// master ends when these are drained.
    var stopping: [ServiceID]?
    var lastProgress = PolicyTime(milliseconds: 0)
}
