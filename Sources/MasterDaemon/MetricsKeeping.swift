//===----------------------------------------------------------------------===//
// Quartermaster: the page of what services count themselves
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls
import WorkerPage

/// Has the page made, and made again when it is lost. What does not work is said and tried again; nothing depends on
/// it.
struct MetricsKeeping: ~Copyable {
    private var table: MetricsTable?
    /// When it may be made again.
    private var nextTry: Int64 = 0
    /// Services can bring it about.
    private var dropGate = MessageGate(intervalSeconds: 3600)

    private static let pauseMilliseconds: Int64 = 60_000

    /// - Parameter owner: whose processes count.
    mutating func start(_ owner: MailOwner, nowMilliseconds: Int64, _ log: Log) {
        do throws(SystemError) {
            table = try MetricsTable(
                owner: owner.isSwitching ? owner.account : nil,
                master: processID(),
                nowMilliseconds: nowMilliseconds
            )
        } catch {
            table = nil
            nextTry = nowMilliseconds + Self.pauseMilliseconds
            // What was left by another master is not for our processes.
            try? removeFile(MetricsPage.path)
            log.warning(
                "cannot make \(MetricsPage.path): \(error) -- not keeping what services count themselves, and trying again in"
                    + " a minute"
            )
        }
    }

    /// In the place of a program that may have kept the page in this process. One that knew of no such page leaves
    /// none, or the one that a program before it had.
    mutating func goOn(_ owner: MailOwner, nowMilliseconds: Int64, _ log: Log) {
        table = try? MetricsTable.continuing(
            owner: owner.isSwitching ? owner.account : nil,
            master: processID()
        )
        if table == nil { start(owner, nowMilliseconds: nowMilliseconds, log) }
    }

    /// Whether the page is still where readers find it. Costs a system call.
    mutating func look(_ owner: MailOwner, nowMilliseconds: Int64, _ log: Log) {
        guard table != nil, table?.isInPlace == false else { return }
        log.warning(
            "\(MetricsPage.path) was removed or replaced -- making a new one; what services counted themselves is lost"
        )
        start(owner, nowMilliseconds: nowMilliseconds, log)
    }

    /// A process was reaped; of a service that is known no more when there is no name.
    mutating func processEnded(
        _ pid: Int32,
        of service: String?,
        _ owner: MailOwner,
        nowMilliseconds: Int64,
        _ log: Log
    ) {
        let outcome = table?.processEnded(pid, of: service)
        if case .dropped(_, let service)? = outcome { warnOfDrop(service, nowMilliseconds, log) }
        if table?.isIntact == true { return }
        if nowMilliseconds < nextTry { return }
        nextTry = nowMilliseconds + Self.pauseMilliseconds
        if table != nil {
            log.warning(
                "\(MetricsPage.path) was cut off or overwritten -- making a new one; what services counted themselves is"
                    + " lost"
            )
        }
        start(owner, nowMilliseconds: nowMilliseconds, log)
    }

    private mutating func warnOfDrop(_ service: String, _ nowMilliseconds: Int64, _ log: Log) {
        let text = dropGate.text(
            "service \(service): no room in \(MetricsPage.path) for all that its processes counted themselves -- some of"
                + " it ends with them",
            nowSeconds: nowMilliseconds / 1000
        )
        if let text { log.warning(text) }
    }
}
