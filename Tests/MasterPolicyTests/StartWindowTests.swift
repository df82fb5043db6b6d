//===----------------------------------------------------------------------===//
// Quartermaster: tests of starting several children for a long queue
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol
import Testing

@Suite struct StartWindowTests {
    private func several(limit: Int32 = 0, _ starts: Int32 = 4) -> ServiceRules {
        ServiceRules(processLimit: limit, concurrentStarts: starts)
    }

    /// Starts what the policy wants until it wants nothing more; the new pids.
    private func spawnAll(_ script: inout Script, _ id: ServiceID) -> [Int32] {
        var pids: [Int32] = []
        while let pid = script.spawnWanted(id) { pids.append(pid) }
        return pids
    }

    /// Many wait, the first child has taken one of them, and so two may start at once: their pids.
    private func warmUp(_ script: inout Script, _ id: ServiceID, waiting: Int32 = 80) -> [Int32] {
        script.readable(id, waiting: waiting)
        script.taken(id, spawnAll(&script, id)[0])
        script.readable(id, waiting: waiting - 1)
        return spawnAll(&script, id)
    }

    @Test("the first process for a queue is started alone")
    func first() {
        var script = Script()
        let id = script.add(several())
        script.readable(id, waiting: 80)
        #expect(spawnAll(&script, id).count == 1)
        #expect(script.view(id).starting == 1)
        #expect(!script.effects.contains(.measureQueue(id)))
    }

    /// One, then two, then as many as may be: each that took a client makes room for one more.
    @Test("the window grows with each new child that takes a client")
    func growth() {
        var script = Script()
        let id = script.add(several(limit: 0, 3))
        script.readable(id, waiting: 80)
        let first = spawnAll(&script, id)
        script.taken(id, first[0])
        #expect(script.effects == [.watchEndpoints(id)])
        script.readable(id, waiting: 79)
        let second = spawnAll(&script, id)
        #expect(second.count == 2)
        #expect(script.policy.counters.spawnsAhead == 1)

        script.taken(id, second[0])
        #expect(script.effects == [.measureQueue(id)])
        script.act { $0.queueMeasured(id, waiting: 78, now: $1) }
        let third = spawnAll(&script, id)
        #expect(third.count == 2)
        #expect(script.view(id).starting == 3)

        script.taken(id, third[0])
        #expect(script.effects == [.measureQueue(id)])
        script.act { $0.queueMeasured(id, waiting: 77, now: $1) }
        #expect(spawnAll(&script, id).count == 1)
        #expect(script.view(id).starting == 3, "no more than may be starting at once")
    }

    @Test("a queue that those present will empty starts no other")
    func present() {
        var script = Script()
        let id = script.add(several())
        let second = warmUp(&script, id, waiting: 3)
        #expect(second.count == 2)
        script.taken(id, second[0])
        #expect(script.effects == [.measureQueue(id)])
        script.act { $0.queueMeasured(id, waiting: 1, now: $1) }
        #expect(script.effects.isEmpty)
        #expect(script.view(id).window.size == 1, "a short queue closes the window")
    }

    @Test("one client at a time starts one child at a time")
    func oneAtATime() {
        var script = Script()
        let id = script.add(several())
        for _ in 0..<10 {
            let pid = script.client(id)
            #expect(script.policy.counters.spawnsAhead == 0)
            script.taken(id, pid)
            #expect(script.view(id).isWatching)
        }
    }

    @Test("a service that fails to start is tried once, however many wait")
    func failsToStart() {
        var script = Script()
        let id = script.add(several())
        script.readable(id, waiting: 80)
        let pids = spawnAll(&script, id)
        script.exit(pids[0], .exited(status: 1))
        #expect(script.view(id).isThrottled)
        script.fire(.throttle(id))
        script.readable(id, waiting: 80)
        #expect(spawnAll(&script, id).count == 1)
    }

    @Test("a failure among several closes the window")
    func failureAmongSeveral() {
        var script = Script()
        let id = script.add(several())
        script.exit(warmUp(&script, id)[1], .signaled(11))
        #expect(script.view(id).window.size == 1)
        script.act { $0.queueMeasured(id, waiting: 79, now: $1) }
        #expect(script.effects.isEmpty, "nothing is started while throttled")
    }

