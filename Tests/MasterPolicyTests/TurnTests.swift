//===----------------------------------------------------------------------===//
// Quartermaster: tests of reloads that touch little, or take their time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol
import Testing

@Suite("Reloads that touch little, or take their time") struct TurnTests {
    var script = Script()

    @Test(
        "turns lie evenly between the beginning and the end",
        arguments: [
            (0, 3, [0, 0, 0]), (10, 1, [0]), (10, 2, [0, 10_000]), (10, 3, [0, 5_000, 10_000]),
            (1, 4, [0, 333, 666, 1_000]), (10, 0, []), (86_400, 2, [0, 86_400_000]),
        ] as [(Int, Int, [Int64])]
    )
    func even(seconds: Int, services: Int, times: [Int64]) {
        var turns = ReloadTurns(seconds: seconds, services: services)
        let found = times.map { _ in turns.next() }
        #expect(found == times.map { $0 == 0 ? .atOnce : .after(milliseconds: $0) })
    }

    @Test("a service that nothing has changed for keeps processes, channel, wake-ups and figures")
    mutating func kept() {
        let rules = ServiceRules(processLimit: 3, wakeupSeconds: 60)
        let id = script.add(rules)
        let pid = script.client(id)
        script.taken(id, pid)
        let before = script.view(id)
        script.act { $0.updateService(id, rules, retiring: .never, now: $1) }
        #expect(script.effects.isEmpty && script.notes.isEmpty)
        #expect(script.view(id) == before)
        #expect(script.policy.counters.servicesUpdated == 0)
    }

    @Test("its throttle after a failed start ends all the same, and one after a failed fork does not")
    mutating func keptThrottle() {
        let rules = ServiceRules(processLimit: 3)
        let id = script.add(rules)
        script.exit(script.client(id), .exited(status: 1))
        script.act { $0.updateService(id, rules, retiring: .never, now: $1) }
        #expect(script.effects == [.cancelTimer(.throttle(id)), .watchEndpoints(id)])
        script.readable(id)
        script.act { $0.spawnFailed(id, .fork, now: $1) }
        script.act { $0.updateService(id, rules, retiring: .never, now: $1) }
        #expect(script.effects.isEmpty && script.view(id).isThrottled)
    }

    @Test("until its turn a service goes on; then its processes leave, and the last one is noted")
    mutating func turn() {
        let rules = ServiceRules(processLimit: 3, wakeupSeconds: 60)
        let (one, other) = (script.add(rules), script.add(rules))
        let pid = script.client(one)
        _ = script.client(other)
        #expect(script.policy.hasProcesses(one))
        script.act { $0.updateService(one, rules, retiring: .after(milliseconds: 2_000), now: $1) }
        #expect(script.effects == [.startTimer(.turn(one), milliseconds: 2_000)])
        script.act { $0.updateService(other, rules, retiring: .after(milliseconds: 5_000), now: $1) }
        let spread = script.policy.reloadSpread
        #expect(spread?.services == 2 && spread?.ends == script.now.advanced(bySeconds: 5))
        script.taken(one, pid)
        script.available(one, pid)
        #expect(script.policy.view(ofChild: pid)?.state == .idle)
        script.fire(.turn(one))
        #expect(script.effects.contains(.replaceStatusChannel(one)) && script.effects.contains(.sendWakeup(one)))
        #expect(script.policy.view(ofChild: pid)?.state == .retiredIdle)
        #expect(script.policy.reloadSpread?.services == 1 && script.loudNotes.isEmpty)
        script.fire(.turn(other))
        #expect(script.policy.reloadSpread == nil && script.loudNotes == [.turnsOver])
        script.fire(.turn(other))
        #expect(script.effects.isEmpty, "a turn comes once")
    }

