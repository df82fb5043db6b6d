//===----------------------------------------------------------------------===//
// Quartermaster: open loops: what a server that stalls cannot hide
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadGeneration
import LoadReports
import Synchronization
import Testing

@Suite("open loops")
struct OpenLoopTests {
    @Test("as many exchanges as the rate intends", arguments: [LoadShape.storm, .kept], [1, 3])
    func count(shape: LoadShape, threads: Int) throws {
        let server = SmallServer(serve: echo)
        let report = try load(shape, Target(unixPath: server.path), ping, clients: 32, exchanges: .max, seconds: 1) {
            $0.pace = RateProfile(constant: 100)
            $0.threads = threads
        }
        // A late exchange is counted all the same.
        #expect(report.ledger.opened == 100)
        #expect(report.ledger.addsUp)
        #expect(report[.answered] + report[.notBegun] == 100, "\(report.ledger)")
    }

    @Test("a count ends an open loop too")
    func limited() throws {
        let server = SmallServer(serve: echo)
        let report = try load(.storm, Target(unixPath: server.path), ping, exchanges: 77) {
            $0.pace = RateProfile(constant: 2000)
            $0.threads = 2
        }
        #expect(report.ledger.opened == 77 && report[.answered] == 77)
    }

    @Test("a stall is in the percentiles of everything that was meant to begin meanwhile")
    func stall() throws {
        let began = Atomic<Int>(0)
        // One connection; the 50th request waits for 300 ms, and with it everybody behind it.
        let server = SmallServer { client in
            while let text = hear(client) {
                if began.add(1, ordering: .relaxed).newValue == 50 { usleep(300_000) }
                say(client, text)
            }
        }
        let report = try load(.kept, Target(unixPath: server.path), ping, clients: 1, exchanges: 1000) {
            $0.pace = RateProfile(constant: 1000)
        }
        #expect(report[.answered] == 1000)
        let total = try #require(report.phase(.total))
        // Some 300 of 1,000 were meant to begin during the stall: the slowest tenth waited for 200 ms or more.
        #expect(total.value(atPercentile: 99) >= 250_000_000)
        #expect(total.value(atPercentile: 91) >= 150_000_000)
        #expect(report.generator.lateStarts >= 200)
        // The one client was busy.
        #expect(report.generator.lateForClients >= 200)
        // The exchanges themselves show one slow one only, as a closed loop would.
        let exchange = try #require(report.phase(.exchange))
        #expect(exchange.count == 1000)
    }

    @Test("what no client came to begin is counted by name")
    func notBegun() throws {
        let server = SmallServer { client in
            while let text = hear(client) {
                usleep(50_000)
                say(client, text)
            }
        }
        let report = try load(.kept, Target(unixPath: server.path), ping, clients: 1, exchanges: .max, seconds: 0.5) {
            $0.pace = RateProfile(constant: 1000)
        }
        #expect(report.ledger.opened == 500)
        #expect(report[.notBegun] > 400)
        #expect(report[.answered] > 0)
        #expect(report.ledger.addsUp)
    }

    @Test("a kept connection that the peer closes between two exchanges is replaced")
    func replaced() throws {
        let server = SmallServer { client in
            if let text = hear(client) { say(client, text) }
        }
        let report = try load(.kept, Target(unixPath: server.path), ping, clients: 1, exchanges: 5) {
            $0.pace = RateProfile(constant: 10)
        }
        // The peer has a tenth of a second to close; should it ever need more, that is an error with a name.
        #expect(report.ledger.opened == 5 && report.ledger.addsUp)
        #expect(report[.answered] >= 1)
        #expect(report.ledger.connections >= 2)
    }

    @Test("a profile decides when")
    func profile() throws {
        let server = SmallServer(serve: echo)
        let report = try load(.storm, Target(unixPath: server.path), ping, exchanges: .max, seconds: 1) {
            $0.pace = try? RateProfile.parse("ramp:0..200/1s")
        }
        #expect(report.ledger.opened == 100)
        #expect(report.ledger.addsUp)
    }
}