    @Test("a program that cannot be run is tried once")
    func cannotBeRun() throws {
        var script = Script()
        let id = script.add(several())
        script.taken(id, warmUp(&script, id)[0])
        script.act { $0.queueMeasured(id, waiting: 70, now: $1) }
        let generation = try #require(script.wantedGeneration)
        script.act { $0.spawned(id, pid: 999, generation: generation, isDoomed: true, now: $1) }
        #expect(script.effects.isEmpty)
        #expect(script.view(id).window.size == 1)
    }

    @Test("what others have done does not open the window of a throttled service")
    func throttled() {
        var script = Script()
        let id = script.add(several())
        let pids = warmUp(&script, id)
        script.exit(pids[1], .exited(status: 1))
        script.taken(id, pids[0])
        #expect(script.view(id).window.size == 1)
        script.fire(.throttle(id))
        script.readable(id, waiting: 70)
        #expect(spawnAll(&script, id).count == 1)
    }

    @Test("a service without children begins from nothing")
    func fromNothing() {
        var script = Script()
        let id = script.add(several())
        let pids = warmUp(&script, id)
        script.taken(id, pids[0])
        #expect(script.view(id).window.size == 3)
        for pid in [100] + pids { script.exit(pid) }
        #expect(script.view(id).total == 0)
        #expect(script.view(id).window.size == 1)
    }

    @Test("clients are counted only where several children could be started for them")
    func countedWhereItMatters() {
        var script = Script()
        let id = script.add(several(limit: 3))
        script.act { $0.endpointReadable(id, now: $1) }
        #expect(script.wantedGeneration != nil, "one at a time so far")
        script.taken(id, spawnAll(&script, id)[0])
        script.act { $0.endpointReadable(id, now: $1) }
        #expect(script.effects == [.measureQueue(id)])
        script.act { $0.queueMeasured(id, waiting: 8, now: $1) }
        script.taken(id, spawnAll(&script, id)[0])
        script.act { $0.endpointReadable(id, now: $1) }
        #expect(!script.effects.contains(.measureQueue(id)), "room for one only")
        #expect(script.wantedGeneration != nil)
    }

    /// The others would be retired before they have served a client.
    @Test("stress waits until no child is starting")
    func stressWaits() {
        var script = Script()
        let id = script.add(several(limit: 3))
        let second = warmUp(&script, id, waiting: 9)
        #expect(second.count == 1, "the third may be the last and has to wait for the second")
        script.taken(id, second[0])
        #expect(script.effects == [.watchEndpoints(id)])
        script.readable(id, waiting: 7)
        #expect(script.effects.contains(.replaceStatusChannel(id)))
        #expect(script.isSpawnUnderStress == true)
        #expect(spawnAll(&script, id).count == 1)
        #expect(script.view(id).total == 3)
    }

    @Test("the process limit holds for several at once")
    func limitOfSeveral() {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 2, isLocalOnly: true, concurrentStarts: 8))
        #expect(warmUp(&script, id).count == 1)
        #expect(script.view(id).total == 2)
    }

    @Test("a removed service starts no other")
    func removed() {
        var script = Script()
        let id = script.add(several())
        script.readable(id, waiting: 80)
        script.taken(id, spawnAll(&script, id)[0])
        script.readable(id, waiting: 79)
        script.remove(id)
        #expect(spawnAll(&script, id).isEmpty)
        script.act { $0.queueMeasured(id, waiting: 79, now: $1) }
        #expect(script.effects.isEmpty)
    }

    @Test("a reload closes the window")
    func reload() {
        var script = Script()
        let id = script.add(several())
        script.readable(id, waiting: 80)
        script.taken(id, spawnAll(&script, id)[0])
        #expect(script.view(id).window.size == 2)
        script.reload(id, several())
        #expect(script.view(id).window.size == 1)
        script.readable(id, waiting: 79)
        #expect(spawnAll(&script, id).count == 1)
    }
}
