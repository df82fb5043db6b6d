//===----------------------------------------------------------------------===//
// Quartermaster: a state of master in which no two fields are the same
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

@testable import StatusPage

extension PageWriter {
    mutating func write(all overview: Overview) {
        write(overview.master)
        for service in overview.services {
            write(service.load, row: service.row)
            write(service.counts, row: service.row)
            write(service.texts, row: service.row)
        }
        for (row, process) in overview.processes.enumerated() { write(process, row: row) }
        for event in overview.events { write(event) }
    }
}

extension Overview {
    static var sample: Overview {
        var overview = Overview()
        overview.heartbeat = 100_000
        overview.master = .sample
        overview.services = [.sample(row: 0), .sample(row: 1)]
        overview.processes = (0..<2).map { (number: UInt32) in
            var process = ProcessOverview()
            (process.pid, process.service, process.life) = (4242 + number, 1, 7)
            (process.generation, process.state) = (9 + number, .busy)
            (process.started, process.since, process.uses) = (100, 200, 55)
            return process
        }
        overview.events = (1...5).map { (number: UInt64) in
            var event = EventEntry()
            (event.number, event.time) = (number, 1_700_000_000_000)
            (event.kind, event.service) = (EventKind(rawValue: UInt16(number)), number == 4 ? nil : 0)
            (event.pid, event.value, event.serviceName) = (99, number == 5 ? 60 : -9, "smtp/inet")
            return event
        }
        return overview
    }
}

extension MasterFigures {
    fileprivate static var sample: MasterFigures {
        var master = MasterFigures()
        (master.pid, master.started) = (4711, 1000)
        (master.monotonicClock, master.realClock) = (2000, 1_700_000_000_000)
        (master.lastReload.ended, master.lastReload.cause, master.lastReload.user) = (3000, .request, 1001)
        (master.lastReload.pid, master.lastReload.result, master.lastReload.problems) = (77, .refused, 2)
        for counter in MasterCounter.allCases { master[counter] = UInt64(100 + counter.rawValue) }
        (master.version, master.mailVersion, master.processName) = ("0.7.0-dev", "3.10.5", "master")
        (master.configDirectory, master.queueDirectory) = ("/etc/postfix", "/var/spool/postfix")
        return master
    }
}

extension ServiceOverview {
    fileprivate static func sample(row: Int) -> ServiceOverview {
        var service = ServiceOverview()
        service.row = row
        service.load.cover = .saturated
        (service.load.starting, service.load.idle, service.load.busy, service.load.retired) = (1, 2, 3, 4)
        (service.load.waiting, service.load.waitingSeen, service.load.uses) = (5, 6000, 7)
        (service.load.counted, service.load.busyTime) = (8000, 9000)
        (service.load.saturatedTime, service.load.crowdedTime) = (10_000, 11_000)
        service.counts.processLimit = 100
        service.counts.flags = .isStressEligible
        (service.counts.added, service.counts.throttledUntil) = (1500, 1600)
        (service.counts.stressUntil, service.counts.nextWakeup) = (1700, 1800)
        (service.counts.starts, service.counts.cleanEnds, service.counts.failedEnds) = (21, 22, 23)
        (service.counts.killedEnds, service.counts.neverReady, service.counts.throttles) = (24, 25, 26)
        (service.counts.stressOnsets, service.counts.wakeups, service.counts.troubleTime) = (27, 28, 2900)
        (service.counts.overflows, service.counts.overflowTime, service.counts.queueRoom) = (29, 3000, 128)
        service.counts.readyTimes.sum = 1234
        service.counts.readyTimes.counts = [1, 0, 3] + (3..<16).map { UInt64(30 + $0) }
        (service.texts.life, service.texts.name, service.texts.type) = (1, "smtp", "inet")
        (service.texts.canonicalName, service.texts.program) = ("25", "smtpd")
        service.texts.trouble = "process 42 killed by signal 9"
        return service
    }
}
