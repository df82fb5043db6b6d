//===----------------------------------------------------------------------===//
// Quartermaster: the page in which daemons on our skeletons count what they do
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls
import WorkerPage

/// Has the page made, and made again when it is lost. What does not work is said and tried again; nothing depends on
/// it.
struct WorkerCounting: ~Copyable {
    private var table: WorkerTable?
    /// When it may be made again.
    private var nextTry: Int64 = 0

    private static let pauseMilliseconds: Int64 = 60_000

    /// - Parameter owner: whose processes count.
    mutating func start(_ owner: MailOwner, nowMilliseconds: Int64, _ log: Log) {
        do throws(SystemError) {
            table = try WorkerTable(
                owner: owner.isSwitching ? owner.account : nil,
                master: processID(),
                nowMilliseconds: nowMilliseconds
            )
        } catch {
            table = nil
            nextTry = nowMilliseconds + Self.pauseMilliseconds
            // What was left by another master is not for our processes.
            try? removeFile(WorkerPage.path)
            log.warning(
                "cannot make \(WorkerPage.path): \(error) -- not counting what daemons do, and trying again in a minute"
            )
        }
    }

    /// Whether the page is still where readers find it. Costs a system call.
    mutating func look(_ owner: MailOwner, nowMilliseconds: Int64, _ log: Log) {
        guard table != nil, table?.isInPlace == false else { return }
        log.warning(
            "\(WorkerPage.path) was removed or replaced -- making a new one; what daemons counted is lost, and those that"
                + " run now are not counted"
        )
        start(owner, nowMilliseconds: nowMilliseconds, log)
    }

    /// Whose totals the page has, in their order; nil without a page.
    var totals: [String]? { mutating get { table?.services } }

    /// In the place of a program that has kept the page, with these totals, in this process.
    mutating func goOn(_ totals: [String]?, _ owner: MailOwner, nowMilliseconds: Int64, _ log: Log) {
        guard let totals else { return start(owner, nowMilliseconds: nowMilliseconds, log) }
        table = try? WorkerTable.continuing(
            owner: owner.isSwitching ? owner.account : nil,
            master: processID(),
            services: totals
        )
        if table != nil { return }
        warnOfLoss(log)
        start(owner, nowMilliseconds: nowMilliseconds, log)
    }

    /// The process that says it goes on in the row of one that was reaped; nil for none.
    func heir(ofProcess pid: Int32) -> Int32? { table?.heir(ofProcess: pid) }

    /// The row of a process that was reaped belongs to its heir from now on.
    mutating func pass(from pid: Int32, to heir: Int32) { table?.pass(from: pid, to: heir) }

    /// A process was reaped; of a service that is known no more when there is no name.
    mutating func processEnded(
        _ pid: Int32,
        of service: String?,
        _ owner: MailOwner,
        nowMilliseconds: Int64,
        _ log: Log
    ) {
        table?.processEnded(pid, of: service)
        if table?.isIntact == true { return }
        if nowMilliseconds < nextTry { return }
        nextTry = nowMilliseconds + Self.pauseMilliseconds
        if table != nil { warnOfLoss(log) }
        start(owner, nowMilliseconds: nowMilliseconds, log)
    }

    private func warnOfLoss(_ log: Log) {
        log.warning("\(WorkerPage.path) was cut off or overwritten -- making a new one; what daemons counted is lost")
    }
}
