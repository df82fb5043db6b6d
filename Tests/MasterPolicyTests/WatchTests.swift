//===----------------------------------------------------------------------===//
// Quartermaster: tests of watching, spawning, stress and limits
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol
import Testing

@Suite struct WatchTests {
    @Test("a new service opens its channel and is watched")
    func newService() {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 2))
        #expect(script.effects == [.openStatusChannel(id), .watchEndpoints(id)])
        #expect(script.state(id) == .init(0, 0, true))
    }

    /// Two processes at most, three clients, stress at the second one.
    @Test("at a limit of two, the second process is under stress, and a third client waits until one ends")
    func limitOfTwo() {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 2))

        let first = script.client(id)  // client A
        #expect(script.effects == [.unwatchEndpoints(id), .spawn(id, Generation(rawValue: 1), underStress: false)])
        #expect(script.state(id) == .init(1, 1, false))

        script.taken(id, first)
        #expect(script.effects == [.watchEndpoints(id)])
        #expect(script.state(id) == .init(0, 1, true))

        script.pass(seconds: 1)
        let second = script.client(id)  // client B: the last process there may be
        #expect(
            script.effects == [
                .replaceStatusChannel(id), .unwatchEndpoints(id),
                .spawn(id, Generation(rawValue: 2), underStress: true),
            ]
        )
        #expect(script.state(id) == .init(1, 2, false))
        #expect(script.loudNotes.isEmpty)
        #expect(script.view(id).stressUntil == PolicyTime(milliseconds: 1_001_000))

        script.taken(id, second)
        #expect(script.loudNotes == [.processLimit(id, limit: 2)])
        #expect(script.state(id) == .init(0, 2, false))

        script.exit(first)  // finished A on the old channel
        #expect(script.loudNotes.isEmpty)
        #expect(script.state(id) == .init(0, 1, true))

        let third = script.client(id)  // client C waited in the backlog
        #expect(script.effects == [.unwatchEndpoints(id), .spawn(id, Generation(rawValue: 3), underStress: true)])
        #expect(script.state(id) == .init(1, 2, false))

        script.taken(id, third)
        #expect(script.loudNotes.isEmpty, "the limit was noted a moment ago")
        #expect(script.state(id) == .init(0, 2, false))

        script.available(id, second)
        #expect(script.policy.view(ofChild: second)?.useCount == 1)
        #expect(script.state(id) == .init(1, 2, false))

        script.exit(second)
        #expect(script.state(id) == .init(0, 1, true))
        #expect(script.policy.counters.spawns == 3)
        #expect(script.policy.counters.stressOnsets == 1)
    }

    @Test("a spawn in flight is not doubled")
    func inFlight() {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 0))
        script.readable(id)
        #expect(script.wantedGeneration == Generation(rawValue: 1))
        script.readable(id)
        #expect(script.effects.isEmpty)
        #expect(script.view(id).coverage == .spawning)
    }

    @Test("readiness while a child is idle is ignored")
    func readyWhileIdle() {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 0))
        _ = script.client(id)
        script.readable(id)
        #expect(script.effects.isEmpty)
    }

    @Test("an unlimited service is never under stress")
    func unlimited() {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 0))
        for _ in 0..<50 {
            let pid = script.client(id)
            #expect(script.isSpawnUnderStress == false)
            script.taken(id, pid)
            #expect(script.view(id).isWatching)
        }
        #expect(script.policy.counters.stressOnsets == 0)
        #expect(script.policy.childCount == 50)
    }

    @Test(
        "a service that stress does not concern is not warned of before clients wait",
        arguments: [ServiceRules(processLimit: 1), ServiceRules(processLimit: 2, isLocalOnly: true)]
    )
    func silentLimit(_ rules: ServiceRules) {
        var script = Script()
        let id = script.add(rules)
        for _ in 0..<rules.processLimit {
            let pid = script.client(id)
            #expect(script.isSpawnUnderStress == false)
            #expect(!script.effects.contains(.replaceStatusChannel(id)))
            script.taken(id, pid)
            #expect(script.loudNotes.isEmpty)
        }
        #expect(script.view(id).coverage == .saturated)
        #expect(script.policy.counters.limitsReached == 1)
        #expect(script.policy.counters.limitNotes == 0)
    }

    @Test("the limit is noted again only after a thousand seconds")
    func limitNoted() {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 2))
        let first = script.client(id)
        script.taken(id, first)
        let second = script.client(id)
        script.taken(id, second)
        #expect(script.loudNotes == [.processLimit(id, limit: 2)])

        func saturateAgain() -> [PolicyNote] {
            script.available(id, second)
            script.taken(id, second)
            return script.loudNotes
        }
        script.pass(seconds: 1000)
        #expect(saturateAgain().isEmpty)
        script.pass(seconds: 1)
        #expect(saturateAgain() == [.processLimit(id, limit: 2)])
        #expect(script.policy.counters.limitNotes == 2)
    }

    @Test("stress is prolonged by need, and replaces the channel only at its onset")
    func stressProlonged() {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 2))
        let first = script.client(id)
        script.taken(id, first)

        func lastProcess() -> (isReplaced: Bool, isUnderStress: Bool?) {
            let pid = script.client(id)
            let result = (script.effects.contains(.replaceStatusChannel(id)), script.isSpawnUnderStress)
            script.exit(pid)
            return result
        }
        #expect(lastProcess() == (true, true))
        script.pass(seconds: 900)
        #expect(lastProcess() == (false, true))
        script.pass(seconds: 900)
        #expect(lastProcess() == (false, true), "900 seconds after the last need, stress still lasts")
        script.pass(seconds: 1001)
        #expect(lastProcess() == (true, true), "a new onset")
        script.exit(first)
        script.pass(seconds: 2000)
        _ = script.client(id)
        #expect(script.isSpawnUnderStress == false, "the first of two, long after the stress")
    }

    @Test("a child that is started with room left while stress lasts is under stress")
    func stressLasts() {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 2))
        let first = script.client(id)
        script.taken(id, first)
        let second = script.client(id)
        script.exit(first)
        script.exit(second)
        _ = script.client(id)
        #expect(script.isSpawnUnderStress == true)
    }

    @Test("generations count every attempt of every service")
    func generations() {
        var script = Script()
        let one = script.add(ServiceRules(processLimit: 0, throttleSeconds: 1))
        let two = script.add(ServiceRules(processLimit: 0))
        script.readable(one)
        #expect(script.wantedGeneration == Generation(rawValue: 1))
        script.act { $0.spawnFailed(one, .fork, now: $1) }
        script.readable(two)
        #expect(script.wantedGeneration == Generation(rawValue: 2))
    }
}
