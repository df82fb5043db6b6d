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

/// A policy, and a page that is told of it.
private final class Told {
    private static let start = PolicyTime(milliseconds: 2)

    let home: TemporaryDirectory
    var policy = Policy()
    var board: StatusBoard
    /// Of a service with three processes at most, whose third is idle while the others are busy; and of one without a
    /// limit, which master watches while its only process is busy.
    private let limited: ServiceID
    private let unlimited: ServiceID

    init() throws {
        home = try TemporaryDirectory("qm-board")
        limited = policy.addService(ServiceRules(processLimit: 3, isLocalOnly: true), now: Self.start)
        unlimited = policy.addService(ServiceRules(processLimit: 0), now: Self.start)
        board = StatusBoard(path: home.file("status"))
        try board.makePage(services: 2, processes: 4, now: 0).get()
        policy.tellsChanges = true
        try board.appear(now: 0)
        for pid: Int32 in [1, 2, 3, 4] { start(pid) }
        happen(3, 1, 4)
        happen(4, 1, 4)
        tell()
    }

    private func service(of pid: Int32) -> ServiceID { pid < 4 ? limited : unlimited }

    func start(_ pid: Int32) {
        policy.endpointReadable(service(of: pid), now: Self.start)
        let generation = Generation(rawValue: UInt32(pid))
        policy.spawned(service(of: pid), pid: pid, generation: generation, now: PolicyTime(milliseconds: 3))
        happen(pid, 0, 4)
    }

    func happen(_ pid: Int32, _ availability: Int32, _ time: Int64, generation: UInt32? = nil) {
        let report = StatusReport(pid: pid, generation: generation ?? UInt32(pid), availability: availability)
        policy.reportArrived(from: service(of: pid), report, now: PolicyTime(milliseconds: time))
    }

    /// As at the end of a turn in which anything may have happened.
    func tell() {
        var texts = ServiceTexts()
        (texts.life, texts.name) = (1, "some")
        board.tell(&policy) { _, _ in texts }
        _ = board.beat(now: 0)
        board.rest(untilLook: .max)
    }

    /// As a turn of reports does. What other tests of this process do to pages of theirs is heard of here, too: then
    /// the board looks at its own first.
    func tellReports(now: Int64) -> Bool {
        while true {
            let losses = SharedMemory.losses
            _ = board.need(services: 2, processes: 4, now: now)
            if board.tellReports(&policy, now: now) { return true }
            if losses == SharedMemory.losses { return false }
        }
    }

    func page() throws -> Overview { try PageFile.read(home.file("status")) }

    func check(_ page: Overview) {
        for counter in MasterCounter.allCases {
            #expect(page.master[counter] == policy.counters.value(counter) ?? 0, "\(counter)")
        }
    }
}

@Suite("What a turn of reports writes into the status page") struct BoardTests {
    @Test("counters, load and processes are as the policy has them, after each turn of reports")
    func reports() throws {
        let told = try Told()
        var known: [UInt32: UInt64] = [1: 1, 2: 1, 3: 1, 4: 1]
        for turn in Int64(1)...5 {
            let time = turn * 100
            for _ in 0..<turn {
                for pid: Int32 in [1, 3, 4] {
                    // The first is busy already, and says so once more.
                    told.happen(pid, 0, time)
                    told.happen(pid, 1, time + 1)
                    if pid > 1 { known[UInt32(pid)]! += 1 }
                }
                told.happen(1, 0, time + 2)
                known[1]! += 1
            }
            let isAll = told.tellReports(now: time)
            #expect(isAll, "turn \(turn)")
            let page = try told.page()
            told.check(page)
            #expect(page.heartbeat == time)
            for (row, busy, idle, uses) in [(0, 2, 1, [1, 2, 3]), (1, 0, 1, [4])] as [(Int, Int32, Int32, [UInt32])] {
                let load = try #require(page.services.first { $0.row == row }?.load)
                #expect(load.busy == busy && load.idle == idle && load.uses == uses.reduce(0) { $0 + known[$1]! })
            }
            for process in page.processes {
                #expect(process.uses == known[process.pid] && process.started == 3)
                #expect(process.state == (process.pid < 3 ? .busy : .idle))
                #expect(process.since == [4, time + 2, 4, time + 1, time + 1][Int(process.pid)])
            }
            #expect(page.processes.count == 4)
        }
        let counters = told.policy.counters
        #expect(counters.watchStarts > 5 && counters.watchStops > 5, "\(counters)")
    }

    @Test("what is more than reports is left to who tells everything, and not lost")
    func more() throws {
        let told = try Told()
        told.happen(1, 1, 100)
        // Counted each in its own place.
        for _ in 0..<3 { told.happen(9, 0, 100) }
        for _ in 0..<4 { told.happen(1, 0, 100, generation: 99) }
        told.happen(1, 7, 100)
        told.happen(4, 0, 100)
        told.start(5)
        let isAll = told.tellReports(now: 100)
        #expect(!isAll)
        told.tell()
        let page = try told.page()
        told.check(page)
        #expect(page.processes.count == 5)
        #expect(page.services.first { $0.row == 0 }?.load.idle == 2)
        #expect(page.services.first { $0.row == 0 }?.counts.troubleTime == 100)
    }

    @Test("chores are done in time: the clocks, a look, and a file that was cut off")
    func chores() throws {
        let told = try Told()
        told.happen(1, 1, 100)
        var isAll = told.tellReports(now: 9_999)
        #expect(isAll)
        isAll = told.tellReports(now: 10_000)
        #expect(!isAll)
        told.board.rest(untilLook: 500)
        isAll = told.tellReports(now: 500)
        #expect(!isAll)
        told.board.giveUp(now: 0)
        told.board.rest(untilLook: .max)
        // Without a page there is nothing to tell until it is time for another one.
        isAll = told.tellReports(now: 9_999)
        #expect(isAll)
        isAll = told.tellReports(now: 10_000)
        #expect(!isAll)
    }
}
