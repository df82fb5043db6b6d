//===----------------------------------------------------------------------===//
// Quartermaster: what stands between a service and its clients
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import StatusPage
import TerminalText

/// What the administrator's tools found out about the program of a service.
package enum ProgramFacts: Equatable, Sendable {
    case isFine
    case isMissing(path: String)
    case isNotExecutable(path: String)
    /// Not looked at.
    case unknown
}

/// Judges one service: whether its clients are served, what keeps them from it, and what to do. The first reason in the
/// order of `reason` counts; what else is worth knowing comes as remarks.
package struct Verdict: Equatable, Sendable {
    /// Whether something keeps clients waiting.
    package private(set) var isTrouble = false
    /// Whether whoever comes is taken, now or soon.
    package private(set) var isServed = true
    /// In a few words.
    package private(set) var headline = ""
    /// In as few as there can be.
    package private(set) var brief = ""
    /// What it means, and what to do about it.
    package private(set) var advice: [String] = []
    package internal(set) var remarks: [String] = []

    package init(_ service: ServiceOverview, in sight: Sight, program: ProgramFacts = .unknown) {
        judgeMaster(sight)
        if headline.isEmpty { judgeProgram(program) }
        if headline.isEmpty { judgeRefusal(service) }
        if headline.isEmpty { judge(service, sight) }
        remark(service, sight)
    }

    private mutating func trouble(_ headline: String, brief: String? = nil, _ advice: String...) {
        (isTrouble, isServed) = (true, false)
        (self.headline, self.brief) = (headline, brief ?? headline)
        self.advice = advice
    }

    private mutating func fine(_ headline: String, brief: String = "fine") {
        (self.headline, self.brief) = ("fine: " + headline, brief)
    }

    // MARK: the reason

    private mutating func judgeMaster(_ sight: Sight) {
        switch sight.life {
        case .isGone:
            trouble(
                "master is not running",
                "No process is started, and nobody holds the sockets: clients are refused.",
                "Start it (postfix start, or your service manager), and look for the reason of its end in the log."
            )
        case .isStopped:
            trouble(
                "master is stopped",
                "Clients wait, and no process is started for them. Those that run go on serving.",
                "Let it go on with kill -CONT \(sight.overview.master.pid), or end the debugger that holds it."
            )
        case .runs:
            if sight.isCurrent { return }
            trouble(
                "master has said nothing for \(span(sight.silence))",
                "It is awake every 10 seconds when all is well. Its watchdog ends it after 1000 seconds.",
                "See what it does with strace -p \(sight.overview.master.pid) or gdb -p \(sight.overview.master.pid)."
            )
        }
    }

    private mutating func judgeProgram(_ program: ProgramFacts) {
        switch program {
        case .isFine, .unknown: break
        case .isMissing(let path):
            trouble(
                "program missing: \(path)",
                "No process can be started.",
                "Install the program, or correct the last column of its line in master.cf and reload."
            )
        case .isNotExecutable(let path):
            trouble(
                "program not executable: \(path)",
                "No process can be started.",
                "Correct its permissions, for example with chmod 755 \(path)."
            )
        }
    }

    /// Before its processes are told to leave: those who wait are served first.
    private mutating func judgeRefusal(_ service: ServiceOverview) {
        guard service.isRefusing, ![.disabled, .draining, .leaving].contains(service.load.cover) else { return }
        let name = service.texts.name
        trouble(
            "new clients are refused",
            "It is being drained with --refuse, or was switched off; clients that were in its queue before are served.",
            "masterctl resume \(name) ends a drain, masterctl enable \(name) switches it on again."
        )
    }

    private mutating func judge(_ service: ServiceOverview, _ sight: Sight) {
        let (load, counts) = (service.load, service.counts)
        let moment = sight.shownMoment
        switch load.cover {
        case .throttled: judgeThrottle(service, sight)
        case .saturated: judgeLimit(service, moment)
        case .noChannel:
            trouble(
                "no channel",
                "The kernel has no memory or descriptors for a status channel, so no process can be started."
                    + " That is tried again every 100 ms.",
                "Look at the limits of open files (ulimit -n, /proc/sys/fs/file-nr) and at the memory of the machine."
            )
        case .disabled:
            trouble(
                "disabled",
                "It was switched off: \(service.isRefusing ? "new clients are refused" : "new clients wait in its queue").",
                "masterctl enable \(service.texts.name) switches it on again, and so does a reload."
            )
        case .draining:
            trouble(
                "draining",
                "Its processes leave when they have served their clients, and no new ones are started:"
                    + " new clients \(service.isRefusing ? "are refused" : "wait in its queue").",
                "masterctl resume \(service.texts.name) ends that."
            )
        case .leaving:
            trouble(
                "removed",
                "It is no longer in master.cf. Its processes finish their last clients, and end."
            )
            // As somebody wanted it.
            isTrouble = false
        case .starting: judgeStart(service, sight)
        case .idleProcesses:
            if load.idle == 0 { return judgeStart(service, sight) }
            let starting = load.starting > 0 ? ", \(load.starting) being started" : ""
            fine("\(load.idle == 1 ? "1 process is" : "\(load.idle) processes are") idle" + starting)
            if let waiting = service.waiting(at: moment), waiting > 0 {
                headline += ", \(counted(waiting, "client")) waited when master looked last"
                advice = [
                    "Idle processes are about to take them. If this stays so, they hang before they accept:"
                        + " see what they do with strace -p."
                ]
            }
        case .master:
            if counts.processLimit > 0, service.total > 0 {
                fine("all \(service.total) processes are busy, and there may be \(counts.processLimit)")
            } else {
                fine("master starts a process for the next client")
            }
        case .unknown:
            trouble("unknown", "This program does not know that state: use the masterctl that came with master.")
        }
    }

    /// How long ago a failure may be to belong to a start that is under way: longer than most throttles last.
    private static let recentFailure: Int64 = 120_000

    /// Nearly all that come up at all are up by then.
    private static let usualStart: Int64 = 1000

    /// Nobody is idle, and somebody may be soon. One that failed is tried again, and looks like any other meanwhile.
    private mutating func judgeStart(_ service: ServiceOverview, _ sight: Sight) {
        let (load, counts) = (service.load, service.counts)
        let moment = sight.shownMoment
        let number = max(load.starting, 1)
        let what = "\(number == 1 ? "1 process is" : "\(number) processes are") being started"
        // A process that had no request has not been heard of, whether it is up or not.
        let forks = sight.processes(of: service, .starting).map(\.started)
        if let last = forks.max(), load.cover == .idleProcesses, moment &- last > Self.usualStart,
            counts.troubleTime < last
        {
            let who =
                forks.count == 1
                ? "1 process had no request since its" : "\(forks.count) processes had none since their"
            return fine("\(who) start, \(span(moment &- last)) ago")
        }
        let age = moment &- counts.troubleTime
        guard load.busy == 0, counts.throttles > 0, counts.neverReady > 0, counts.troubleTime > 0,
            age <= Self.recentFailure
        else { return fine(what, brief: "starting") }
        trouble(
            "\(what), after a failure \(span(age)) ago: \(service.texts.trouble)",
            brief: "starting again: \(service.texts.trouble)",
            "The service was throttled, and nothing tells yet whether this process fares better. Clients wait.",
            "The log says why the last one failed: look for lines of \(service.texts.program) and of master."
        )
    }

    private mutating func judgeThrottle(_ service: ServiceOverview, _ sight: Sight) {
        let counts = service.counts
        let left = max(counts.throttledUntil - sight.shownMoment, 0)
        let reason = counts.troubleTime == 0 ? "a process could not be started" : service.texts.trouble
        trouble(
            "throttled for another \(span(left)): \(reason)",
            brief: "throttled \(span(left)): \(reason)",
            "A process failed before it was of any use, or could not be made. master waits before it starts another;"
                + " clients wait in the queue.",
            "The log says why: look for lines of \(service.texts.program) and of master. When the cause is gone, a reload"
                + " or masterctl release \(service.texts.name) ends the throttle at once."
        )
    }

    private mutating func judgeLimit(_ service: ServiceOverview, _ moment: Int64) {
        let load = service.load
        let isOverflowing = service.isOverflowing(at: moment)
        let waiting = service.waiting(at: moment)
        let age = max(moment &- service.counts.added, 1)
        let share = service.saturatedTime(at: moment) * 100 / age
        remarks.append(
            "the limit was reached for \(span(service.saturatedTime(at: moment))) in all, \(share) % of the time"
        )
        guard isOverflowing || waiting ?? 0 > 0 else {
            let busy = load.busy == 1 ? "the 1 process there may be is" : "all \(load.busy) processes there may be are"
            return fine("\(busy) busy" + (waiting == nil ? "" : ", and nobody waits"), brief: "limit reached")
        }
        trouble(
            "limit reached: \(load.busy) busy, \(waiting.map { "\($0)" } ?? "?") waiting"
                + (isOverflowing ? ", queue full" : ""),
            brief: (isOverflowing ? "queue full" : "limit reached") + ", \(waiting.map { "\($0)" } ?? "?") wait",
            "All \(service.counts.processLimit) processes that there may be are busy. New clients wait for one of them.",
            "Allow more (the column maxproc in master.cf, or default_process_limit in main.cf), or find out why clients"
                + " take so long: masterctl processes \(service.texts.name) shows since when each is busy."
        )
        if isOverflowing, service.texts.type == "udp" {
            advice.append(
                "Its receive buffer has room for \(service.counts.queueRoom) bytes, and more datagrams come: they are lost."
                    + " Give it more room (master_receive_buffer in main.cf), if they cannot be served faster."
            )
        } else if isOverflowing {
            advice.append(
                "The queue has room for \(service.counts.queueRoom), and more clients come: they are turned away, or wait"
                    + " to connect. Let more wait (master_listen_backlog in main.cf; net.core.somaxconn of sysctl(8)"
                    + " bounds it), if they cannot be served faster."
            )
        }
    }
}

extension ServiceOverview {
    /// What may wait in its queue.
    var queueRoom: String { "\(counts.queueRoom)\(texts.type == "udp" ? " bytes" : "")" }

    fileprivate var isRefusing: Bool { counts.flags.contains(.isRefusing) }
}
