//===----------------------------------------------------------------------===//
// Quartermaster: decisions that are saved before anybody hears of them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import PolicyDecisions
import PolicyJournal
import ServerSkeleton
import SystemCalls

/// The state and its file. While the file cannot be written, decisions go on, since mail has to; then everything is
/// written anew as soon as that works, and so it is when somebody has taken the file away. Writing anew and waiting for
/// the disk are done in pieces and in good time, so that no client waits for long.
struct StateKeeper: ~Copyable {
    /// How long to wait for a process of before a reload: the skeleton has it finish with questions that are half
    /// asked, for ten seconds at most.
    private static let patienceMilliseconds = 20_000
    /// Seconds until writing everything anew is tried again.
    private static let retrySeconds: Int64 = 10
    /// How long the kernel has for what it was asked to write, before anybody waits for it.
    private static let settlingSeconds: Int64 = 1

    /// How far writing everything anew has come.
    private enum Rewriting {
        case no, writing
        case settling(until: Int64)
    }

    private(set) var state: PolicyState
    private var journal: Journal
    private let path: String
    private let log: ServiceLog
    private let syncSeconds: Int64
    private var nextSync: Int64?
    /// The kernel was asked to write what the next synchronization waits for.
    private var isAnnounced = false
    private var rewriting = Rewriting.no
    /// Something that was answered is not in the file, or may be no longer.
    private var isBehind = false
    private var nextRewrite: Int64 = .min
    private var unsaved = RepeatedWarning()
    private var unwritten = RepeatedWarning()
    private var unsynchronized = RepeatedWarning()
    private var displaced = RepeatedWarning()
    private var forgottenTriplets = RepeatedWarning(intervalSeconds: 600)
    private var forgottenRates = RepeatedWarning(intervalSeconds: 600)
    private var greylistEvictions = 0
    private var rateEvictions = 0

    init(_ settings: Settings, _ directory: consuming Descriptor, _ log: ServiceLog) {
        path = settings.stateFile
        self.log = log
        syncSeconds = settings.syncSeconds
        do throws(JournalProblem) {
            journal = try Journal(
                in: directory,
                named: path.lastPart,
                waitingAtMost: Self.patienceMilliseconds
            )
        } catch {
            log.fatal("policyd_state_file: \(settings.stateFile): \(error.reason)")
        }
        state = PolicyState(settings.rules, key: journal.key)
        let now = Self.now
        do throws(SystemError) {
            try journal.replay { state.restore($0, now: now) }
        } catch {
            log.fatal("policyd_state_file: cannot read \(settings.stateFile): \(error.reason)")
        }
        tellFindings()
        isBehind = journal.findings.damaged > 0
    }

    private func tellFindings() {
        let found = journal.findings
        if let why = found.setAside {
            log.warning("\(path): \(why) -- keeping it as \(path).set-aside, and beginning with nothing")
        }
        if found.damaged > 0 { log.warning("\(path): \(found.damaged) damaged records are left out") }
        if found.outdated > 0 {
            log.info("\(path): \(found.outdated) records of a write that was cut off are out of date, and are left out")
        }
        if found.torn > 0 { log.info("\(path): the last \(found.torn) bytes are no whole record, and are left out") }
        log.verbose(1, "\(path): \(found.records) records, \(state.count) entries")
    }

    private static var now: Int64 { Clock.millisecondsSince1970() * 1000 }

    mutating func decide(
        _ request: PolicyRequest,
        _ input: RawSpan,
        _ lists: AllowLists,
        _ time: ServiceTime
    ) -> PolicyVerdict {
        let verdict = state.decide(request, input, lists, now: Self.now)
        do throws(SystemError) {
            try journal.append(state.changes)
        } catch {
            isBehind = true
            unsaved.log(log, at: time, "write \(path): \(error.reason) -- decisions are not saved; trying again")
        }
        return verdict
    }

