//===----------------------------------------------------------------------===//
// Quartermaster: tests of what is counted for whoever looks at master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol
import Testing

@Suite("Figures of a service") struct FiguresTests {
    private var script = Script()

    private func figures(_ id: ServiceID) -> ServiceFigures {
        script.policy.figures(at: Int(id.index), until: script.now)
    }

    @Test("busy time is the sum over the processes, up to the moment of asking")
    mutating func busyTime() {
        script.pass(seconds: 5)
        let id = script.add(ServiceRules(processLimit: 4))
        let first = script.client(id)
        script.pass(seconds: 1)
        script.taken(id, first)
        script.pass(seconds: 2)
        let second = script.client(id)
        script.taken(id, second)
        script.pass(seconds: 3)
        #expect(figures(id).busyMilliseconds == 8_000)
        script.available(id, first)
        script.pass(seconds: 10)
        #expect(figures(id).busyMilliseconds == 18_000)
        script.exit(second)
        script.pass(seconds: 10)
        #expect(figures(id).busyMilliseconds == 18_000)
        #expect(figures(id).since == PolicyTime(milliseconds: 5_000))
        #expect(figures(id).until == script.now)
    }

    @Test("a process that is retired while it serves is busy until it has finished")
    mutating func retiredAndBusy() {
        let rules = ServiceRules(processLimit: 4)
        let id = script.add(rules)
        let first = script.client(id)
        script.taken(id, first)
        script.pass(seconds: 1)
        script.reload(id, rules)
        script.pass(seconds: 1)
        #expect(script.view(id).busy == 1)
        script.available(id, first)
        #expect(script.view(id).retiredIdle == 1)
        script.pass(seconds: 1)
        #expect(figures(id).busyMilliseconds == 2_000)
    }

    @Test("a clock that stands still or goes back takes nothing away")
    mutating func clock() {
        let id = script.add(ServiceRules(processLimit: 4))
        script.taken(id, script.client(id))
        script.pass(seconds: 2)
        #expect(figures(id).busyMilliseconds == 2_000)
        let earlier = script.policy.figures(at: 0, until: PolicyTime(milliseconds: -1))
        #expect(earlier.busyMilliseconds == 0)
    }

    @Test("a full service is looked at once a second, and the time in which clients wait is counted")
    mutating func crowd() {
        let id = script.add(ServiceRules(processLimit: 1))
        let pid = script.client(id)
        script.taken(id, pid)
        #expect(script.isLookPlanned)
        script.pass(seconds: 1)
        count(id, waiting: 0)
        #expect(figures(id).clientsWaiting == 0)
        script.pass(seconds: 1)
        count(id, waiting: 7)
        #expect(figures(id).clientsWaiting == 7)
        #expect(figures(id).lookedAt == PolicyTime(milliseconds: 2_000))
        script.pass(seconds: 3)
        #expect(figures(id).saturatedMilliseconds == 5_000)
        #expect(figures(id).crowdedMilliseconds == 3_000)
        script.available(id, pid)
        script.pass(seconds: 3)
        #expect(figures(id).saturatedMilliseconds == 5_000)
        script.taken(id, pid)
        script.pass(seconds: 1)
        #expect(figures(id).saturatedMilliseconds == 6_000)
        #expect(figures(id).crowdedMilliseconds == 3_000, "what was seen before the pause says nothing")
    }

    private mutating func count(_ id: ServiceID, waiting: Int32) {
        script.fire(.look(id))
        #expect(script.effects == [.countClients(id)])
        script.act { $0.clientsCounted(id, QueueCount(waiting: waiting), now: $1) }
        #expect(script.isLookPlanned && script.effects.isEmpty)
    }

    @Test("a full service that gets an idle process is not left with the slow looks of a full one")
    mutating func soonerAgain() {
        let id = script.add(ServiceRules(processLimit: 2))
        let first = script.client(id)
        script.taken(id, first)
        let second = script.client(id)
        script.taken(id, second)
        #expect(script.view(id).coverage == .saturated)
        script.fire(.look(id))
        script.act { $0.clientsCounted(id, QueueCount(waiting: 1), now: $1) }
        #expect(script.view(id).looks.due == script.now.advanced(byMilliseconds: 1_000))
        script.available(id, second)
        #expect(script.view(id).looks.due == script.now.advanced(byMilliseconds: 250))
    }

    @Test("the time from fork to the first TAKEN is counted by its order of magnitude, once for a process")
    mutating func readyTimes() {
        let id = script.add(ServiceRules(processLimit: 0))
        for milliseconds in [0, 1, 2, 3, 4, 1_000, 100_000] {
            let pid = script.client(id)
            script.now = script.now.advanced(byMilliseconds: Int64(milliseconds))
            for _ in 0..<2 {
                script.taken(id, pid)
                script.available(id, pid)
            }
            script.taken(id, pid)
        }
        let times = figures(id).readyTimes
        let counts = (0..<TimeHistogram.bucketCount).map { times[$0] }
        #expect(counts == [1, 1, 2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
        #expect(TimeHistogram.upperBound(0) == 1)
        #expect(TimeHistogram.upperBound(10) == 1024)
        #expect(TimeHistogram.upperBound(15) == nil)
        #expect(times != TimeHistogram() && times == figures(id).readyTimes)
        #expect(times.hashValue == figures(id).readyTimes.hashValue)
    }

