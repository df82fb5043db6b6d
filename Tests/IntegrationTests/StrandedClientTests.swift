//===----------------------------------------------------------------------===//
// Quartermaster: tests that no client waits beside an idle worker
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// The kernel wakes one of two idle workers for a client. Here that one does not take it, for each of the reasons that
/// there are, in an order of events that the test decides; `IdleWorkers.bound` says why waits are measured.
@Suite("A client that one worker was woken for", .timeLimit(.minutes(60))) struct StrandedClientTests {
    /// What precedes the moment in question.
    enum Before: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case quiet, burst
        var testDescription: String { rawValue }

        /// Quiet is longer than the interval of master's looks, so that none is due.
        func happens(_ workers: IdleWorkers) throws {
            switch self {
            case .quiet: rest(.milliseconds(1200))
            case .burst:
                for turn in 0..<50 {
                    let client = try workers.client("burst \(turn)")
                    #expect(try workers.serves(client, "burst \(turn)") && client.finish())
                }
            }
        }
    }

    @Test("the use limit: who opens a connection before the last one is closed never waits", arguments: ["4", "100"])
    func useLimit(_ limit: String) throws {
        try IdleWorkers.inTime {
            let workers = try IdleWorkers(main: ["max_use": limit])
            defer { workers.system.end() }
            var last: Caller?
            for turn in 0..<(limit == "4" ? 60 : 250) {
                // When a worker has left, there is one only.
                if workers.pids.count < 2 {
                    _ = last?.finish()
                    last = nil
                    // This takes clients, too, and a worker may be used up by them.
                    #expect(eventually { (try? workers.haveTwo()) != nil }, "\(workers.system.log)")
                }
                // At once, so that the worker may see both in the same turn.
                let next = try Caller(workers.place)
                last = nil
                #expect(next.send("turn \(turn)\n"))
                #expect(try workers.serves(next, "turn \(turn)"), "turn \(turn): \(workers.system.log)")
                last = next
            }
        }
    }

    @Test("the worker that was woken is used up by what it sees beside the client")
    func usedUp() throws {
        try IdleWorkers.inTime {
            let timeout = Duration.seconds(8)
            let workers = try IdleWorkers(.lines, main: ["max_use": "6", "ipc_timeout": "8s"])
            defer { workers.system.end() }
            try workers.haveTwo()
            let (woken, other) = try workers.order()
            // They leave when their time is over, which it will see together with the next client.
            let first = ContinuousClock.now
            let halves: [Caller]
            do { halves = try workers.halfClients(6, of: woken) } catch {
                try IdleWorkers.hasTaken(lessThan: .seconds(4), since: first)
                throw error
            }
            let begun = ContinuousClock.now
            try Before.quiet.happens(workers)
            let held = try HeldProcess(woken, .afterWakeup)
            try IdleWorkers.hasTaken(lessThan: .seconds(6), since: first)
            let client = try workers.client()
            try #require(held.isHeld(), "the client was for this one")
            rest(begun + timeout + .milliseconds(500) - ContinuousClock.now)
            // Master may have had another one look by now. If not, the woken one must not leave the client behind.
            held.release()
            #expect(try workers.serves(client), "\(workers.system.log)")
            for half in halves { #expect(half.readAll() == "") }
            #expect(workers.pids.contains(other))
            #expect(client.finish())
            #expect(eventually { !workers.pids.contains(woken) }, "it was used up")
        }
    }

    @Test("the worker that was woken retires since its table has changed", arguments: Before.allCases)
    func retired(_ before: Before) throws {
        try IdleWorkers.inTime {
            let workers = try IdleWorkers(.table)
            defer { workers.system.end() }
            try workers.haveTwo()
            try before.happens(workers)
            try workers.changeTable()
            #expect(try workers.serves(workers.client()), "\(workers.system.log)")
            #expect(workers.system.wait(for: "has changed -- restarting"))
        }
    }

    @Test("the worker that was woken is killed before it takes the client", arguments: Before.allCases)
    func killed(_ before: Before) throws {
        try IdleWorkers.inTime {
            let workers = try IdleWorkers()
            defer { workers.system.end() }
            try workers.haveTwo()
            let (woken, other) = try workers.order()
            try before.happens(workers)
            let held = try HeldProcess(woken, .beforeAccept)
            let client = try workers.client()
            try #require(held.isHeld(), "the client was for this one")
            held.kill()
            #expect(try workers.serves(client), "\(workers.system.log)")
            #expect(workers.pids.contains(other))
            #expect(workers.system.wait(for: "killed by signal 9"), "\(workers.system.log)")
        }
    }

    @Test("both workers stand still when the client comes; one is killed, the other goes on", arguments: [0, 1])
    func stoppedAndKilled(_ victim: Int) throws {
        try IdleWorkers.inTime {
            let workers = try IdleWorkers()
            defer { workers.system.end() }
            try workers.haveTwo()
            let pids = workers.pids
            for pid in pids { workers.stop(pid) }
            let client = try workers.client()
            kill(pids[victim], SIGKILL)
            kill(pids[1 - victim], SIGCONT)
            #expect(try workers.serves(client), "\(workers.system.log)")
        }
    }

    @Test(
        "a service that may block: one worker waits for its client, the other is killed before it takes the next one",
        arguments: [IdleWorkers.Service.blocking, .blockingCrowd],
        [true, false]
    )
    func blocked(_ service: IdleWorkers.Service, _ isSiblingKilled: Bool) throws {
        try IdleWorkers.inTime {
            let workers = try IdleWorkers(service)
            defer { workers.system.end() }
            try workers.haveTwo()
            let pids = workers.pids
            // A `w` is answered when more has come.
            workers.stop(pids[1])
            let old = try workers.client("w")
            #expect(old.readLine() == "hello\n")
            kill(pids[1], SIGCONT)
            try workers.system.settle()
            let held = isSiblingKilled ? try HeldProcess(pids[1], .beforeAccept) : nil
            let client = try workers.client()
            if let held {
                try #require(held.isHeld())
                held.kill()
            }
            #expect(try workers.serves(client), "\(workers.system.log)")
            #expect(old.send("more\n"))
            #expect(old.readLine() == "more\n")
        }
    }

    @Test("the worker that was woken has no descriptor for the client", arguments: Before.allCases)
    func noDescriptors(_ before: Before) throws {
        try IdleWorkers.inTime {
            let workers = try IdleWorkers()
            defer { workers.system.end() }
            try workers.haveTwo()
            let (woken, other) = try workers.order()
            try before.happens(workers)
            try workers.exhaust(woken)
            let held = try HeldProcess(woken, .beforeAccept)
            let client = try workers.client()
            try #require(held.isHeld(), "the client was for this one")
            held.release()
            #expect(try workers.serves(client), "\(workers.system.log)")
            #expect(workers.pids == [woken, other].sorted(), "it is alive, and the other one has the client")
        }
    }

    @Test("the worker that was woken hangs before it takes the client, while the other one works")
    func stuck() throws {
        try IdleWorkers.inTime {
            let workers = try IdleWorkers()
            defer { workers.system.end() }
            try workers.haveTwo()
            let (woken, other) = try workers.order()
            workers.stop(woken)
            let old = try workers.client("old")
            #expect(try workers.serves(old, "old"))
            kill(woken, SIGCONT)
            try Before.quiet.happens(workers)
            let held = try HeldProcess(woken, .beforeAccept)
            let client = try workers.client()
            try #require(held.isHeld(), "the client was for this one")
            #expect(!client.peek())
            #expect(old.send("again\n"))
            #expect(old.readLine() == "again\n")
            #expect(try workers.serves(client), "\(workers.system.log)")
            #expect(workers.pids.contains(other))
        }
    }

    @Test("the worker that was woken hangs before it takes the client, and nothing else goes on")
    func stuckInQuiet() throws {
        try IdleWorkers.inTime {
            let workers = try IdleWorkers()
            defer { workers.system.end() }
            try workers.haveTwo()
            let (woken, other) = try workers.order()
            try Before.quiet.happens(workers)
            let held = try HeldProcess(woken, .beforeAccept)
            let client = try workers.client()
            try #require(held.isHeld(), "the client was for this one")
            #expect(try workers.serves(client), "\(workers.system.log)")
            #expect(workers.pids.contains(other))
        }
    }

    @Test("all workers stand still and nothing else goes on: another one is started within the limit")
    func allStopped() throws {
        try IdleWorkers.inTime {
            let workers = try IdleWorkers()
            defer { workers.system.end() }
            try workers.haveTwo()
            let pids = workers.pids
            try Before.quiet.happens(workers)
            for pid in pids { workers.stop(pid) }
            #expect(try workers.serves(workers.client()), "\(workers.system.log)")
            #expect(workers.pids.count == 3)
            for pid in pids { kill(pid, SIGCONT) }
        }
    }

    @Test("one of two workers that stand still is killed: another one is started within the limit")
    func stoppedAlone() throws {
        try IdleWorkers.inTime {
            let workers = try IdleWorkers(limit: 2)
            defer { workers.system.end() }
            try workers.haveTwo()
            let pids = workers.pids
            for pid in pids { workers.stop(pid) }
            let client = try workers.client()
            kill(pids[0], SIGKILL)
            #expect(try workers.serves(client), "\(workers.system.log)")
            #expect(workers.pids.count == 2)
            kill(pids[1], SIGCONT)
        }
    }
}
