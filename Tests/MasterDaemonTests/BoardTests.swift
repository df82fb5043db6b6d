//===----------------------------------------------------------------------===//
// Quartermaster: tests of what a turn of reports writes into the status page
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import MasterPolicy
import MasterProtocol
import StatusPage
import SystemCalls
import TestSupport
import Testing

@testable import MasterDaemon

@Suite("What a turn of reports writes into the status page") struct BoardTests {
    @Test("counters, load and processes are as the policy has them, after each turn")
    func reports() throws {
        let home = try TemporaryDirectory("qm-board")
        let path = home.file("status")
        var policy = Policy()
        let service = policy.addService(ServiceRules(processLimit: 0), now: PolicyTime(milliseconds: 1))
        var board = StatusBoard(path: path)
        try board.makePage(services: 1, processes: 3, now: 0).get()
        policy.tellsChanges = true
        try board.appear(now: 0)
        var texts = ServiceTexts()
        (texts.life, texts.name) = (1, "some")
        var known: [Int32: UInt64] = [:]
        func happen(_ pid: Int32, _ availability: Int32, _ time: Int64) {
            let report = StatusReport(pid: pid, generation: UInt32(pid), availability: availability)
            policy.reportArrived(from: service, report, now: PolicyTime(milliseconds: time))
        }
        // One is idle all the time, so reports of the others change nothing that master watches.
        for pid: Int32 in [1, 2, 3] {
            policy.endpointReadable(service, now: PolicyTime(milliseconds: 2))
            let generation = Generation(rawValue: UInt32(pid))
            policy.spawned(service, pid: pid, generation: generation, now: PolicyTime(milliseconds: 3))
            happen(pid, 0, 4)
            if pid == 3 { happen(pid, 1, 4) }
            known[pid] = 1
        }
        for turn in Int64(1)...5 {
            let time = turn * 100
            // In the first turn the processes are new to the page, and have reported already.
            if turn > 1 {
                happen(1, 1, time)
                if turn % 2 == 0 {
                    happen(1, 0, time + 1)
                    known[1]! += 1
                } else {
                    happen(1, 0, time + 1)
                    happen(1, 1, time + 2)
                    happen(1, 0, time + 3)
                    known[1]! += 2
                }
                // What means nothing is counted, too: each in its own place.
                for _ in 0..<2 { happen(1, 0, time + 4) }
                for _ in 0..<3 { happen(9, 0, time + 4) }
                happen(1, 7, time + 4)
                let stale = StatusReport(pid: 1, generation: 99, availability: 0)
                for _ in 0..<4 { policy.reportArrived(from: service, stale, now: PolicyTime(milliseconds: time + 4)) }
            }
            board.tell(&policy, reportsOnly: turn > 1) { _, _ in texts }
            let page = try PageFile.read(path)
            for counter in MasterCounter.allCases where turn > 1 {
                #expect(page.master[counter] == policy.counters.value(counter) ?? 0, "\(counter), turn \(turn)")
            }
            let load = try #require(page.services.first { $0.row == 0 }?.load)
            #expect(load.busy == 2 && load.idle == 1 && load.uses == known.values.reduce(0, +))
            for process in page.processes {
                let pid = Int32(process.pid)
                #expect(
                    process.uses == known[pid] && process.state == (pid < 3 ? .busy : .idle) && process.started == 3
                )
                #expect(process.since == (pid > 1 || turn == 1 ? 4 : time + (turn % 2 == 0 ? 1 : 3)))
            }
            #expect(page.processes.count == 3)
        }
    }
}
