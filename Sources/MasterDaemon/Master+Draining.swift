//===----------------------------------------------------------------------===//
// Quartermaster: master and the processes that finish the clients of its children
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import Events
import MasterPolicy
import SystemCalls
import WorkerPage

// A child of our skeletons that leaves its clients to a process of its own (`EventCore+Drain`) gives it its row of the
// page in which it counts, too, and names it there. That process is no child of master, so wait(2) tells nothing of it,
// and nothing that a child could see of its master is changed for it. master reads the name when it buries the child,
// believes it if the process is of its own session, and watches the process by a pidfd. While the kernel refuses one,
// it is as good as watched, but that its end is looked for once a second, and no signal is sent to it.
//
// Whoever is `mail_owner` can write any number there. A process that is named wrongly costs a watch and makes a drain
// wait; a signal gets only one that runs as `mail_owner`.
extension Master {
    private static let retryMilliseconds: Int64 = 1000

    /// Of a child that was reaped, before the policy hears of its end.
    ///
    /// - Returns: whether its row is another's now.
    func followHeir(of pid: Int32) -> Bool {
        guard let heir = workerCounting.heir(ofProcess: pid), heir > 1, heir != processID(), heir != parentProcessID(),
            policy.view(ofChild: heir) == nil, !helpers.contains(heir), draining[heir] == nil,
            // As many as have a row; whoever lies costs no more descriptors than that.
            draining.count < WorkerPage.rowCount
        else { return false }
        let process = DrainingProcess(heir, owner: owner.account.uid)
        let trouble = watch(process)
        if trouble?.code == .noSuchProcess {
            // One that has left for another session is not watched, but its row is no other's while it lives.
            guard isThere(process: heir) else { return false }
            workerCounting.pass(from: pid, to: heir)
            return true
        }
        guard policy.clientsLeft(by: pid, to: heir, now: now) else {
            process.unwatch(&loop)
            return false
        }
        draining.add(process)
        workerCounting.pass(from: pid, to: heir)
        if let trouble {
            let text = draining.gate.text(
                "process \(heir) finishes the clients of process \(pid) and cannot be watched: \(trouble)"
                    + " -- trying again every second; a drain waits for it, and cannot end it until then",
                nowSeconds: moment.milliseconds / 1000
            )
            if let text { log.warning(text) }
        }
        return true
    }

    /// - Returns: why it is not watched; it is tried again then.
    private func watch(_ process: DrainingProcess) -> SystemError? {
        do throws(SystemError) {
            try process.beginWatch(&loop)
            return nil
        } catch {
            if error.code != .noSuchProcess { watchLater() }
            return error
        }
    }

    private func watchLater() {
        let timer = draining.retryTimer ?? loop.makeTimer(token: MasterEvent.drainingDue.token)
        draining.retryTimer = timer
        loop.arm(timer, milliseconds: Self.retryMilliseconds)
    }

    /// Those who could not be watched so far.
    func drainingDue() {
        for process in draining.unwatched {
            guard let trouble = watch(process) else { continue }
            // Where there are no pidfds at all, this is how its end is known.
            if trouble.code == .noSuchProcess || !isThere(process: process.pid) { drainingEnded(process.pid) }
        }
    }

    func drainingEnded(_ pid: Int32) {
        guard draining.forget(pid, &loop) else { return }
        turn.somethingHappened()
        keepCounts(ofProcess: pid, policy.view(ofChild: pid)?.service)
        policy.drainingProcessEnded(pid)
        tellProgress()
    }

    /// Those of a program that ran before in this process. Who has ended meanwhile was heard of by nobody.
    func followDraining() {
        var pids: [Int32] = []
        policy.forEachChild { if $0.state == .draining { pids.append($0.pid) } }
        for pid in pids {
            let process = DrainingProcess(pid, owner: owner.account.uid)
            draining.add(process)
            if watch(process)?.code == .noSuchProcess { drainingEnded(pid) }
        }
    }

    /// To a child, or to one that finishes the clients of another.
    func send(_ signal: Signal, to pid: Int32) {
        guard let process = draining[pid] else {
            try? sendSignal(signal, to: pid)
            return
        }
        if !process.isWatched { _ = watch(process) }
        if process.send(signal) { return }
        // Nothing more can be done, so nobody waits for it any longer.
        if signal == .kill { policy.drainingProcessEnded(pid) }
    }
}
