//===----------------------------------------------------------------------===//
// Quartermaster: retirements, by value
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol
import Testing

extension SteeringTests {
    @Test("a retirement: fresh ones come first, a few at a time; then the others leave")
    func retire() {
        var script = Script()
        let id = script.add(Self.rules)
        let former = (0..<4).map { _ -> Int32 in
            let pid = script.client(id)
            script.taken(id, pid)
            return pid
        }
        for pid in former.dropFirst() { script.available(id, pid) }
        script.act { $0.retireAsked(id, now: $1) }
        #expect(script.effects == [.addStatusChannel(id)])
        script.act { $0.channelAdded(id, now: $1) }
        let first = script.spawnWanted(id)
        let second = script.spawnWanted(id)
        #expect(first != nil && second != nil)
        #expect(script.wantedGeneration == nil, "two at a time")
        #expect(script.view(id).idle == 5, "nobody has left")
        script.fire(.retirementStep(id))
        #expect(script.spawnWanted(id) != nil, "as many as were idle")
        #expect(script.effects == [.startTimer(.retirementStep(id), milliseconds: 1000)])
        script.fire(.retirementStep(id))
        #expect(script.effects.contains(.closeFormerChannel(id)))
        #expect(script.view(id).idle == 3)
        #expect(script.view(id).former == 4)
        for pid in former.dropLast() { script.exit(pid) }
        #expect(script.view(id).former == 1)
        script.exit(former[3])
        #expect(script.effects.contains(.retirementEnded(id, .done)))
    }

    @Test("fresh processes that fail: those that run stay")
    func badRetirement() {
        var script = Script()
        let id = script.add(Self.rules)
        let former = script.client(id)
        script.act { $0.retireAsked(id, now: $1) }
        script.act { $0.channelAdded(id, now: $1) }
        let fresh = script.spawnWanted(id) ?? 0
        script.exit(fresh, .exited(status: 1))
        #expect(script.effects.first == .withdrawStatusChannel(id))
        #expect(script.effects.contains(.retirementEnded(id, .failedStart)))
        #expect(script.view(id).idle == 1)
        script.taken(id, former)
        #expect(script.view(id).idle == 0, "it is still heard")
        script.act { $0.releaseAsked(id, now: $1) }
        #expect(script.effects == [.cancelTimer(.throttle(id)), .watchEndpoints(id)])
    }

    @Test("one of several fresh processes fails: the others leave, and another retirement begins as the first one did")
    func secondRetirement() {
        var script = Script()
        let id = script.add(Self.rules)
        let former = script.client(id)
        script.taken(id, former)
        let other = script.client(id)
        script.available(id, former)
        script.act { $0.retireAsked(id, now: $1) }
        script.act { $0.channelAdded(id, now: $1) }
        let good = script.spawnWanted(id) ?? 0
        let bad = script.spawnWanted(id) ?? 0
        script.exit(bad, .exited(status: 1))
        #expect(script.view(id).idle == 2 && script.view(id).retiredIdle == 1)
        script.exit(good)
        script.act { $0.releaseAsked(id, now: $1) }
        script.act { $0.retireAsked(id, now: $1) }
        #expect(script.effects == [.addStatusChannel(id)])
        script.act { $0.channelAdded(id, now: $1) }
        #expect(script.view(id).idle == 2 && script.view(id).former == 2, "nobody has left")
        #expect(script.spawnWanted(id) != nil)
        #expect(script.spawnWanted(id) != nil)
        script.fire(.retirementStep(id))
        script.exit(former)
        script.exit(other)
        #expect(script.effects.contains(.retirementEnded(id, .done)))
    }

    @Test("a throttled service is not retired: no fresh process could be started")
    func throttledRetirement() {
        var script = Script()
        let id = script.add(Self.rules)
        let former = script.client(id)
        script.taken(id, former)
        let bad = script.client(id)
        script.exit(bad, .exited(status: 1))
        #expect(script.view(id).isThrottled)
        script.act { $0.retireAsked(id, now: $1) }
        #expect(script.effects == [.retirementEnded(id, .throttled)])
        #expect(script.view(id).former == nil && script.policy.counters.retirements == 0)
        script.act { $0.releaseAsked(id, now: $1) }
        script.act { $0.retireAsked(id, now: $1) }
        #expect(script.effects == [.addStatusChannel(id)])
    }

    @Test("a service that other machines reach, one process below its limit: the fresh one comes first, without stress")
    func retirementNearLimit() {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 2))
        let former = script.client(id)
        script.act { $0.retireAsked(id, now: $1) }
        script.act { $0.channelAdded(id, now: $1) }
        #expect(script.isSpawnUnderStress == false && !script.effects.contains(.replaceStatusChannel(id)))
        let fresh = script.spawnWanted(id) ?? 0
        #expect(script.view(id).idle == 2 && script.view(id).stressUntil == nil)
        script.fire(.retirementStep(id))
        #expect(script.effects.contains(.closeFormerChannel(id)))
        script.exit(former)
        #expect(script.effects.contains(.retirementEnded(id, .done)))
        script.taken(id, fresh)
        script.readable(id)
        #expect(script.isSpawnUnderStress == true, "a client is a sign of load")
    }

    @Test("the channel fails while fresh processes come up: those that run stay")
    func retirementWithoutChannel() {
        var script = Script()
        let id = script.add(Self.rules)
        _ = script.client(id)
        script.act { $0.retireAsked(id, now: $1) }
        script.act { $0.channelAdded(id, now: $1) }
        #expect(script.spawnWanted(id) != nil)
        script.act { $0.channelFailed(id, now: $1) }
        #expect(script.effects.contains(.retirementEnded(id, .noChannel)))
        #expect(script.effects.contains(.withdrawStatusChannel(id)))
        #expect(script.view(id).idle == 1 && script.view(id).former == nil)
    }
}
