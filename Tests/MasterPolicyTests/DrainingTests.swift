//===----------------------------------------------------------------------===//
// Quartermaster: tests of processes that finish the clients of children that have left
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import Testing

@Suite("Processes that finish the clients of others") struct DrainingTests {
    private static let rules = ServiceRules(processLimit: 1, isLocalOnly: true)

    /// A service whose only child has just left its client to process 5000.
    private func scene() -> (script: Script, id: ServiceID) {
        var script = Script()
        let id = script.add(Self.rules)
        let child = script.client(id)
        script.taken(id, child)
        script.act { policy, now in
            let isKnown = policy.clientsLeft(by: child, to: 5000, now: now)
            #expect(isKnown)
            policy.childExited(pid: child, .exited(status: 0), now: now)
        }
        return (script, id)
    }

    @Test("it counts neither against the limit nor among those who accept, and another child takes the place at once")
    func place() {
        var (script, id) = scene()
        #expect(script.state(id) == Script.State(0, 0, true))
        #expect(script.view(id).draining == 1)
        #expect(script.policy.view(ofChild: 5000)?.state == .draining)
        script.readable(id)
        #expect(script.wantedGeneration != nil)
        // However it ends, it is no failure of the service.
        script.exit(5000, .signaled(11))
        #expect(script.loudNotes == [] && !script.view(id).isThrottled && script.view(id).draining == 0)
        #expect(script.policy.counters.killedExits == 0 && script.policy.counters.unknownChildren == 0)
    }

    @Test("a drain waits for it, names it at its deadline, and ends when it has ended")
    func drain() {
        var (script, id) = scene()
        script.act { $0.drainAsked(id, within: 30, refusing: false, now: $1) }
        #expect(script.view(id).steering == .leaving)
        script.pass(seconds: 30)
        script.fire(.steeringDeadline(id))
        #expect(script.effects.contains(.signal(pid: 5000, .terminate)))
        #expect(script.loudNotes == [.cutOff(pid: 5000, id)])
        script.pass(seconds: 5)
        script.fire(.steeringDeadline(id))
        #expect(script.effects == [.signal(pid: 5000, .kill)])
        script.act { policy, _ in policy.drainingProcessEnded(5000) }
        #expect(script.effects == [.steeringEnded(id)])
        #expect(script.loudNotes == [.drained(id, cutOff: 1)])
        #expect(script.view(id).steering == .left)
    }

    @Test("of a removed service it is left in peace, and the service is gone when it is")
    func removal() {
        var (script, id) = scene()
        script.remove(id)
        #expect(!script.effects.contains(.signal(pid: 5000, .terminate)))
        #expect(!script.effects.contains(.serviceRemoved(id)))
        script.act { policy, _ in policy.drainingProcessEnded(5000) }
        #expect(script.effects.contains(.serviceRemoved(id)))
        // What was told too late, or is told again, changes nothing.
        script.act { policy, _ in policy.drainingProcessEnded(5000) }
        #expect(script.effects == [] && script.notes == [])
    }

    @Test("a child that gets its pid, because its end was not told yet, is a child like any other")
    func pidComesBack() {
        var (script, id) = scene()
        script.readable(id)
        guard let generation = script.wantedGeneration else { return #expect(Bool(false), "no spawn") }
        script.act { $0.spawned(id, pid: 5000, generation: generation, now: $1) }
        #expect(script.view(id).draining == 0 && script.view(id).total == 1)
        script.act { policy, _ in policy.drainingProcessEnded(5000) }
        #expect(script.view(id).total == 1)
        script.exit(5000)
        #expect(script.view(id).total == 0)
    }

    @Test("it goes on behind an upgrade: it is in the state that is written out and read back")
    func state() throws {
        let (script, id) = scene()
        let copy = try Policy(decoding: script.policy.encoded)
        #expect(copy.view(of: id)?.draining == 1 && copy.view(ofChild: 5000)?.state == .draining)
    }
}
