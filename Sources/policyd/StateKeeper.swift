//===----------------------------------------------------------------------===//
// Quartermaster: decisions that are saved before anybody hears of them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import PolicyDecisions
import PolicyJournal
import ServerSkeleton
import SystemCalls

/// The state and its file. While the file cannot be written, decisions go on, since mail has to; then everything is
/// written anew as soon as that works.
struct StateKeeper: ~Copyable {
    /// How long to wait for a process of before a reload: the skeleton has it finish with questions that are half
    /// asked, for ten seconds at most.
    private static let patienceMilliseconds = 20_000
    /// Seconds until writing everything anew is tried again.
    private static let retrySeconds: Int64 = 10

    private(set) var state: PolicyState
    private var journal: Journal
    private let path: String
    private let log: ServiceLog
    private let syncSeconds: Int64
    private var nextSync: Int64?
    /// Something that was answered is not in the file.
    private var isBehind = false
    private var nextRewrite: Int64 = .min
    private var unsaved = RepeatedWarning()
    private var unwritten = RepeatedWarning()
    private var unsynchronized = RepeatedWarning()
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
        if journal.findings.damaged > 0 { rewrite(ServiceTime(milliseconds: 0)) }
    }

    private func tellFindings() {
        let found = journal.findings
        if let why = found.setAside {
            log.warning("\(path): \(why) -- keeping it as \(path).set-aside, and beginning with nothing")
        }
        if found.damaged > 0 { log.warning("\(path): \(found.damaged) damaged records are left out") }
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
    /// - Returns: seconds until something is due again; nil when nothing will be.
    mutating func work(_ time: ServiceTime) -> Int? {
        tellEvictions(time)
        let now = time.seconds
        if isBehind || journal.isLong(entries: state.count), now >= nextRewrite { rewrite(time) }
        var due = isBehind ? nextRewrite : nil
        if !journal.isUnsynchronized {
            nextSync = nil
        } else if let next = nextSync, next <= now {
            synchronize(time)
            nextSync = journal.isUnsynchronized ? now + syncSeconds : nil
        } else if nextSync == nil {
            nextSync = now + syncSeconds
        }
        if let nextSync { due = min(due ?? nextSync, nextSync) }
        return due.map { Int(max($0 - now, 1)) }
    }

    private mutating func synchronize(_ time: ServiceTime) {
        do throws(SystemError) {
            try journal.synchronize()
        } catch {
            unsynchronized.log(
                log,
                at: time,
                "fdatasync \(path): \(error.reason) -- a power failure may undo decisions"
            )
        }
    }

    private mutating func rewrite(_ time: ServiceTime) {
        nextRewrite = time.seconds + Self.retrySeconds
        do throws(SystemError) {
            try journal.rewrite(state)
            if isBehind { log.info("\(path): all decisions are saved again") }
            isBehind = false
        } catch {
            unwritten.log(log, at: time, "cannot write \(path) anew: \(error.reason) -- trying again in 10 seconds")
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
