//===----------------------------------------------------------------------===//
// Quartermaster: answers to smtpd
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import PolicyDecisions
import PolicyJournal
import ServerSkeleton
import SystemCalls

/// A policy server for Postfix's smtpd: greylisting, limits and lists of who is let through. It carries questions to
/// the decisions, what they change to the state file, and answers back; it decides nothing itself.
struct Policyd: StreamService, ~Copyable {
    static let demands: ServiceDemands = .solitary
    static var parameters: [any ServiceParameter] { Settings.parameters }
    static let maximumRequestSize = 16 * 1024
    static var maximumReplySize: Int { 1024 }

    /// Opened while it can still be reached.
    struct StateDirectory: Preparation { let number: DescriptorNumber }

    private let log: ServiceLog
    private let greylistAction: ActionText
    private let rateAction: ActionText
    private var keeper: StateKeeper
    private var lists: ListKeeper
    private var statistics: Statistics
    private var flawed = RepeatedWarning()

    static func prepare(_ context: inout ServiceContext) -> StateDirectory {
        let path = Settings(&context).stateFile
        do throws(SystemError) {
            let directory = try openFile(parentDirectory(of: path), [.readOnly, .directory])
            return StateDirectory(number: directory.release())
        } catch {
            context.log.fatal("policyd_state_file: cannot open the directory of \(path): \(error.reason)")
        }
    }

    init(_ context: inout ServiceContext, prepared: consuming StateDirectory) {
        context.refuseArguments()
        // What it remembers outlives a process, but a restart is not for free, and on a full disk it does not.
        context.useLimit = 0
        context.idleLimit = 0
        let settings = Settings(&context)
        log = context.log
        if let correction = settings.correction { log.warning(correction) }
        greylistAction = settings.greylistAction
        rateAction = settings.rateAction
        keeper = StateKeeper(settings, Descriptor(owning: prepared.number), context.log)
        lists = ListKeeper(settings, context.log)
        statistics = Statistics(settings.statusSeconds)
    }

    mutating func clientArrived(_ client: Client, reply: inout Reply) {}

    mutating func received(_ input: RawSpan, from client: inout Void, reply: inout Reply) -> Int {
        switch PolicyRequest.parse(input) {
        case .incomplete: return 0
        case .flawed(let flaw, let size):
            complain(flaw, reply.time)
            reply.append("action=DUNNO\n\n")
            return size
        case .whole(let request, let size):
            lists.look(reply.time)
            let verdict = keeper.decide(request, input.extracting(0..<size), lists.lists, reply.time)
            statistics.count(verdict)
            answer(verdict, &reply)
            return size
        }
    }

    private func answer(_ verdict: PolicyVerdict, _ reply: inout Reply) {
        reply.append("action=")
        switch verdict {
        case .allowed, .unconcerned, .passed: reply.append("DUNNO")
        case .greylisted(let seconds): greylistAction.append(to: &reply, seconds: seconds)
        case .limited(_, let seconds): rateAction.append(to: &reply, seconds: seconds)
        }
        reply.append("\n\n")
    }

    private mutating func complain(_ flaw: PolicyRequest.Flaw, _ time: ServiceTime) {
        switch flaw {
        case .notAQuestion:
            flawed.log(log, at: time, "a client sends something else than request=smtpd_access_policy; answer: DUNNO")
        case .noAssignment:
            flawed.log(log, at: time, "a client sends a line that is no name=value; answer: DUNNO")
        case .missing(let name):
            flawed.log(log, at: time, "a client asks without the attribute \(name); answer: DUNNO")
        }
    }

    mutating func willWait(_ time: ServiceTime) -> Int? {
        let untilWork = keeper.work(time)
        let untilReport = statistics.report(time, keeper.state.greylistCount, keeper.state.rateCount, log)
        switch (untilWork, untilReport) {
        case (let one?, let other?): return min(one, other)
        case (let one?, nil): return one
        case (nil, let other): return other
        }
    }

    mutating func willExit() {
        statistics.reportNow(keeper.state.greylistCount, keeper.state.rateCount, log)
        keeper.leave()
    }
}

/// The three lists, looked at now and then.
private struct ListKeeper {
    private(set) var lists: AllowLists
    private let key: HashKey
    private let interval: Int64
    private let log: ServiceLog
    private var clients: ListFile
    private var senders: ListFile
    private var recipients: ListFile
    private var nextLook: Int64 = .min

    init(_ settings: Settings, _ log: ServiceLog) {
        key = .random()
        lists = AllowLists(key: key)
        interval = settings.listSeconds
        self.log = log
        clients = ListFile(settings.clientList, .clients)
        senders = ListFile(settings.senderList, .addresses)
        recipients = ListFile(settings.recipientList, .addresses)
        lookNow()
        nextLook = Clock.monotonicNanoseconds() / 1_000_000_000 + interval
    }

    /// When the last look is long enough ago.
    mutating func look(_ time: ServiceTime) {
        if time.seconds < nextLook { return }
        nextLook = time.seconds + interval
        lookNow()
    }

    private mutating func lookNow() {
        if let list = clients.look(key, log) { lists.clients = list }
        if let list = senders.look(key, log) { lists.senders = list }
        if let list = recipients.look(key, log) { lists.recipients = list }
    }
}

/// How often what was answered, since the last report.
private struct Statistics {
    private let interval: Int64
    private var questions = 0
    private var greylisted = 0
    private var limited = 0
    private var passed = 0
    private var allowed = 0
    private var due: Int64?

    init(_ interval: Int64) { self.interval = interval }

    mutating func count(_ verdict: PolicyVerdict) {
        questions += 1
        switch verdict {
        case .allowed: allowed += 1
        case .unconcerned: break
        case .passed: passed += 1
        case .greylisted: greylisted += 1
        case .limited: limited += 1
        }
    }

    /// - Returns: seconds until the next report; nil while there is nothing to report.
    mutating func report(_ time: ServiceTime, _ greylist: Int, _ rates: Int, _ log: ServiceLog) -> Int? {
        if questions == 0 { return nil }
        guard let due else {
            self.due = time.seconds + interval
            return Int(interval)
        }
        if time.seconds < due { return Int(due - time.seconds) }
        reportNow(greylist, rates, log)
        return nil
    }

    mutating func reportNow(_ greylist: Int, _ rates: Int, _ log: ServiceLog) {
        if questions == 0 { return }
        log.info(
            "statistics: \(questions) questions: \(greylisted) greylisted, \(limited) limited, \(passed) passed, "
                + "\(allowed) allowed by a list; \(greylist) greylist entries, \(rates) rates"
        )
        self = Statistics(interval)
    }
}
