//===----------------------------------------------------------------------===//
// Quartermaster: what stands between a service and its clients
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import StatusPage

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
    /// In a few words.
    package private(set) var headline = ""
    /// What it means, and what to do about it.
    package private(set) var advice: [String] = []
    package private(set) var remarks: [String] = []

    package init(_ service: ServiceOverview, in sight: Sight, program: ProgramFacts = .unknown) {
        judgeMaster(sight)
        if headline.isEmpty { judgeProgram(program) }
        if headline.isEmpty { judge(service, sight) }
        remark(service, sight)
    }

    private mutating func trouble(_ headline: String, _ advice: String...) {
        isTrouble = true
        self.headline = headline
        self.advice = advice
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
                "It was switched off: clients wait in its queue.",
                "masterctl enable \(service.texts.name) switches it on again, and so does a reload."
            )
        case .draining:
            trouble(
                "draining",
                "Its processes leave when they have served their clients, and no new ones are started.",
                "masterctl resume \(service.texts.name) ends that."
            )
        case .leaving:
            trouble(
                "removed",
                "It is no longer in master.cf. Its last processes are about to end."
            )
        case .starting: headline = "fine: a process is being started"
        case .idleProcesses:
            let ready = load.idle + load.starting
            headline = "fine: \(ready == 1 ? "1 process is" : "\(ready) processes are") idle"
            if load.waiting > 0 {
                headline += ", \(counted(load.waiting, "client")) waited when master looked last"
                advice = [
                    "Idle processes are about to take them. If this stays so, they hang before they accept:"
                        + " see what they do with strace -p."
                ]
            }
        case .master:
            headline = "fine: master starts a process for the next client"
            if counts.processLimit > 0, service.total > 0 {
                headline = "fine: all \(service.total) processes are busy, and there may be \(counts.processLimit)"
            }
        case .unknown:
            trouble("unknown", "This program does not know that state: use the masterctl that came with master.")
        }
    }

    private mutating func judgeThrottle(_ service: ServiceOverview, _ sight: Sight) {
        let counts = service.counts
        let left = max(counts.throttledUntil - sight.shownMoment, 0)
        let reason = counts.troubleTime == 0 ? "a process could not be started" : service.texts.trouble
        trouble(
            "throttled for another \(span(left)): \(reason)",
            "A process failed before it was of any use, or could not be made. master waits before it starts another;"
                + " clients wait in the queue.",
            "The log says why: look for lines of \(service.texts.program) and of master. When the cause is gone, a reload"
                + " or masterctl release \(service.texts.name) ends the throttle at once."
        )
    }

    private mutating func judgeLimit(_ service: ServiceOverview, _ moment: Int64) {
        let load = service.load
        let isOverflowing = service.isOverflowing(at: moment)
        trouble(
            "limit reached: \(load.busy) busy, \(load.waiting) waiting" + (isOverflowing ? ", queue full" : ""),
            "All \(service.counts.processLimit) processes that there may be are busy. New clients wait for one of them.",
            "Allow more (the column maxproc in master.cf, or default_process_limit in main.cf), or find out why clients"
                + " take so long: masterctl processes \(service.texts.name) shows since when each is busy."
        )
        if isOverflowing {
            advice.append(
                "The queue has room for \(service.counts.queueRoom), and more clients come: they are turned away, or wait"
                    + " to connect. Let more wait (master_listen_backlog in main.cf; net.core.somaxconn of sysctl(8)"
                    + " bounds it), if they cannot be served faster."
            )
        }
        let age = max(moment - service.counts.added, 1)
        let share = service.saturatedTime(at: moment) * 100 / age
        remarks.append(
            "the limit was reached for \(span(service.saturatedTime(at: moment))) in all, \(share) % of the time"
        )
    }

    // MARK: remarks

    private mutating func remark(_ service: ServiceOverview, _ sight: Sight) {
        let (counts, moment) = (service.counts, sight.shownMoment)
        if counts.stressUntil > moment {
            remarks.append("processes run with stress=yes for another \(span(counts.stressUntil - moment))")
        }
        if counts.flags.contains(.awaitsFirstUse) {
            remarks.append("there are no wake-ups before its first client (the ? in the column wakeup)")
        }
        if counts.neverReady > 0, counts.neverReady * 10 >= service.ends {
            remarks.append(
                "\(counts.neverReady) of \(service.ends) processes that ended were never heard of:"
                    + " they had no client, or failed at their start"
            )
        }
        if counts.overflows > 0 {
            let times = counts.overflows == 1 ? "once" : "\(counts.overflows) times, the last"
            remarks.append(
                "the queue, with room for \(counts.queueRoom), overflowed \(times)"
                    + " \(span(moment - counts.overflowTime)) ago"
            )
        }
        if counts.troubleTime > 0, service.load.cover != .throttled {
            remarks.append("last trouble, \(span(moment - counts.troubleTime)) ago: \(service.texts.trouble)")
        }
    }
}

extension Verdict {
    package func text(name: String) -> String {
        ([name + ": " + headline] + advice + remarks.map { "- " + $0 }).map { $0 + "\n" }.joined()
    }

    package func json(name: String) -> String {
        var json = JSONText()
        json.object { json in
            json.member("service", name)
            json.member("isServed", !isTrouble)
            json.member("headline", headline)
            json.name("advice")
            json.array(advice) { $0.value($1) }
            json.name("remarks")
            json.array(remarks) { $0.value($1) }
        }
        return json.text
    }
}
