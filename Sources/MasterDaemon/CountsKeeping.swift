//===----------------------------------------------------------------------===//
// Quartermaster: a page in which processes count, from its making on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics
import SystemCalls
import WorkerPage

/// Whose processes count, when it is, and who is told.
struct CountingMoment {
    let owner: MailOwner
    let milliseconds: Int64
    let log: Log

    fileprivate var account: UserAccount? { owner.isSwitching ? owner.account : nil }
}

extension CountsTable where Self: ~Copyable {
    fileprivate init(at path: String, _ now: CountingMoment) throws(SystemError) {
        try self.init(at: path, owner: now.account, master: processID(), nowMilliseconds: now.milliseconds)
    }
}

/// Has a page made, and made again when it is lost. What does not work is said once, and tried again; nothing depends
/// on it. A page that is still there is gone on with, whatever happened to its mapping: its totals are what all
/// processes have counted that are gone.
struct CountsKeeping<Table: CountsTable & ~Copyable>: ~Copyable {
    private var table: Table?
    /// The totals of a page that is there and could not be opened.
    private var unopened: [String]?
    /// When something that has failed may be tried again.
    private var nextTry: Int64 = 0
    /// What was said last of why the page is not kept as it should be; nil when it is.
    private var trouble: String?
    /// Services can bring it about.
    private var dropGate = MessageGate(intervalSeconds: 3600)

    private static var pauseMilliseconds: Int64 { 60_000 }

    // MARK: making

    mutating func start(_ now: CountingMoment) {
        unopened = nil
        do throws(SystemError) {
            table = try make(now)
            if trouble != nil { now.log.info("\(Table.path) is made -- processes that run now do not count in it") }
            trouble = nil
        } catch {
            table = nil
            nextTry = now.milliseconds + Self.pauseMilliseconds
            let text =
                "cannot make \(Table.path): \(error) -- counting goes on without it, and it is tried again in a minute: is the"
                + " disk full?"
            say(text, now)
        }
    }

    private func make(_ now: CountingMoment) throws(SystemError) -> Table {
        do throws(SystemError) {
            return try Table(at: Table.path, now)
        } catch {
            // What was left by another master is not for our processes, and may have the room that ours needs.
            try? removeFile(Table.path)
            return try Table(at: Table.path, now)
        }
    }

    /// In the place of a program that has kept the page in this process, with these totals; nil: that may have known of
    /// none.
    mutating func goOn(_ totals: [String]?, _ now: CountingMoment) {
        if open(totals ?? [], now) == .foreign { totals == nil ? start(now) : replace(now) }
    }

    private enum Opening { case done, failed, foreign }

    /// Goes on with the page that is there.
    private mutating func open(_ totals: [String], _ now: CountingMoment) -> Opening {
        do throws(SystemError) {
            table = try Table.continuing(
                at: Table.path,
                owner: now.account,
                master: processID(),
                totals: totals
            )
            unopened = nil
            return table == nil ? .foreign : .done
        } catch {
            table = nil
            guard error.isShortage else { return .foreign }
            unopened = totals
            nextTry = now.milliseconds + Self.pauseMilliseconds
            let text =
                "cannot open \(Table.path): \(error) -- what it has stays in it, and it is tried again in a minute"
            say(text, now)
            return .failed
        }
    }

    /// What the next program has to know; nil without a page.
    var totals: [String]? { mutating get { table?.totals ?? unopened } }

    // MARK: keeping

    /// To be called now and then, and when somebody may have done something about it: whatever has failed is tried
    /// again, and the page may have been removed. Costs a few system calls.
    mutating func look(_ now: CountingMoment) {
        nextTry = .min
        if table == nil { return tryAgain(now) }
        if table?.isIntact == false { return mend(now) }
        if table?.isInPlace == false {
            now.log.warning(
                "\(Table.path) was removed or replaced -- making a new one; what was counted is lost, and processes that run"
                    + " now are not counted"
            )
            return start(now)
        }
        guard let outcome = table?.tidy() else { return }
        report(outcome, now)
        if outcome == .moved, trouble != nil {
            now.log.info("there is room on the disk for \(Table.path) again -- all that was counted is in it")
            trouble = nil
        }
    }

    /// A process was reaped; of a service that is known no more when there is no name.
    mutating func processEnded(_ pid: Int32, of service: String?, _ now: CountingMoment) {
        if table == nil { return tryAgain(now) }
        if let outcome = table?.processEnded(pid, of: service) { report(outcome, now) }
        if table?.isIntact == false { mend(now) }
    }

    private mutating func tryAgain(_ now: CountingMoment) {
        if now.milliseconds < nextTry { return }
        guard let unopened else { return start(now) }
        if open(unopened, now) == .foreign { return replace(now) }
        if table != nil { trouble = nil }
    }

    /// The mapping is gone, or what it shows is no page any more. The file may be whole.
    private mutating func mend(_ now: CountingMoment) {
        if now.milliseconds < nextTry { return }
        nextTry = now.milliseconds + Self.pauseMilliseconds
        switch open(table?.totals ?? [], now) {
        case .done:
            now.log.warning("\(Table.path) could not be written to -- going on with what is in it: is its disk full?")
        case .failed: break
        case .foreign: replace(now)
        }
    }

    private mutating func replace(_ now: CountingMoment) {
        now.log.warning(
            "\(Table.path) was cut off or overwritten -- making a new one; what was counted is lost, and processes that run"
                + " now are not counted"
        )
        start(now)
    }

    // MARK: telling

    private mutating func report(_ outcome: CountsOutcome, _ now: CountingMoment) {
        switch outcome {
        case .moved: break
        case .dropped(let service): warnOfDrop(service, now)
        case .waiting(let error):
            let text =
                "no room on the disk for \(Table.path): \(error) -- what ended processes counted waits in it, and new ones may"
                + " not count: make room"
            say(text, now)
        }
    }

    private mutating func warnOfDrop(_ service: String, _ now: CountingMoment) {
        let text = dropGate.text(
            "service \(service): no room in \(Table.path) for all that its processes counted themselves -- some of it ends"
                + " with them",
            nowSeconds: now.milliseconds / 1000
        )
        if let text { now.log.warning(text) }
    }

    /// The same trouble is said once.
    private mutating func say(_ text: String, _ now: CountingMoment) {
        if trouble != text { now.log.warning(text) }
        trouble = text
    }
}

// The heirs of processes that have left; see `Master+Draining.swift`.
extension CountsKeeping where Table == WorkerTable {
    /// The process that says it goes on in the row of one that was reaped; nil for none.
    func heir(ofProcess pid: Int32) -> Int32? { table?.heir(ofProcess: pid) }

    /// The row of a process that was reaped belongs to its heir from now on.
    mutating func pass(from pid: Int32, to heir: Int32) { table?.pass(from: pid, to: heir) }
}
