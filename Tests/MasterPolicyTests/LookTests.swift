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

    @Test("a service with one child is not looked at, one with two is while they are heard of")
    mutating func onlyWhereOneCanKeepAClientFromAnother() {
        let id = script.add(ServiceRules(processLimit: 0))
        let first = script.client(id)
        script.taken(id, first)
        script.available(id, first)
        #expect(!script.isLookPlanned)
        script.taken(id, first)
        let second = script.client(id)
        script.taken(id, second)
        #expect(script.isLookPlanned)
        script.available(id, first)
        #expect(!script.isLookPlanned, "one look is due at a time")
        look(id, .noClient)
        #expect(script.isLookPlanned, "they were heard of since")
        look(id, .noClient)
        #expect(!script.isLookPlanned, "nothing happened since")
    }

    @Test("the end of a child leads to a look at once")
    mutating func endOfAChild() {
        let (id, pids) = twoIdle()
        look(id, .noClient)
        look(id, .noClient)
        script.exit(pids[0], .signaled(9))
        #expect(script.effects == [.lookAtQueue(id)])
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
        #expect(script.effects.contains(.cancelTimer(.look(id))))
        script.act { $0.queueLooked(id, .clients, now: $1) }
        #expect(script.effects.isEmpty)
    }

    private var nudged: [Int32] {
        script.effects.compactMap { if case .signal(let pid, .look) = $0 { pid } else { nil } }
    }
}

@Suite("Deeds that failed") struct FailureTests {
    private var script = Script()

    @Test("a watch that was refused is tried again until it holds")
    mutating func watch() {
        let id = script.add(ServiceRules(processLimit: 2))
        for _ in 0..<3 {
            script.act { $0.watchFailed(id, now: $1) }
            #expect(script.effects == [.startTimer(.retry(id), milliseconds: 100)])
            script.fire(.retry(id))
            #expect(script.effects == [.watchEndpoints(id)])
        }
        script.fire(.retry(id))
        #expect(script.effects.isEmpty, "nothing is owed")
    }

    @Test("without a channel no child is started and the endpoint is left alone; both come back")
    mutating func channel() {
        let id = script.add(ServiceRules(processLimit: 2))
        script.act { $0.channelFailed(id, now: $1) }
        #expect(script.effects == [.startTimer(.retry(id), milliseconds: 100), .unwatchEndpoints(id)])
        #expect(script.view(id).coverage == .noChannel)
        script.readable(id)
        #expect(script.effects.isEmpty)
        script.fire(.retry(id))
        #expect(script.effects == [.openStatusChannel(id), .watchEndpoints(id)])
    }

    @Test("a channel that is refused at the onset of stress costs the wanted child, and throttles nothing")
    mutating func channelAtStressOnset() {
        let id = script.add(ServiceRules(processLimit: 2))
        script.taken(id, script.client(id))
        script.readable(id)
        #expect(script.effects.first == .replaceStatusChannel(id))
        script.act {
            $0.channelFailed(id, now: $1)
            $0.spawnFailed(id, .noChannel, now: $1)
        }
        #expect(!script.view(id).isThrottled)
        #expect(script.view(id).coverage == .noChannel)
        script.fire(.retry(id))
        #expect(script.effects == [.openStatusChannel(id), .watchEndpoints(id)])
        #expect(script.client(id) > 0)
    }

    @Test("a removed service owes nothing")
    mutating func removed() {
        let id = script.add(ServiceRules(processLimit: 2))
        script.act { $0.watchFailed(id, now: $1) }
        script.remove(id)
        #expect(script.effects.contains(.cancelTimer(.retry(id))))
        script.fire(.retry(id))
        #expect(script.effects.isEmpty)
    }
}

@Suite("State written out and read back") struct StateTests {
    @Test("every field comes back, and decisions go on from there")
    func roundTrip() throws {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 2, wakeupSeconds: 60))
        script.taken(id, script.client(id))
        script.exit(script.client(id), .exited(status: 1))
        script.act { $0.watchFailed(id, now: $1) }
        let bytes = script.policy.encoded
        var copy = try Policy(decoding: bytes)
        #expect(copy.encoded == bytes)
        #expect(copy.view(of: id) == script.policy.view(of: id))
        #expect(copy.counters == script.policy.counters)
        var (one, other): ([Effect], [Effect]) = ([], [])
        copy.timerFired(.throttle(id), now: script.now)
        script.policy.timerFired(.throttle(id), now: script.now)
        copy.takeEffects(into: &one)
        script.policy.takeEffects(into: &other)
        #expect(one == other && !one.isEmpty)
    }

    @Test("other bytes are refused")
    func otherBytes() {
        let bytes = Policy().encoded
        #expect(throws: StateProblem.wrongLength) { try Policy(decoding: []) }
        #expect(throws: StateProblem.wrongLength) { try Policy(decoding: bytes + [0]) }
        #expect(throws: StateProblem.wrongLength) { try Policy(decoding: Array(bytes.dropLast())) }
        #expect(throws: StateProblem.unknownVersion(0)) { try Policy(decoding: [0] + bytes.dropFirst()) }
        var manyServices = bytes
        manyServices[bytes.count - 16 + 7] = 0x7F
        #expect(throws: StateProblem.badValue) { try Policy(decoding: manyServices) }
    }

    @Test("every counter is written out")
    func counters() {
        #expect(PolicyCounters.fields.count * 8 == MemoryLayout<PolicyCounters>.size)
        #expect(Set(PolicyCounters.fields).count == PolicyCounters.fields.count)
    }
}
