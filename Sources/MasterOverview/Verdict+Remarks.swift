//===----------------------------------------------------------------------===//
// Quartermaster: what else is worth knowing about a service, and the verdict as text and JSON
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import StatusPage
import TerminalText

extension Verdict {
    mutating func remark(_ service: ServiceOverview, _ sight: Sight) {
        let (counts, moment) = (service.counts, sight.shownMoment)
        remarkWaiting(service, moment)
        if let draining = sight.drainingText(service) { remarks.append(draining) }
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
                "the queue, with room for \(service.queueRoom), overflowed \(times)"
                    + " \(span(moment - counts.overflowTime)) ago"
            )
        }
        if counts.troubleTime > 0, service.load.cover != .throttled {
            remarks.append("last trouble, \(span(moment &- counts.troubleTime)) ago: \(service.texts.trouble)")
        }
    }

    /// Of services that nobody looks after; where the limit is reached, the headline has it.
    private mutating func remarkWaiting(_ service: ServiceOverview, _ moment: Int64) {
        switch service.load.cover {
        case .throttled, .noChannel, .draining, .disabled:
            guard let waiting = service.waiting(at: moment), waiting > 0 else { return }
            remarks.append("\(waiting == 1 ? "1 client waits" : "\(waiting) clients wait") in its queue")
        case .unknown, .leaving, .starting, .idleProcesses, .saturated, .master: break
        }
    }
}

extension Verdict {
    package func text(name: String) -> String {
        ([name + ": " + headline] + advice + remarks.map { "- " + $0 }).map { printable($0) + "\n" }.joined()
    }

    package func json(name: String) -> String {
        var json = JSONText()
        json.object { json in
            json.member("service", name)
            json.member("isServed", isServed)
            json.member("headline", headline)
            json.name("advice")
            json.array(advice) { $0.value($1) }
            json.name("remarks")
            json.array(remarks) { $0.value($1) }
        }
        return json.text
    }
}