    @Test("another reload plans the turn anew, one at once is the turn, and one that keeps processes leaves it")
    mutating func again() {
        let rules = ServiceRules(processLimit: 3)
        let id = script.add(rules)
        _ = script.client(id)
        script.act { $0.updateService(id, rules, retiring: .after(milliseconds: 2_000), now: $1) }
        script.pass(seconds: 1)
        script.act { $0.updateService(id, rules, retiring: .after(milliseconds: 2_000), now: $1) }
        #expect(script.effects == [.cancelTimer(.turn(id)), .startTimer(.turn(id), milliseconds: 2_000)])
        #expect(script.policy.reloadSpread?.services == 1)
        script.act { $0.updateService(id, rules, retiring: .never, now: $1) }
        #expect(script.effects.isEmpty && script.view(id).turnDue == script.now.advanced(bySeconds: 2))
        script.reload(id, rules)
        #expect(script.effects.starts(with: [.cancelTimer(.turn(id)), .replaceStatusChannel(id)]))
        #expect(script.policy.reloadSpread == nil)
    }

    @Test("other wake-ups count at once, whenever the turn is")
    mutating func wakeups() {
        let id = script.add(ServiceRules(processLimit: 3, wakeupSeconds: 60))
        _ = script.client(id)
        script.act { $0.updateService(id, ServiceRules(processLimit: 3), retiring: .after(milliseconds: 9), now: $1) }
        #expect(script.effects == [.cancelTimer(.wakeup(id)), .startTimer(.turn(id), milliseconds: 9)])
        script.fire(.wakeup(id))
        #expect(script.effects.isEmpty)
    }

    @Test("a removed service has no turn, and a policy that is read back counts the others")
    mutating func readBack() throws {
        let rules = ServiceRules(processLimit: 3)
        let ids = (0..<3).map { _ in script.add(rules) }
        for id in ids {
            _ = script.client(id)
            script.act { $0.updateService(id, rules, retiring: .after(milliseconds: 2_000), now: $1) }
        }
        script.remove(ids[2])
        #expect(script.effects.contains(.cancelTimer(.turn(ids[2]))))
        let copy = try Policy(decoding: script.policy.encoded)
        #expect(copy.reloadSpread == script.policy.reloadSpread && copy.reloadSpread?.services == 2)
    }

    @Test("an address that is taken away is looked at until nobody waits there")
    mutating func outgoing() {
        let id = script.add(ServiceRules(processLimit: 3))
        script.act { $0.endpointsOutgoing(id, now: $1) }
        #expect(script.effects == [.startTimer(.outgoingLook(id), milliseconds: 250)])
        script.fire(.outgoingLook(id))
        #expect(script.effects == [.lookAtOutgoing(id)])
        script.act { $0.outgoingSeen(id, .clients, now: $1) }
        #expect(script.effects == [.startTimer(.outgoingLook(id), milliseconds: 250)])
        script.fire(.outgoingLook(id))
        script.act { $0.outgoingSeen(id, .noClient, now: $1) }
        #expect(script.effects == [.closeOutgoing(id)] && script.notes.isEmpty)
        #expect(!script.view(id).hasOutgoing)
    }

    @Test("processes that have an address that is gone leave when nobody waits there any more, and not before")
    mutating func outgoingProcesses() {
        let id = script.add(ServiceRules(processLimit: 3))
        script.act { $0.endpointsOutgoing(id, now: $1) }
        let pid = script.client(id)
        script.fire(.outgoingLook(id))
        script.act { $0.outgoingSeen(id, .clients, now: $1) }
        #expect(script.policy.view(ofChild: pid)?.state == .starting)
        script.fire(.outgoingLook(id))
        script.act { $0.outgoingSeen(id, .noClient, now: $1) }
        #expect(script.effects.starts(with: [.closeOutgoing(id), .replaceStatusChannel(id)]))
        #expect(script.policy.view(ofChild: pid)?.state == .retiredIdle)
    }

    @Test("after five seconds it is given up, and those who still wait are noted")
    mutating func outgoingDeadline() {
        let id = script.add(ServiceRules(processLimit: 3))
        script.act { $0.endpointsOutgoing(id, now: $1) }
        script.pass(seconds: 4)
        script.fire(.outgoingLook(id))
        script.act { $0.endpointsOutgoing(id, now: $1) }
        script.act { $0.outgoingSeen(id, .clients, now: $1) }
        #expect(script.view(id).hasOutgoing)
        script.pass(seconds: 5)
        script.fire(.outgoingLook(id))
        script.act { $0.outgoingSeen(id, .notTold, now: $1) }
        #expect(script.effects == [.closeOutgoing(id)] && script.loudNotes == [.outgoingAbandoned(id)])
    }
}
