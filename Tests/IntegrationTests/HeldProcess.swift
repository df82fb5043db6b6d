//===----------------------------------------------------------------------===//
// Quartermaster: a process that stands still at one system call, for races that tests decide
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CSpawn
import Foundation
import TestSupport

/// A process that strace(1) stops for a minute at its next call of one kind. Until then it runs as always.
final class HeldProcess {
    enum Moment: String, Sendable {
        /// The kernel has woken it for a client, which is still in the queue.
        case beforeAccept = "accept4:delay_enter"
        /// The kernel has woken it for a datagram, which is still in the queue. The service's lock is free again.
        case beforeReceiving = "recvmmsg:delay_enter"
        /// The kernel has told it what it was woken for, and it knows of nothing that came since but the time.
        case afterWakeup = "epoll_wait:delay_exit"
        /// It has said TAKEN.
        case afterReport = "sendto:delay_exit"

        var call: cspawn_call {
            switch self {
            case .beforeAccept: cspawn_accept4
            case .beforeReceiving: cspawn_recvmmsg
            case .afterWakeup: cspawn_epoll_wait
            case .afterReport: cspawn_sendto
            }
        }

        var name: Substring { rawValue.prefix { $0 != ":" } }
    }

    private let pid: Int32
    private let moment: Moment
    private let tracer: RunningProcess

    init(_ pid: Int32, _ moment: Moment) throws {
        self.pid = pid
        self.moment = moment
        let inject = "inject=\(moment.rawValue)=60000000:when=1"
        tracer = try RunningProcess(["/usr/bin/strace", "-e", "trace=\(moment.name)", "-e", inject, "-p", String(pid)])
        // To be attached to interrupts its wait; only who waits again is woken.
        let waits = eventually { tracer.output.contains("attached") && ProcessSnapshot(pid)?.state == "S" }
        guard waits else { throw TestSupportError("strace: \(tracer.output)") }
    }

    /// Waits until it stands still.
    func isHeld(within limit: Duration = patience) -> Bool {
        eventually(within: limit) {
            let call = try? String(contentsOfFile: "/proc/\(pid)/syscall", encoding: .utf8)
            return ProcessSnapshot(pid)?.state == "t" && call?.hasPrefix("\(moment.call.rawValue) ") == true
        }
    }

    /// Its parent hears of its end when strace has left it.
    func kill() {
        Glibc.kill(pid, SIGKILL)
        tracer.end()
    }

    func release() { tracer.end() }
}
