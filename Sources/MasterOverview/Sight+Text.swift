//===----------------------------------------------------------------------===//
// Quartermaster: master's state for people
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import StatusPage
import TerminalText

extension Sight {
    /// What is to be known first: who runs, since when, and which services have something the matter with them.
    package func statusText() -> String {
        let master = overview.master
        let processes = overview.services.reduce(0) { $0 + Int($1.total) }
        var text = ""
        if let warning { text += warning + "\n" }
        text += "master \(printable(master.version)), compatible with Postfix \(printable(master.mailVersion))"
        text += ", pid \(master.pid): \(stateName)\n"
        let age = span(shownMoment - master.started)
        text += life == .isGone ? "ran for \(age) until then" : "started \(age) ago"
        text += "; configuration \(printable(master.configDirectory))"
        text += ", queue directory \(printable(master.queueDirectory))\n"
        text += "last reload: \(reloadText)\n"
        text += "\(counted(overview.services.count, "service")) with \(counted(processes, "process", "processes"))"
        if drainingCount > 0 { text += ", and \(drainingCount) more that only finish their clients (draining)" }
        text += "\n"
        if isReloadOwed {
            text += "what was asked for with the last reload is not in effect: masterctl check says what is wrong now\n"
        }
        // What is true of all of them has been said.
        if life == .isGone { return text }
        let troubled = overview.services.compactMap { service in
            let verdict = Verdict(service, in: self)
            return verdict.isTrouble ? (printable(name(of: service)), verdict.headline) : nil
        }
        if troubled.isEmpty { return text + "every service takes clients\n" }
        text += "\nmasterctl why tells more of:\n"
        let width = troubled.map(\.0.count).max() ?? 0
        for (name, headline) in troubled {
            text += "  \(name)\(String(repeating: " ", count: width - name.count))  \(printable(headline))\n"
        }
        return text
    }

    /// What keeps the page from saying how things are now; nil: nothing.
    package var warning: String? {
        switch life {
        case .isGone: "master is not running: this is what it said last, \(span(silence)) ago"
        case .isStopped: "master is stopped (SIGSTOP or a debugger): this is what it said last, \(span(silence)) ago"
        case .runs:
            isCurrent ? nil : "master has said nothing for \(span(silence)): it hangs, or has lost its status page"
        }
    }

    /// The last reload was refused, and what is wrong may still be.
    package var isReloadOwed: Bool { overview.master.lastReload.result == .refused }

    private var reloadText: String {
        let reload = overview.master.lastReload
        let asker =
            switch reload.cause {
            case .unknown: ""
            case .signal: ", asked for with SIGHUP"
            case .request: ", asked for by uid \(reload.user), pid \(reload.pid)"
            }
        let warnings = reload.warnings > 0 ? counted(reload.warnings, "warning") : nil
        switch reload.result {
        case .none: return "none"
        case .accepted:
            return "\(span(shownMoment - reload.ended)) ago, accepted"
                + (warnings.map { " with \($0)" } ?? "")
                + asker + spreadText(reload)
        case .refused:
            return "\(span(shownMoment - reload.ended)) ago, REFUSED for \(counted(reload.problems, "problem"))"
                + (warnings.map { " and \($0)" } ?? "")
                + asker
        }
    }

    private func spreadText(_ reload: ReloadOutcome) -> String {
        if reload.turnsLeft == 0 { return "" }
        let services = counted(reload.turnsLeft, "service")
        return "; spread out: \(services) left, the last one in \(span(max(reload.lastTurn - shownMoment, 0)))"
    }

    /// Everything about one service.
    package func statusText(of service: ServiceOverview, time: (Int64) -> String) -> String {
        let (load, counts, texts) = (service.load, service.counts, service.texts)
        let limit = counts.processLimit == 0 ? "no limit" : "limit \(counts.processLimit)"
        var lines = [
            ("service", "\(name(of: service)) (\(texts.canonicalName)), program \(texts.program)"),
            ("state", Verdict(service, in: self).headline),
            (
                "processes",
                "\(service.total) of \(limit): \(load.busy) busy, \(load.idle) idle, \(load.starting) starting,"
                    + " \(load.retired) retired"
            ),
            ("waiting", waitingText(service)),
            ("queue", queueText(service)),
            ("uses", "\(load.uses), \(span(service.busyTime(at: shownMoment))) busy in all"),
            (
                "limit reached",
                "for \(span(service.saturatedTime(at: shownMoment))), with clients waiting for"
                    + " \(span(service.crowdedTime(at: shownMoment)))"
            ),
            ("starts", "\(counts.starts), \(readyText(counts.readyTimes))"),
            (
                "ends",
                "\(service.ends): \(counts.cleanEnds) clean, \(counts.failedEnds) failed, \(counts.killedEnds) killed;"
                    + " \(counts.neverReady) before they were heard of"
            ),
            ("throttled", often(counts.throttles)),
        ]
        if let draining = drainingText(service) { lines.insert(("draining", draining), at: 3) }
        if counts.flags.contains(.isStressEligible) {
            let now = counts.stressUntil > shownMoment ? ", now, for \(span(counts.stressUntil - shownMoment))" : ""
            lines.append(("stress", often(counts.stressOnsets) + now))
        }
        if counts.wakeups > 0 || counts.nextWakeup > 0 {
            let next = counts.nextWakeup > 0 ? ", next in \(span(counts.nextWakeup - shownMoment))" : ""
            lines.append(("wake-ups", "\(counts.wakeups)" + next))
        }
        let trouble =
            counts.troubleTime == 0 ? "none" : "\(time(realTime(counts.troubleTime))): \(texts.trouble)"
        lines.append(("last trouble", trouble))
        let own = ownLines(of: service).map { (printable($0), $1) }
        let width = own.map(\.0.count).max() ?? 0
        return (warning.map { $0 + "\n" } ?? "")
            + lines.map { label, value in
                label + String(repeating: " ", count: 15 - label.count) + printable(value) + "\n"
            }.joined() + (own.isEmpty ? "" : "its own figures:\n")
            + own.map { name, value in
                "  " + name + String(repeating: " ", count: width - name.count + 2) + value + "\n"
            }.joined()
    }

