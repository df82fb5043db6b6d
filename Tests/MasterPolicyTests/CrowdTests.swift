//===----------------------------------------------------------------------===//
// Quartermaster: tests of what is said of clients whom a full service keeps waiting
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol
import Testing

@Suite("Clients who wait at a full service") struct CrowdTests {
    private var script = Script()

    private func figures(_ id: ServiceID) -> ServiceFigures {
        script.policy.figures(at: Int(id.index), until: script.now)
    }

    /// A service whose processes are all busy.
    private mutating func fill(_ rules: ServiceRules) -> (ServiceID, [Int32]) {
        let id = script.add(rules)
        var processes: [Int32] = []
        for _ in 0..<rules.processLimit {
            let pid = script.client(id)
            script.taken(id, pid)
            processes.append(pid)
        }
        #expect(script.view(id).coverage == .saturated)
        return (id, processes)
    }

    /// A second passes, and the clients are counted; what is said of them.
    private mutating func count(_ id: ServiceID, _ count: QueueCount) -> [PolicyNote] {
        script.pass(seconds: 1)
        script.fire(.look(id))
        #expect(script.effects == [.countClients(id)])
        script.act { $0.clientsCounted(id, count, now: $1) }
        return script.loudNotes
    }

    @Test(
        "every service is warned of when clients have been waiting for two seconds, with their number",
        arguments: [
            ServiceRules(processLimit: 1), ServiceRules(processLimit: 1, isLocalOnly: true),
            ServiceRules(processLimit: 2, isLocalOnly: true), ServiceRules(processLimit: 2),
        ]
    )
    mutating func warning(_ rules: ServiceRules) {
        let (id, _) = fill(rules)
        #expect(count(id, QueueCount(waiting: 3)) == [])
        #expect(count(id, QueueCount(waiting: 4)) == [])
        #expect(count(id, QueueCount(waiting: 5)) == [.processLimit(id, limit: rules.processLimit, waiting: 5)])
        #expect(count(id, QueueCount(waiting: 6)) == [])
        #expect(figures(id).lastTrouble?.kind == .processLimit)
        let atOnce: UInt64 = rules.isStressEligible ? 1 : 0
        #expect(script.policy.counters.limitNotes == atOnce + 1)
    }

    @Test("a queue that is seen empty in between is none that stands")
    mutating func emptied() {
        let (id, processes) = fill(ServiceRules(processLimit: 2, isLocalOnly: true))
        for _ in 0..<4 {
            #expect(count(id, QueueCount(waiting: 3)) == [])
            #expect(count(id, QueueCount(waiting: 3)) == [])
            #expect(count(id, QueueCount(waiting: 0)) == [])
        }
        // A look beside an idle process is as good.
        for _ in 0..<4 {
            #expect(count(id, QueueCount(waiting: 3)) == [])
            #expect(count(id, QueueCount(waiting: 3)) == [])
            script.available(id, processes[0])
            script.act { $0.queueLooked(id, .noClient, now: $1) }
            script.taken(id, processes[0])
        }
    }

    @Test("what was seen before a pause says nothing")
    mutating func pause() {
        let (id, processes) = fill(ServiceRules(processLimit: 1))
        #expect(count(id, QueueCount(waiting: 3)) == [])
        #expect(count(id, QueueCount(waiting: 3)) == [])
        script.available(id, processes[0])
        script.pass(seconds: 100)
        script.taken(id, processes[0])
        #expect(count(id, QueueCount(waiting: 3)) == [])
        #expect(count(id, QueueCount(waiting: 3)) == [])
        #expect(count(id, QueueCount(waiting: 3)) == [.processLimit(id, limit: 1, waiting: 3)])
    }

    @Test("a service that is briefly idle again and again, and has clients waiting at every count, is warned of")
    mutating func flicker() {
        let (id, processes) = fill(ServiceRules(processLimit: 1))
        for _ in 0..<2 {
            #expect(count(id, QueueCount(waiting: 3)) == [])
            script.available(id, processes[0])
            script.taken(id, processes[0])
        }
        #expect(count(id, QueueCount(waiting: 3)) == [.processLimit(id, limit: 1, waiting: 3)])
    }

    @Test("a warning of each kind comes once in the interval")
    mutating func interval() {
        let (id, _) = fill(ServiceRules(processLimit: 1, warningSeconds: 10))
        var waits: [Int64] = []
        var overflows: [UInt64] = []
        for second in 1...40 {
            for note in count(id, QueueCount(waiting: 9, room: 5, turnedAway: UInt64(second) * 2)) {
                switch note {
                case .processLimit(_, _, let waiting):
                    #expect(waiting == 9)
                    waits.append(script.now.milliseconds / 1000)
                case .queueOverflowed(_, let times, let room):
                    #expect(room == 5)
                    overflows.append(times)
                default: Issue.record("\(note)")
                }
            }
        }
        #expect(waits == [3, 14, 25, 36])
        #expect(overflows == [2, 22, 22, 22])
        #expect(figures(id).overflows == 80)
        #expect(script.policy.counters.overflows == 80)
    }

