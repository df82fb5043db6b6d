//===----------------------------------------------------------------------===//
// Quartermaster: what master hears of its children, and their ends
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterConfig
import MasterPolicy
import MasterProtocol
import SystemCalls

extension Master {
    /// Children may have ended: they are looked for at the end of the turn.
    func reapSoon() { isReapWanted = true }

    /// Buries every child that has ended. What a child said last counts before its end does.
    func reap() {
        while let (pid, status) = reapChild() {
            turn.somethingHappened()
            if helpers.contains(pid) {
                // One that was stopped may go on.
                if case .stopped = status {} else { helpers.remove(pid) }
                continue
            }
            if let attempt = upgradeAttempt, attempt.pid == pid {
                trialEnded(attempt, status)
                continue
            }
            let id = policy.view(ofChild: pid)?.service
            if let id { readReports(of: id) }
            if case .stopped = status {} else { ended(pid, id) }
            policy.childExited(pid: pid, ExitKind(status), now: now)
            carryOut()
        }
        tellProgress()
    }
}

extension ExitKind {
    init(_ status: WaitStatus) {
        switch status {
        case .exited(let status): self = .exited(status: status)
        case .signaled(let number): self = .signaled(number)
        case .stopped(let number): self = .stopped(number)
        }
    }
}
