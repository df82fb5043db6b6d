//===----------------------------------------------------------------------===//
// Quartermaster: a master with one service in each of the states that matter
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Testing

@testable import MasterOverview
@testable import StatusPage

enum Sample {
    static let now: Int64 = 7_200_000

    static var sight: Sight {
        var overview = Overview()
        overview.heartbeat = now - 4000
        overview.master = master
        overview.services = services
        overview.processes = processes
        overview.events = events
        return Sight(overview, now: now, life: .runs)
    }

    private static var master: MasterFigures {
        var master = MasterFigures()
        (master.pid, master.started, master.state) = (4711, 60_000, .running)
        (master.monotonicClock, master.realClock) = (7_196_000, 1_795_000_000_000)
        master.lastReload.ended = 6_600_000
        (master.lastReload.cause, master.lastReload.result, master.lastReload.problems) = (.signal, .refused, 1)
        for counter in MasterCounter.allCases { master[counter] = UInt64(1000 - counter.rawValue) }
        (master.version, master.mailVersion, master.processName) = ("0.7.0", "3.10.5", "master")
        (master.configDirectory, master.queueDirectory) = ("/etc/postfix", "/var/spool/postfix")
        return master
    }

    static var services: [ServiceOverview] {
        var smtp = service(0, "smtp", "inet", "25", "smtpd")
        smtp.load.cover = .saturated
        (smtp.load.busy, smtp.load.waiting, smtp.load.waitingSeen) = (100, 17, now - 500)
        (smtp.load.uses, smtp.load.counted, smtp.load.busyTime) = (123_456, now - 1000, 90_000_000)
        (smtp.load.saturatedTime, smtp.load.crowdedTime) = (720_000, 300_000)
        smtp.counts.processLimit = 100
        (smtp.counts.queueRoom, smtp.counts.overflows, smtp.counts.overflowTime) = (16, 12, now - 800)
        smtp.counts.flags = .isStressEligible
        (smtp.counts.starts, smtp.counts.cleanEnds, smtp.counts.failedEnds) = (480, 370, 7)
        (smtp.counts.killedEnds, smtp.counts.neverReady) = (3, 2)
        (smtp.counts.stressOnsets, smtp.counts.stressUntil) = (1, now + 500_000)
        smtp.counts.readyTimes.counts = [0, 0, 0, 5, 300, 170, 4, 0, 1, 0, 0, 0, 0, 0, 0, 0]
        smtp.counts.readyTimes.sum = 7500
        (smtp.counts.troubleTime, smtp.texts.trouble) = (now - 90_000, "process 4242 killed by signal 11")

        var cleanup = service(1, "cleanup", "unix", "public/cleanup", "cleanup")
        cleanup.load.cover = .throttled
        (cleanup.counts.throttles, cleanup.counts.throttledUntil) = (3, now + 43_000)
        (cleanup.counts.starts, cleanup.counts.failedEnds, cleanup.counts.neverReady) = (3, 3, 3)
        (cleanup.counts.troubleTime, cleanup.texts.trouble) = (now - 17_000, "process 4300 exit status 1")

        var pickup = service(2, "pickup", "unix", "public/pickup", "pickup")
        pickup.load.cover = .idleProcesses
        (pickup.load.idle, pickup.counts.processLimit, pickup.counts.starts) = (1, 1, 4)
        (pickup.counts.wakeups, pickup.counts.nextWakeup) = (119, now + 21_000)

        var echo = service(3, "echo", "unix", "private/echo", "/opt/\"quoted\"/echo")
        (echo.counts.queueRoom, echo.counts.overflows, echo.counts.overflowTime) = (8, 1, now - 70_000)
        (echo.load.cover, echo.load.busy, echo.load.retired) = (.master, 2, 1)
        var twin = service(5, "echo", "unix", "public/echo", "echo")
        (twin.load.cover, twin.load.starting) = (.starting, 1)
        return [smtp, cleanup, pickup, echo, twin]
    }

    static func service(
        _ row: Int,
        _ name: String,
        _ type: String,
        _ canonicalName: String,
        _ program: String
    ) -> ServiceOverview {
        var service = ServiceOverview()
        service.row = row
        service.load.counted = now
        service.counts.added = 60_000
        (service.texts.life, service.texts.name, service.texts.type) = (1, name, type)
        (service.texts.canonicalName, service.texts.program) = (canonicalName, program)
        return service
    }

    private static var processes: [ProcessOverview] {
        [(5001, 0, ProcessState.busy, 30_000), (5002, 2, .idle, 3000), (5003, 9, .retiredBusy, 500)].map {
            (pid, row, state, duration) -> ProcessOverview in
            var process = ProcessOverview()
            (process.pid, process.service, process.life, process.state) = (UInt32(pid), UInt32(row), 1, state)
            (process.started, process.since, process.uses) = (now - 600_000, now - Int64(duration), 12)
            process.generation = 480
            return process
        }
    }

    private static var events: [EventEntry] {
        EventKind.allCases.enumerated().map { index, kind in
            var event = EventEntry()
            (event.number, event.kind) = (UInt64(index + 7), kind)
            event.time = 1_795_000_000_000 + Int64(index) * 1001
            switch kind {
            case .reload, .reloadRefused, .upgrade: event.value = 1
            case .start, .ready, .end: (event.service, event.serviceName, event.pid) = (0, "smtp/inet", 5001)
            case .fail: (event.service, event.serviceName, event.pid, event.value) = (0, "smtp/inet", 5001, -11)
            default: (event.service, event.serviceName, event.value) = (0, "smtp/inet", 3)
            }
            return event
        }
    }
}

enum Golden {
    /// With QM_GOLDEN_UPDATE set, writes what was found instead of comparing.
    static func expect(_ found: String, equals name: String) throws {
        let url = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden/\(name)")
        if ProcessInfo.processInfo.environment["QM_GOLDEN_UPDATE"] != nil { try Data(found.utf8).write(to: url) }
        let expected = try String(contentsOf: url, encoding: .utf8)
        #expect(found == expected, "\(name)")
    }
}
