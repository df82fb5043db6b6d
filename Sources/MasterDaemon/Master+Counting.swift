//===----------------------------------------------------------------------===//
// Quartermaster: master and the pages in which its children count
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import MasterPolicy
import WorkerPage

// What our own daemons count, and what their services count themselves. What master does depends on neither, but for
// the heirs of processes that have left (`Master+Draining.swift`).
extension Master {
    func startCounting() {
        workerCounting.start(countingNow())
        metricsKeeping.start(countingNow())
    }

    /// As the program did that ran before in this process.
    func goOnCounting(_ totals: [String]?) {
        workerCounting.goOn(totals, countingNow())
        // The page itself says whose its totals are.
        metricsKeeping.goOn(nil, countingNow())
    }

    /// Whose counts the page has, in its order; nil without a page.
    var workerTotals: [String]? { workerCounting.totals }

    func lookAtCounting() {
        workerCounting.look(countingNow())
        metricsKeeping.look(countingNow())
    }

    private func countingNow() -> CountingMoment {
        CountingMoment(owner: owner, milliseconds: moment.milliseconds, log: log)
    }

    /// A child was reaped: before another process can have the pid.
    func ended(_ pid: Int32, _ id: ServiceID?) {
        if draining.forget(pid, &loop) || id == nil || !followHeir(of: pid) { return keepCounts(ofProcess: pid, id) }
        // Its row has an heir; what it counted itself has none.
        keepFigures(ofProcess: pid, id)
    }

    func keepCounts(ofProcess pid: Int32, _ id: ServiceID?) {
        workerCounting.processEnded(pid, of: id.flatMap { service($0)?.fullName }, countingNow())
        keepFigures(ofProcess: pid, id)
    }

    /// What its service counted itself.
    private func keepFigures(ofProcess pid: Int32, _ id: ServiceID?) {
        metricsKeeping.processEnded(pid, of: id.flatMap { service($0)?.fullName }, countingNow())
    }
}
