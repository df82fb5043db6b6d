//===----------------------------------------------------------------------===//
// Quartermaster: tests of looking at queues, and of deeds that failed
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol
import Testing

@Suite("Looks at queues") struct LookTests {
    private var script = Script()

    /// Two idle children that were used before.
    private mutating func twoIdle(_ rules: ServiceRules = ServiceRules(processLimit: 3)) -> (ServiceID, [Int32]) {
        let id = script.add(rules)
        let first = script.client(id)
        script.taken(id, first)
        let second = script.client(id)
        script.taken(id, second)
        script.available(id, first)
        script.available(id, second)
        return (id, [first, second])
    }

    private mutating func look(_ id: ServiceID, _ sight: QueueSight) {
        script.fire(.look(id))
        #expect(script.effects == [.lookAtQueue(id)])
        script.act { $0.queueLooked(id, sight, now: $1) }
    }

    @Test("a service is looked at while its children are started or heard of")
    mutating func whileThereIsActivity() {
        let id = script.add(ServiceRules(processLimit: 0))
        let first = script.client(id)
        #expect(script.isLookPlanned)
        script.taken(id, first)
        script.available(id, first)
        #expect(!script.isLookPlanned, "one look is due at a time")
        look(id, .noClient)
        #expect(script.isLookPlanned, "it was heard of since")
        look(id, .noClient)
        #expect(!script.isLookPlanned, "nothing happened since")
    }

    @Test("with a limit of one process there is no look: nobody else could take the client")
    mutating func limitOfOne() {
        let id = script.add(ServiceRules(processLimit: 1))
        let pid = script.client(id)
        #expect(!script.isLookPlanned)
        script.exit(pid)
        #expect(script.effects == [.watchEndpoints(id)])
    }

    @Test("when looks have ended, master stands by for one client, and then looks again")
    mutating func standby() {
        let id = script.add(ServiceRules(processLimit: 2, isLocalOnly: true))
        let pid = script.client(id)
        look(id, .noClient)
        #expect(script.isLookPlanned && script.effects.isEmpty)
        look(id, .noClient)
        #expect(script.effects == [.watchEndpoints(id)])
        #expect(script.policy.isStandingBy(id) && !script.view(id).isWatching)
        script.act { $0.endpointReadable(id, now: $1) }
        #expect(script.isLookPlanned && script.effects == [.unwatchEndpoints(id)])
        // The process that was woken for it hangs.
        look(id, .clients)
        look(id, .clients)
        #expect(nudged == [pid])
        script.now = script.now.advanced(bySeconds: 11)
        look(id, .clients)
        #expect(script.wantedGeneration != nil)
    }

    @Test("a process that says TAKEN ends the standby, and what was read as readable before is void")
    mutating func standbyEndsWithTaken() {
        let id = script.add(ServiceRules(processLimit: 2, isLocalOnly: true))
        let pid = script.client(id)
        for _ in 0..<2 { look(id, .noClient) }
        script.taken(id, pid)
        #expect(script.effects == [.unwatchEndpoints(id), .watchEndpoints(id)])
        #expect(script.isLookPlanned && script.view(id).isWatching)
    }

    @Test("a standby that the kernel refuses is tried again")
    mutating func standbyRefused() {
        let id = script.add(ServiceRules(processLimit: 2, isLocalOnly: true))
        _ = script.client(id)
        for _ in 0..<2 { look(id, .noClient) }
        script.act { $0.watchFailed(id, now: $1) }
        script.fire(.retry(id))
        #expect(script.effects == [.watchEndpoints(id)])
    }

    @Test("the end of a child leads to a look at once")
    mutating func endOfAChild() {
        let (id, pids) = twoIdle()
        look(id, .noClient)
        look(id, .noClient)
        script.exit(pids[0], .signaled(9))
        #expect(script.effects == [.lookAtQueue(id), .unwatchEndpoints(id)])
    }

    @Test("clients in two looks: nudge; in a third that is not answered: start another")
    mutating func standingQueue() {
        let (id, pids) = twoIdle(ServiceRules(processLimit: 3, isLocalOnly: true))
        look(id, .clients)
        #expect(script.effects.isEmpty && script.isLookPlanned)
        look(id, .clients)
        #expect(Set(pids) == Set(nudged))
        look(id, .clients)
        #expect(script.wantedGeneration != nil)
        #expect(script.loudNotes == [.queueStands(id, idle: 2)])
        #expect(script.policy.counters.spawnsBesideIdle == 1)
    }

    @Test("children that answer are not helped by another, however often clients are seen")
    mutating func answeredNudges() {
        let (id, pids) = twoIdle()
        for _ in 0..<10 {
            look(id, .clients)
            #expect(script.wantedGeneration == nil)
            script.available(id, pids[0])
        }
        #expect(script.policy.counters.spawnsBesideIdle == 0)
        #expect(script.policy.counters.nudges > 2)
    }

    @Test("no child is started beside one that is coming up, until it had its time")
    mutating func patience() {
        let (id, pids) = twoIdle(ServiceRules(processLimit: 5, isLocalOnly: true))
        for pid in pids { script.taken(id, pid) }
        let third = script.client(id)
        for _ in 0..<5 { look(id, .clients) }
        #expect(script.policy.counters.spawnsBesideIdle == 0)
        script.pass(seconds: 11)
        look(id, .clients)
        #expect(script.policy.counters.spawnsBesideIdle == 1)
        #expect(script.policy.view(ofChild: third)?.state == .starting)
    }

    @Test("at the limit there is no other to start, and the idle ones are nudged again")
    mutating func limitReached() {
        let (id, _) = twoIdle(ServiceRules(processLimit: 2, isLocalOnly: true))
        for _ in 0..<4 { look(id, .clients) }
        #expect(script.policy.counters.spawnsBesideIdle == 0)
        #expect(script.policy.counters.nudges == 6)
    }

    @Test("a look that the kernel had no room for is made again")
    mutating func notTold() {
        let (id, _) = twoIdle()
        look(id, .clients)
        look(id, .notTold)
        #expect(script.isLookPlanned)
        look(id, .clients)
        #expect(!nudged.isEmpty, "what was seen before counts")
    }

    @Test("a removed service is not looked at any more")
    mutating func removed() {
        let (id, _) = twoIdle()
        script.remove(id)
        #expect(script.isLookCancelled)
        script.act { $0.queueLooked(id, .clients, now: $1) }
        #expect(script.effects.isEmpty)
    }

    private var nudged: [Int32] {
        script.effects.compactMap { if case .signal(let pid, .look) = $0 { pid } else { nil } }
    }
}