    private func often(_ count: UInt64) -> String {
        switch count {
        case 0: "never"
        case 1: "once"
        default: "\(count) times"
        }
    }

    private func waitingText(_ service: ServiceOverview) -> String {
        let load = service.load
        let last = "\(counted(load.waiting, "client")) \(span(shownMoment - load.waitingSeen)) ago"
        switch service.waiting(at: shownMoment) {
        case let waiting? where waiting == load.waiting: return load.waitingSeen == 0 ? "nobody" : last
        case .some: return "nobody; " + last
        case nil:
            return load.waitingSeen == 0 ? "not known: not looked at yet" : "not known: not looked at since " + last
        }
    }

    private func queueText(_ service: ServiceOverview) -> String {
        let counts = service.counts
        let room = counts.queueRoom == 0 ? "length not looked at yet" : "room for \(service.queueRoom)"
        if counts.overflows == 0 { return room + ", no overflow" }
        let times = counts.overflows == 1 ? "overflowed once" : "overflowed \(counts.overflows) times, the last"
        return room + ", \(times) \(span(shownMoment - counts.overflowTime)) ago"
    }

    private func readyText(_ times: ReadyTimes) -> String {
        let count = times.count
        if count == 0 { return "and no process had a client yet" }
        let mean = span(Int64(clamping: times.sum / count))
        guard let slow = times.bound(ofShare: 0.9) else { return "ready after \(mean) on average" }
        return "ready after \(mean) on average, 9 of 10 in less than \(span(slow))"
    }

    // MARK: tables

    package func servicesText(_ services: [ServiceOverview]? = nil) -> String {
        var table = TextTable([
            "SERVICE", "STATE", ">PROCS", ">LIMIT", ">BUSY", ">IDLE", ">WAITING", ">USES", ">STARTS", ">FAILED",
            "PROGRAM",
        ])
        for service in services ?? overview.services {
            let (load, counts) = (service.load, service.counts)
            let draining = processes(of: service, .draining).count
            table.add([
                name(of: service), load.cover.name, "\(service.total)\(draining > 0 ? "+\(draining)" : "")",
                counts.processLimit == 0 ? "-" : "\(counts.processLimit)", "\(load.busy)",
                "\(load.idle)", service.waiting(at: shownMoment).map { "\($0)" } ?? "?", "\(load.uses)",
                "\(counts.starts)",
                "\(counts.failedEnds + counts.killedEnds)", service.texts.program,
            ])
        }
        return (warning.map { $0 + "\n" } ?? "") + table.text
    }

    package func processesText(_ services: [ServiceOverview]? = nil) -> String {
        var table = TextTable([">PID", "SERVICE", "STATE", ">FOR", ">AGE", ">USES"])
        for process in overview.processes {
            let service = overview.service(row: process.service)
            if let services, !services.contains(where: { $0.row == service?.row }) { continue }
            table.add([
                "\(process.pid)", service.map { name(of: $0) } ?? "(removed)", stateText(process),
                span(shownMoment - process.since), span(shownMoment - process.started), "\(process.uses)",
            ])
        }
        return (warning.map { $0 + "\n" } ?? "") + table.text
    }
}

extension ReadyTimes {
    /// Milliseconds that so large a share stayed below; nil where that is not known.
    func bound(ofShare share: Double) -> Int64? {
        let wanted = Double(count) * share
        var sum: UInt64 = 0
        for (bucket, count) in counts.enumerated() {
            sum &+= count
            if Double(sum) >= wanted { return Self.upperBound(bucket) }
        }
        return nil
    }
}

extension EventEntry {
    /// One line, without its end.
    package func text(time: (Int64) -> String) -> String {
        let service = serviceName.isEmpty ? "" : " " + printable(serviceName)
        return "\(time(self.time))\(service): \(sentence)"
    }

    private var sentence: String {
        switch kind {
        case .start: "process \(pid) started"
        case .ready: "process \(pid) took its first client \(span(value)) after its start"
        case .end: "process \(pid) ended after \(counted(value, "use"))"
        case .fail:
            value < 0 ? "process \(pid) was killed by signal \(-value)" : "process \(pid) failed with status \(value)"
        case .throttle: "throttled: no process is started for \(value) s"
        case .release: "throttle ended"
        case .limit: "limit reached: all processes are busy, and there may be \(value)"
        case .stress: "stress: processes run with stress=yes from now on"
        case .calm: "calm: no stress any more"
        case .wakeup: "wake-up sent"
        case .nudge: "told to look at the queue: \(counted(value, "idle process", "idle processes"))"
        case .reload: value > 0 ? "reload accepted with \(counted(value, "warning"))" : "reload accepted"
        case .reloadRefused: "reload REFUSED for \(counted(value, "problem"))"
        case .drain:
            value > 0
                ? "drained, \(counted(value, "process", "processes")) cut off" : "drained: all processes have left"
        case .resume: "served again"
        case .upgrade: "upgrade"
        case .overflow: "queue overflowed \(value == 1 ? "once" : "\(value) times")"
        case .shortage: "short of memory or descriptors; tried again"
        case nil: "an event of a kind that this program does not know"
        }
    }
}
