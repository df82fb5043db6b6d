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

@Suite struct WakeupTests {
    var script = Script()

    @Test("wake-ups begin at once and go on")
    mutating func goOn() {
        let id = script.add(ServiceRules(processLimit: 1, wakeupSeconds: 60))
        let round: [Effect] = [.sendWakeup(id), .startTimer(.wakeup(id), milliseconds: 60_000)]
        #expect(script.effects == [.openStatusChannel(id), .watchEndpoints(id)] + round)
        script.fire(.wakeup(id))
        #expect(script.effects == round)
    }

    @Test("a throttled service gets none, but the timer goes on")
    mutating func throttled() {
        let id = script.add(ServiceRules(processLimit: 1, wakeupSeconds: 60))
        script.exit(script.client(id), .exited(status: 1))
        script.fire(.wakeup(id))
        #expect(script.effects == [.startTimer(.wakeup(id), milliseconds: 60_000)])
        #expect(script.policy.counters.wakeupsSkipped == 1)
    }

    @Test("a conditional one waits for the first spawn, and a reload arms it again")
    mutating func conditional() {
        let rules = ServiceRules(processLimit: 0, wakeupSeconds: 60, isWakeupConditional: true)
        let id = script.add(rules)
        let round: [Effect] = [.sendWakeup(id), .startTimer(.wakeup(id), milliseconds: 60_000)]
        #expect(script.effects == [.openStatusChannel(id), .watchEndpoints(id)])

        let first = script.client(id)
        #expect(Array(script.effects.suffix(2)) == round, "at once, in addition to the client")
        #expect(script.notes.contains(.conditionalTimerStarted(id)))

        script.taken(id, first)
        _ = script.client(id)
        #expect(!script.effects.contains(.sendWakeup(id)), "only the first use starts it")

        script.reload(id, rules)
        #expect(script.effects.first == .cancelTimer(.wakeup(id)))
        #expect(!script.effects.contains(.sendWakeup(id)))
        script.fire(.wakeup(id))
        #expect(script.effects.isEmpty, "a timer that was cancelled a moment too late")

        _ = script.client(id)
        #expect(Array(script.effects.suffix(2)) == round)
    }

    @Test("a reload sends one at once and can end them")
    mutating func reload() {
        let id = script.add(ServiceRules(processLimit: 1, wakeupSeconds: 60))
        script.reload(id, ServiceRules(processLimit: 1, wakeupSeconds: 30))
        #expect(
            script.effects == [
                .cancelTimer(.wakeup(id)), .replaceStatusChannel(id),
                .sendWakeup(id), .startTimer(.wakeup(id), milliseconds: 30_000),
            ]
        )
        script.reload(id, ServiceRules(processLimit: 1))
        #expect(script.effects == [.cancelTimer(.wakeup(id)), .replaceStatusChannel(id)])
        script.fire(.wakeup(id))
        #expect(script.effects.isEmpty)
    }

    @Test("the onset of stress sends one too")
    mutating func stressOnset() {
        let id = script.add(ServiceRules(processLimit: 2, wakeupSeconds: 60))
        script.taken(id, script.client(id))
        script.readable(id)
        #expect(
            script.effects == [
                .cancelTimer(.wakeup(id)), .replaceStatusChannel(id),
                .sendWakeup(id), .startTimer(.wakeup(id), milliseconds: 60_000),
                .unwatchEndpoints(id), .spawn(id, Generation(rawValue: 2), underStress: true),
            ]
        )
    }
}
