//===----------------------------------------------------------------------===//
// Quartermaster: tests of when services are woken, by value
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol
import Testing

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
