//===----------------------------------------------------------------------===//
// Quartermaster: tests of reload, removal and wake-ups
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol
import Testing

@Suite struct ReloadTests {
    var script = Script()

    @Test("retired children do not count as idle, so master watches at once")
    mutating func notIdle() {
        let rules = ServiceRules(processLimit: 3)
        let id = script.add(rules)
        let pid = script.client(id)
        script.reload(id, rules)
        #expect(script.effects == [.replaceStatusChannel(id), .watchEndpoints(id)])
        #expect(script.state(id) == .init(0, 1, true))
        #expect(script.policy.view(ofChild: pid)?.state == .retiredIdle)
        script.exit(pid)
        #expect(script.effects.isEmpty)
        #expect(script.notes.filter { !$0.isVerbose }.isEmpty)
        #expect(script.state(id) == .init(0, 0, true))
    }

    @Test("a solitary service has no second process while the retired one lives")
    mutating func solitary() {
        let rules = ServiceRules(processLimit: 1)
        let id = script.add(rules)
        let pid = script.client(id)
        script.reload(id, rules)
        #expect(script.effects == [.replaceStatusChannel(id)])
        #expect(script.state(id) == .init(0, 1, false))
        script.exit(pid)
        #expect(script.effects == [.watchEndpoints(id)])
    }

    @Test("records from the old channel reach retired children")
    mutating func oldChannel() {
        let rules = ServiceRules(processLimit: 3)
        let id = script.add(rules)
        let pid = script.client(id)
        script.reload(id, rules)
        script.taken(id, pid)
        #expect(script.policy.view(ofChild: pid)?.state == .retiredBusy)
        script.available(id, pid)
        #expect(script.policy.view(ofChild: pid)?.useCount == 1)
        #expect(script.effects.isEmpty)
        #expect(script.state(id) == .init(0, 1, true))
        script.exit(pid, .exited(status: 1))
        #expect(!script.view(id).isThrottled, "it had completed a request")
    }

    @Test("a retired child that fails before its first request throttles the service")
    mutating func retiredFails() {
        let rules = ServiceRules(processLimit: 3)
        let id = script.add(rules)
        let pid = script.client(id)
        script.reload(id, rules)
        script.exit(pid, .exited(status: 1))
        #expect(script.loudNotes.contains(.badStartup(id)))
        #expect(script.view(id).isThrottled)
    }

    @Test("a reload ends the throttle after a failed start, whose cause it may have removed")
    mutating func throttleAfterFailedStart() {
        let id = script.add(ServiceRules(processLimit: 3, throttleSeconds: 60))
        script.exit(script.client(id), .exited(status: 1))
        script.reload(id, ServiceRules(processLimit: 3, throttleSeconds: 5))
        #expect(script.effects == [.cancelTimer(.throttle(id)), .replaceStatusChannel(id), .watchEndpoints(id)])
        #expect(!script.view(id).isThrottled)
        script.exit(script.client(id), .exited(status: 1))
        #expect(script.effects.contains(.startTimer(.throttle(id), milliseconds: 5_000)))
    }

    @Test("a reload does not end the throttle after a failed fork")
    mutating func throttleAfterFailedFork() {
        let id = script.add(ServiceRules(processLimit: 3, throttleSeconds: 60))
        script.readable(id)
        script.act { $0.spawnFailed(id, .fork, now: $1) }
        script.reload(id, ServiceRules(processLimit: 3, throttleSeconds: 5))
        #expect(script.effects == [.replaceStatusChannel(id)])
        #expect(script.view(id).isThrottled)
    }

    @Test("a lowered limit waits until enough are gone")
    mutating func loweredLimit() {
        let id = script.add(ServiceRules(processLimit: 0))
        let pids = (0..<3).map { _ in
            let pid = script.client(id)
            script.taken(id, pid)
            return pid
        }
        script.reload(id, ServiceRules(processLimit: 1))
        #expect(script.state(id) == .init(0, 3, false))
        script.exit(pids[0])
        script.exit(pids[1])
        #expect(script.state(id) == .init(0, 1, false))
        script.exit(pids[2])
        #expect(script.state(id) == .init(0, 0, true))
    }

    @Test("a reload is no reason for a note about the process limit")
    mutating func noLimitNote() {
        let rules = ServiceRules(processLimit: 2)
        let id = script.add(rules)
        let first = script.client(id)
        script.taken(id, first)
        _ = script.client(id)
        script.reload(id, rules)
        #expect(script.state(id) == .init(0, 2, false))
        #expect(script.loudNotes.isEmpty, "an idle child is about to make room")
    }

    @Test("a spawn decided before a reload is born retired")
    mutating func bornRetired() {
        let rules = ServiceRules(processLimit: 3)
        let id = script.add(rules)
        script.readable(id)
        script.reload(id, rules)
        #expect(script.effects == [.replaceStatusChannel(id)])
        script.act { $0.spawned(id, pid: 50, generation: Generation(rawValue: 1), now: $1) }
        #expect(script.policy.view(ofChild: 50)?.state == .retiredIdle)
        #expect(script.effects == [.watchEndpoints(id)])
    }

    @Test("of the state of a service, only stress survives a reload")
    mutating func stressSurvives() {
        let rules = ServiceRules(processLimit: 2)
        let id = script.add(rules)
        script.taken(id, script.client(id))
        _ = script.client(id)
        let until = script.view(id).stressUntil
        script.reload(id, rules)
        #expect(until != nil)
        #expect(script.view(id).stressUntil == until)
    }
}