    @Test("starts and ends are counted by kind")
    mutating func ends() {
        let id = script.add(ServiceRules(processLimit: 0, throttleSeconds: 1))
        let pids = (0..<4).map { _ in
            let pid = script.client(id)
            script.taken(id, pid)
            script.available(id, pid)
            script.taken(id, pid)
            return pid
        }
        script.exit(pids[0])
        script.exit(pids[1], .exited(status: 3))
        script.exit(pids[2], .signaled(11))
        script.exit(pids[3], .stopped(19))
        let fifth = script.client(id)
        script.exit(fifth, .exited(status: 1))
        let now = figures(id)
        #expect(now.starts == 5)
        #expect(now.cleanExits == 1)
        #expect(now.failedExits == 2)
        #expect(now.killedExits == 1)
        #expect(now.neverReady == 1)
        #expect(now.throttles == 1)
    }

    @Test("stress and wake-ups are counted")
    mutating func stressAndWakeups() {
        let id = script.add(ServiceRules(processLimit: 2, wakeupSeconds: 60))
        script.taken(id, script.client(id))
        script.taken(id, script.client(id))
        script.fire(.wakeup(id))
        #expect(figures(id).stressOnsets == 1)
        // The onset gives the service a new channel, and with it a wake-up.
        #expect(figures(id).wakeups == 3)
    }

    @Test("the last trouble says what, who and when")
    mutating func trouble() {
        let id = script.add(ServiceRules(processLimit: 3))
        #expect(figures(id).lastTrouble == nil)
        let first = script.client(id)
        script.taken(id, first)
        script.available(id, first)
        script.pass(seconds: 1)
        script.exit(first, .exited(status: 75))
        expect(id, .exitStatus, first, 75)
        let second = script.client(id)
        script.exit(second, .signaled(11))
        expect(id, .signal, second, 11)
        script.fire(.throttle(id))
        let third = script.client(id)
        script.report(id, third, raw: 5)
        expect(id, .unknownStatus, third, 5)
        script.taken(id, third)
        script.act { $0.watchFailed(id, now: $1) }
        expect(id, .noWatch, 0, 0)
        script.readable(id)
        script.act { $0.spawnFailed(id, .fork, now: $1) }
        expect(id, .forkFailed, 0, 0)
        script.act { $0.channelFailed(id, now: $1) }
        expect(id, .noChannel, 0, 0)
        let other = script.add(ServiceRules(processLimit: 1))
        script.report(other, third, .available)
        expect(other, .foreignReport, third, 0)
        script.pass(seconds: 9)
        script.remove(id)
        script.fire(.removalDeadline(id))
        expect(id, .removalForced, 0, 1)
    }

    @Test("the process limit and a queue that stands are troubles")
    mutating func limitAndQueue() {
        let id = script.add(ServiceRules(processLimit: 2))
        let first = script.client(id)
        script.taken(id, first)
        let second = script.client(id)
        script.taken(id, second)
        expect(id, .processLimit, 0, 2)
        script.exit(first)
        script.available(id, second)
        for _ in 0..<3 {
            script.act { $0.timerFired(.look(id), now: $1) }
            script.act { $0.queueLooked(id, .clients, now: $1) }
        }
        expect(id, .queueStands, 0, 1)
        #expect(figures(id).clientsWaiting == 1)
        script.act { $0.queueLooked(id, .noClient, now: $1) }
        #expect(figures(id).clientsWaiting == 0)
    }

    private func expect(_ id: ServiceID, _ kind: ServiceTrouble.Kind, _ pid: Int32, _ number: Int32) {
        let trouble = figures(id).lastTrouble
        #expect(trouble?.kind == kind)
        #expect(trouble?.pid == pid)
        #expect(trouble?.number == number)
        #expect(trouble?.time == script.now)
    }

    @Test("a process says how long it has been so, since when it lives and how often it was used")
    mutating func process() throws {
        let id = script.add(ServiceRules(processLimit: 3))
        script.pass(seconds: 1)
        let pid = script.client(id)
        script.pass(seconds: 1)
        script.taken(id, pid)
        script.pass(seconds: 1)
        script.taken(id, pid)
        var child = try #require(script.policy.view(ofChild: pid))
        #expect(child.started == PolicyTime(milliseconds: 1_000))
        #expect(child.since == PolicyTime(milliseconds: 2_000), "a second TAKEN changes nothing")
        #expect(child.uses == 1)
        script.available(id, pid)
        script.taken(id, pid)
        script.pass(seconds: 1)
        script.reload(id, ServiceRules(processLimit: 3))
        child = try #require(script.policy.view(ofChild: pid))
        #expect(child.since == PolicyTime(milliseconds: 4_000))
        #expect(child.uses == 2)
    }

    @Test("services are found by their index, and vacant ones are told apart")
    mutating func byIndex() {
        let one = script.add(ServiceRules(processLimit: 1))
        let two = script.add(ServiceRules(processLimit: 1))
        script.remove(one)
        #expect(script.policy.serviceIndices == 0..<2)
        #expect(script.policy.view(at: 0) == nil)
        #expect(script.policy.view(at: 1)?.id == two)
        script.pass(seconds: 1)
        let three = script.add(ServiceRules(processLimit: 1))
        #expect(three.index == 0)
        #expect(figures(three).since == script.now, "a new service in an old place begins from nothing")
    }
}
