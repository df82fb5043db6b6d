//===----------------------------------------------------------------------===//
// Quartermaster: tests of services that leave, by value
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol
import Testing

@Suite struct RemovalTests {
    var script = Script()

    @Test("a service without children is gone at once")
    mutating func goneAtOnce() {
        let id = script.add(ServiceRules(processLimit: 2))
        script.remove(id)
        #expect(
            script.effects == [
                .unwatchEndpoints(id), .closeStatusChannel(id), .closeEndpoints(id), .serviceRemoved(id),
            ]
        )
        #expect(script.policy.view(of: id) == nil)
    }

    @Test("children are terminated and awaited without spinning")
    mutating func awaited() {
        let id = script.add(ServiceRules(processLimit: 0))
        let first = script.client(id)
        script.taken(id, first)
        let second = script.client(id)
        script.remove(id)
        #expect(script.effects.prefix(2) == [.closeStatusChannel(id), .closeEndpoints(id)])
        #expect(script.effects.contains(.signal(pid: first, .terminate)))
        #expect(script.effects.contains(.signal(pid: second, .terminate)))
        #expect(script.effects.last == .startTimer(.removalDeadline(id), milliseconds: 5_000))

        script.exit(first, .signaled(15))
        #expect(script.loudNotes.isEmpty, "our own signal")
        #expect(script.effects.isEmpty)

        script.pass(seconds: 5)
        script.fire(.removalDeadline(id))
        #expect(script.effects == [.signal(pid: second, .kill)])
        #expect(script.notes == [.removalForced(id, children: 1)])

        script.exit(second, .signaled(9))
        #expect(script.notes == [.killedBy(pid: second, id, signal: 9)])
        #expect(script.effects == [.cancelTimer(.removalDeadline(id)), .serviceRemoved(id)])
        #expect(script.policy.view(of: id) == nil)
        #expect(script.policy.childCount == 0)
    }

    @Test("nothing starts for a service that is leaving")
    mutating func leaving() {
        let id = script.add(ServiceRules(processLimit: 0, wakeupSeconds: 10))
        let pid = script.client(id)
        script.taken(id, pid)
        script.remove(id)
        #expect(script.effects.contains(.cancelTimer(.wakeup(id))))
        script.readable(id)
        script.fire(.wakeup(id))
        script.fire(.throttle(id))
        script.reload(id, ServiceRules(processLimit: 0))
        script.remove(id)
        #expect(script.effects.isEmpty)
        script.exit(pid, .exited(status: 1))
        #expect(script.loudNotes == [.exitStatus(pid: pid, id, status: 1)], "no throttle for a service that is gone")
    }

    @Test("the timer of a throttled service goes with it")
    mutating func timerGone() {
        let id = script.add(ServiceRules(processLimit: 0))
        script.exit(script.client(id), .exited(status: 1))
        script.remove(id)
        #expect(script.effects.first == .cancelTimer(.throttle(id)))
        script.fire(.throttle(id))
        #expect(script.effects.isEmpty)
    }

    @Test("a spawn in flight is awaited and terminated")
    mutating func inFlight() {
        let id = script.add(ServiceRules(processLimit: 0))
        script.readable(id)
        script.remove(id)
        #expect(!script.effects.contains(.serviceRemoved(id)))
        script.act { $0.spawned(id, pid: 50, generation: Generation(rawValue: 1), now: $1) }
        #expect(script.effects == [.signal(pid: 50, .terminate)])
        script.exit(50, .signaled(15))
        #expect(script.effects.last == .serviceRemoved(id))
    }

    @Test("a spawn in flight that fails ends the removal")
    mutating func inFlightFails() {
        let id = script.add(ServiceRules(processLimit: 0))
        script.readable(id)
        script.remove(id)
        script.act { $0.spawnFailed(id, .fork, now: $1) }
        #expect(script.effects.last == .serviceRemoved(id))
    }

    @Test("a successor has its own identity and is not mixed up with the old one")
    mutating func successor() {
        let old = script.add(ServiceRules(processLimit: 0))
        let pid = script.client(old)
        script.remove(old)
        let new = script.add(ServiceRules(processLimit: 0))
        #expect(new.index != old.index, "the old one still lives")
        script.taken(new, pid)
        #expect(script.loudNotes == [.foreignReport(pid: pid, sender: new, owner: old)])
        script.exit(pid, .signaled(15))
        let third = script.add(ServiceRules(processLimit: 0))
        #expect(third.index == old.index)
        #expect(third != old)
        script.readable(old)
        #expect(script.effects.isEmpty, "events of the old life do not reach the new one")
        #expect(script.policy.serviceCount == 2)
    }
}
