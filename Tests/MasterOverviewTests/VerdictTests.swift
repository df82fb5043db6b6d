//===----------------------------------------------------------------------===//
// Quartermaster: tests of why a service does not serve
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import TerminalText
import TestSupport
import Testing
import WorkerPage

@testable import MasterOverview

@Suite("Why a service does not serve") struct VerdictTests {
    @Test("every reason, with its cure")
    func reasons() throws {
        var sight = Sample.sight
        var text = ""
        for cover in ServiceCover.allCases {
            sight.overview.services[0].load.cover = cover
            text += "[\(cover.name)]\n" + Verdict(sight.overview.services[0], in: sight).text(name: "smtp/inet") + "\n"
        }
        sight.overview.services[0].counts.flags = .isRefusing
        for cover in [ServiceCover.disabled, .draining, .idleProcesses] {
            sight.overview.services[0].load.cover = cover
            text += "[refusing, \(cover.name)]\n"
            text += Verdict(sight.overview.services[0], in: sight).text(name: "smtp/inet") + "\n"
        }
        let programs: [ProgramFacts] = [.isMissing(path: "/x/smtpd"), .isNotExecutable(path: "/x/smtpd"), .isFine]
        for program in programs {
            let verdict = Verdict(sight.overview.services[2], in: sight, program: program)
            text += "[\(program)]\n" + verdict.text(name: "pickup/unix") + verdict.json(name: "pickup/unix") + "\n\n"
        }
        for life in [MasterLife.isGone, .isStopped] {
            sight.life = life
            text += "[\(life.name)]\n" + Verdict(sight.overview.services[2], in: sight).text(name: "pickup/unix") + "\n"
        }
        try Golden.expect(text, equals: "why.txt")
    }

    @Test("what is fine is not called a trouble, and the other way round")
    func trouble() {
        var sight = Sample.sight
        for cover in ServiceCover.allCases {
            sight.overview.services[0].load.cover = cover
            let isFine = [.starting, .idleProcesses, .master, .leaving].contains(cover)
            let verdict = Verdict(sight.overview.services[0], in: sight)
            #expect(verdict.isTrouble == !isFine)
            #expect(verdict.isServed == (isFine && cover != .leaving))
            sight.life = .isGone
            #expect(Verdict(sight.overview.services[0], in: sight).isTrouble)
            sight.life = .runs
        }
    }

    @Test("the limit is no trouble while nobody waits for it")
    func limit() {
        var sight = Sample.sight
        sight.overview.services[0].counts.overflowTime = 0
        sight.overview.services[0].load.waiting = 0
        let quiet = Verdict(sight.overview.services[0], in: sight)
        #expect(!quiet.isTrouble && quiet.headline == "fine: all 100 processes there may be are busy, and nobody waits")
        sight.overview.services[0].load.waitingSeen = 0
        #expect(
            Verdict(sight.overview.services[0], in: sight).headline == "fine: all 100 processes there may be are busy"
        )
        sight.overview.services[0].counts.overflowTime = Sample.now
        let full = Verdict(sight.overview.services[0], in: sight)
        #expect(full.isTrouble && full.headline == "limit reached: 100 busy, ? waiting, queue full")
    }

    @Test("a process that is being started is not idle, and after a failure not fine")
    func starting() {
        var sight = Sample.sight
        sight.overview.services[1].load.cover = .idleProcesses
        sight.overview.services[1].load.starting = 1
        let again = Verdict(sight.overview.services[1], in: sight)
        #expect(again.isTrouble)
        #expect(again.headline == "1 process is being started, after a failure 17s ago: process 4300 exit status 1")
        // That was another time.
        sight.overview.services[1].counts.troubleTime = Sample.now - 120_001
        let calm = Verdict(sight.overview.services[1], in: sight)
        #expect(!calm.isTrouble && calm.headline == "fine: 1 process is being started" && calm.brief == "starting")
        sight.overview.services[1].load.idle = 2
        #expect(
            Verdict(sight.overview.services[1], in: sight).headline == "fine: 2 processes are idle, 1 being started"
        )
    }

    @Test("a process that had no request is not called one that is being started for as long as it lives")
    func unused() {
        var sight = Sample.sight
        sight.overview.services[1].load.cover = .idleProcesses
        sight.overview.services[1].load.starting = 1
        sight.overview.processes[1].service = UInt32(sight.overview.services[1].row)
        sight.overview.processes[1].state = .starting
        sight.overview.processes[1].started = Sample.now - 5000
        let unused = Verdict(sight.overview.services[1], in: sight)
        #expect(!unused.isTrouble && unused.headline == "fine: 1 process had no request since its start, 5.0s ago")
        sight.overview.processes[1].started = Sample.now - 900
        sight.overview.services[1].counts.troubleTime = 0
        #expect(Verdict(sight.overview.services[1], in: sight).headline == "fine: 1 process is being started")
    }

    @Test("a process that finishes the clients of another is told of, and in no count of its service")
    func draining() {
        var sight = Sample.sight
        sight.overview.processes[0].state = .draining
        let smtp = sight.overview.services[0]
        let known = "1 process finishes what others have left, since 30s"
        #expect(Verdict(smtp, in: sight).remarks.contains(known))
        sight.open = [sight.overview.processes[0].pid: 3]
        let text = sight.statusText(of: smtp) { _ in "" }
        #expect(text.contains("1 process finishes what others have left: 3 clients, since 30s\n"), "\(text)")
        #expect(sight.processesText().contains("draining, 3 clients"))
        #expect(sight.servicesText().contains("\(smtp.total)+1 "))
        #expect(sight.json().contains("\"draining\":1") && sight.json().contains("\"clients\":3"))
        #expect(sight.statusText().contains(", and 1 more that only finish their clients (draining)\n"))
        #expect(sight.leftText().contains("5001 of smtp/inet, finishing the clients of another for 30s"))
    }

    @Test("clients that wait where nobody takes them are told of")
    func remarks() {
        var sight = Sample.sight
        (sight.overview.services[1].load.waiting, sight.overview.services[1].load.waitingSeen) = (6, Sample.now - 900)
        #expect(Verdict(sight.overview.services[1], in: sight).remarks.first == "6 clients wait in its queue")
    }
}