    @Test("an overflow is counted once, also when an endpoint has gone, and what was counted there with it")
    mutating func overflows() {
        let (id, _) = fill(ServiceRules(processLimit: 1))
        #expect(count(id, QueueCount(waiting: 0, room: 5)) == [])
        #expect(figures(id).queueRoom == 5)
        #expect(figures(id).lastOverflow == nil)
        #expect(count(id, QueueCount(waiting: 0, room: 5, turnedAway: 7)) == [.queueOverflowed(id, times: 7, room: 5)])
        #expect(figures(id).lastTrouble?.kind == .overflow)
        #expect(figures(id).lastTrouble?.number == 7)
        #expect(figures(id).lastOverflow == script.now)
        #expect(count(id, QueueCount(waiting: 0, room: 5, turnedAway: 7)) == [])
        #expect(figures(id).overflows == 7)
        #expect(count(id, QueueCount(waiting: 0, room: 5, turnedAway: 3)) == [])
        #expect(figures(id).overflows == 7)
        _ = count(id, QueueCount(waiting: 0, room: 5, turnedAway: 5))
        #expect(figures(id).overflows == 9)
    }

    @Test("where the kernel does not count who found no room, the counts that find none are counted")
    mutating func full() {
        let (id, _) = fill(ServiceRules(processLimit: 1))
        for _ in 0..<3 { _ = count(id, QueueCount(waiting: 6, room: 5, isFull: true)) }
        _ = count(id, QueueCount(waiting: 5, room: 5))
        #expect(figures(id).overflows == 3)
    }

    @Test("clients are counted once a second, however often looks are due")
    mutating func rarely() {
        let (id, processes) = fill(ServiceRules(processLimit: 2))
        _ = count(id, QueueCount(waiting: 1))
        var counts = 0
        for _ in 0..<40 {
            // Reports make looks come every 250 ms.
            script.available(id, processes[0])
            script.taken(id, processes[0])
            script.now = script.now.advanced(byMilliseconds: 250)
            script.fire(.look(id))
            guard script.effects == [.countClients(id)] else {
                #expect(script.effects.isEmpty && script.isLookPlanned)
                continue
            }
            counts += 1
            script.act { $0.clientsCounted(id, QueueCount(waiting: 1), now: $1) }
        }
        #expect(counts == 10)
    }

    @Test("clients of a service that nobody serves are counted once a second, and nothing is said of their wait")
    mutating func unserved() {
        let id = script.add(ServiceRules(processLimit: 2, throttleSeconds: 60))
        let pid = script.client(id)
        script.exit(pid, .exited(status: 1))
        #expect(script.view(id).coverage == .throttled && script.view(id).looks.due != nil)
        for second in 1...5 {
            #expect(count(id, QueueCount(waiting: 6, room: 5)) == [])
            #expect(script.policy.plainFigures(at: Int(id.index)).clientsWaiting == 6, "\(second)")
        }
        // While nobody waits, one look is enough; what is known of the queue stays.
        #expect(count(id, .empty) == [])
        #expect(script.policy.plainFigures(at: Int(id.index)).clientsWaiting == 0)
        #expect(script.policy.plainFigures(at: Int(id.index)).queueRoom == 5)
        // A queue that overflows is worth a word whoever serves it.
        #expect(
            count(id, QueueCount(waiting: 6, room: 5, isFull: true)) == [.queueOverflowed(id, times: 1, room: 5)]
        )
        script.act { $0.drainAsked(id, within: nil, refusing: false, now: $1) }
        #expect(script.view(id).isHeld)
        #expect(count(id, QueueCount(waiting: 7, room: 5)) == [])
        script.act { $0.resumeAsked(id, now: $1) }
        script.act { $0.releaseAsked(id, now: $1) }
        #expect(script.view(id).coverage == .uncovered)
        script.fire(.look(id))
        #expect(script.effects.isEmpty && !script.isLookPlanned, "master sees whoever comes")
    }

    @Test("a count for a service that is gone, or full no more, changes nothing")
    mutating func late() {
        let (id, processes) = fill(ServiceRules(processLimit: 1))
        script.available(id, processes[0])
        script.act { $0.clientsCounted(id, QueueCount(waiting: 4, room: 5), now: $1) }
        #expect(script.loudNotes.isEmpty && script.effects.isEmpty && !script.isLookPlanned)
        script.remove(id)
        script.act { $0.clientsCounted(id, QueueCount(waiting: 4, room: 5, turnedAway: 1), now: $1) }
        #expect(script.loudNotes.isEmpty && script.effects.isEmpty)
    }
}
