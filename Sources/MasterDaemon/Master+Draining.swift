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
// believes it if the process is of its own session, and watches the process by a pidfd.
//
// Whoever is `mail_owner` can write any number there. A process that is named wrongly costs a watch and makes a drain
// wait; a signal gets only one that runs as `mail_owner`.
extension Master {
    /// Of a child that was reaped, before the policy hears of its end.
    ///
    /// - Returns: whether its row is another's now.
    func followHeir(of pid: Int32) -> Bool {
        guard let heir = workerCounting.heir(ofProcess: pid), heir > 1, heir != processID(), heir != parentProcessID(),
            policy.view(ofChild: heir) == nil, !helpers.contains(heir), draining[heir] == nil,
            // As many as have a row; whoever lies costs no more descriptors than that.
            draining.count < WorkerPage.rowCount
        else { return false }
        do throws(SystemError) {
            draining.add(try DrainingProcess(heir, owner: owner.account.uid, &loop))
        } catch {
            if error.code == .noSuchProcess { return false }
            let text = draining.gate.text(
                "process \(heir) finishes the clients of process \(pid) and cannot be watched: \(error)"
                    + " -- masterctl does not show it, and no drain waits for it",
                nowSeconds: moment.milliseconds / 1000
            )
            if let text { log.warning(text) }
            draining.unwatched.append(heir)
            workerCounting.pass(from: pid, to: heir)
            return true
        }
        guard policy.clientsLeft(by: pid, to: heir, now: now) else {
            _ = draining.forget(heir, &loop)
            return false
        }
        workerCounting.pass(from: pid, to: heir)
        return true
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
            do throws(SystemError) {
                draining.add(try DrainingProcess(pid, owner: owner.account.uid, &loop))
            } catch {
                if error.code == .noSuchProcess {
                    keepCounts(ofProcess: pid, policy.view(ofChild: pid)?.service)
                } else {
                    draining.unwatched.append(pid)
                }
                policy.drainingProcessEnded(pid)
            }
        }
    }

    /// Of processes that have ended unseen.
    func keepCountsOfUnwatched() {
        if draining.unwatched.isEmpty { return }
        let ended = draining.unwatched.filter { !isThere(process: $0) }
        draining.unwatched.removeAll { ended.contains($0) }
        for pid in ended { keepCounts(ofProcess: pid, nil) }
    }

    /// To a child, or to one that finishes the clients of another.
    func send(_ signal: Signal, to pid: Int32) {
        guard let process = draining[pid] else {
            try? sendSignal(signal, to: pid)
            return
        }
        if process.mayBeEnded { return process.send(signal) }
        // Nothing more can be done, so nobody waits for it any longer.
        if signal == .kill { policy.drainingProcessEnded(pid) }
    }
}
