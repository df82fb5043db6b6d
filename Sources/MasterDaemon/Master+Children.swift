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
        keepCountsOfUnwatched()
        tellProgress()
    }

    // MARK: what our own daemons count

    func startCounting() {
        workerCounting.start(owner, nowMilliseconds: moment.milliseconds, log)
        metricsKeeping.start(owner, nowMilliseconds: moment.milliseconds, log)
    }

    /// As the program did that ran before in this process.
    func goOnCounting(_ totals: [String]?) {
        workerCounting.goOn(totals, owner, nowMilliseconds: moment.milliseconds, log)
        metricsKeeping.goOn(owner, nowMilliseconds: moment.milliseconds, log)
    }

    /// Whose counts the page has, in its order; nil without a page.
    var workerTotals: [String]? { workerCounting.totals }

    func lookAtCounting() {
        workerCounting.look(owner, nowMilliseconds: moment.milliseconds, log)
        metricsKeeping.look(owner, nowMilliseconds: moment.milliseconds, log)
    }

    /// Before another process can have the pid.
    private func ended(_ pid: Int32, _ id: ServiceID?) {
        if draining.forget(pid, &loop) || id == nil || !followHeir(of: pid) { return keepCounts(ofProcess: pid, id) }
        // Its row has an heir; what it counted itself has none.
        keepFigures(ofProcess: pid, id)
    }

    func keepCounts(ofProcess pid: Int32, _ id: ServiceID?) {
        let name = id.flatMap { service($0)?.fullName }
        workerCounting.processEnded(pid, of: name, owner, nowMilliseconds: moment.milliseconds, log)
        keepFigures(ofProcess: pid, id)
    }

    /// What its service counted itself.
    private func keepFigures(ofProcess pid: Int32, _ id: ServiceID?) {
        let name = id.flatMap { service($0)?.fullName }
        metricsKeeping.processEnded(pid, of: name, owner, nowMilliseconds: moment.milliseconds, log)
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