    /// What is due between turns.
    ///
    /// - Returns: seconds until something is due again, 0 for at once; nil when nothing will be.
    mutating func work(_ time: ServiceTime) -> Int? {
        tellEvictions(time)
        // A new file may have to be synchronized.
        rewrite(time)
        synchronize(time)
        let now = time.seconds
        var due = Int64.max
        if let nextSync { due = isAnnounced ? nextSync : nextSync - Self.settlingSeconds }
        switch rewriting {
        case .no: if isBehind { due = min(due, nextRewrite) }
        case .writing: return 0
        case .settling(let end): due = min(due, end)
        }
        return due == .max ? nil : Int(max(due, now + 1) - now)
    }

    /// The process ends. What could not be saved before gets another chance; anything else is in the file already.
    mutating func leave() {
        if !isBehind { return journal.abandonRewrite() }
        do throws(SystemError) {
            try journal.beginRewrite(&state)
            while try !journal.continueRewrite(&state) {}
            try journal.finishRewrite()
            log.info("\(path): all decisions are saved again")
        } catch {
            log.warning("cannot write \(path) anew: \(Journal.reason(error, path)) -- some decisions are lost")
        }
    }

    // MARK: the disk

    private mutating func synchronize(_ time: ServiceTime) {
        let now = time.seconds
        if !journal.isUnsynchronized {
            nextSync = nil
        } else if nextSync == nil {
            nextSync = now + syncSeconds
            isAnnounced = false
        }
        guard let next = nextSync else { return }
        if !isAnnounced, next - Self.settlingSeconds <= now {
            journal.announceSynchronization()
            isAnnounced = true
        }
        if next > now { return }
        nextSync = nil
        do throws(SystemError) {
            try journal.synchronize()
        } catch {
            // Another attempt may be told that all is well, although the kernel has let go of what it could not write.
            isBehind = true
            unsynchronized.log(
                log,
                at: time,
                "fdatasync \(path): \(error.reason) -- a power failure may undo decisions; writing them anew"
            )
        }
        if !isBehind, !journal.isInPlace() {
            isBehind = true
            displaced.log(
                log,
                at: time,
                "\(path) is gone, or is no longer the file that was written to -- writing all decisions anew"
            )
        }
        if journal.isUnsynchronized { nextSync = now + syncSeconds }
    }

    /// Takes the next step of writing everything anew, when there is one.
    private mutating func rewrite(_ time: ServiceTime) {
        let now = time.seconds
        do throws(SystemError) {
            switch rewriting {
            case .no:
                guard isBehind || journal.isLong(entries: state.count), now >= nextRewrite else { return }
                nextRewrite = now + Self.retrySeconds
                try journal.beginRewrite(&state)
                rewriting = .writing
            case .writing:
                if try journal.continueRewrite(&state) { rewriting = .settling(until: now + Self.settlingSeconds) }
            case .settling(let end):
                guard now >= end else { return }
                try journal.finishRewrite()
                rewriting = .no
                if isBehind { log.info("\(path): all decisions are saved again") }
                isBehind = false
            }
        } catch {
            rewriting = .no
            let reason = Journal.reason(error, path)
            unwritten.log(log, at: time, "cannot write \(path) anew: \(reason) -- trying again in 10 seconds")
        }
    }

    private mutating func tellEvictions(_ time: ServiceTime) {
        if state.greylistEvictions > greylistEvictions {
            greylistEvictions = state.greylistEvictions
            forgottenTriplets.log(
                log,
                at: time,
                "greylist entries are forgotten early: the table is full (Increase policyd_greylist_table_size.)"
            )
        }
        if state.rateEvictions > rateEvictions {
            rateEvictions = state.rateEvictions
            forgottenRates.log(
                log,
                at: time,
                "rates are forgotten early: the table is full (Increase policyd_rate_table_size.)"
            )
        }
    }
}

extension String {
    /// What stands behind the last slash.
    fileprivate var lastPart: String {
        utf8.lastIndex(of: UInt8(ascii: "/")).map { String(self[index(after: $0)...]) } ?? self
    }
}
