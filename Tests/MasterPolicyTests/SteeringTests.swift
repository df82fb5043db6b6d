//===----------------------------------------------------------------------===//
// Quartermaster: tests of what administrators ask for, by value
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterPolicy
import MasterProtocol
import Testing

@Suite("Steering") struct SteeringTests {
    static let rules = ServiceRules(processLimit: 10, wakeupSeconds: 60, isLocalOnly: true, concurrentStarts: 2)

    @Test("a drain: idle processes leave, a busy one finishes; clients wait, and are served when it is resumed")
    func drain() {
        var script = Script()
        let id = script.add(Self.rules)
        let busy = script.client(id)
        script.taken(id, busy)
        let idle = script.client(id)
        script.act { $0.drainAsked(id, within: nil, refusing: false, now: $1) }
        #expect(script.effects == [.cancelTimer(.wakeup(id)), .replaceStatusChannel(id)])
        #expect(script.view(id).steering == .leaving)
        script.readable(id)
        #expect(script.effects == [], "nobody is started")
        script.exit(idle)
        #expect(script.effects == [])
        script.exit(busy)
        #expect(script.effects == [.steeringEnded(id)])
        #expect(script.loudNotes == [.drained(id, cutOff: 0)])
        #expect(script.view(id).steering == .left)
        script.act { $0.resumeAsked(id, now: $1) }
        #expect(
            script.effects == [
                .sendWakeup(id), .startTimer(.wakeup(id), milliseconds: 60_000), .watchEndpoints(id),
                .steeringEnded(id),
            ]
        )
        #expect(script.loudNotes == [.resumed(id)])
        script.readable(id)
        #expect(script.wantedGeneration != nil)
    }

    @Test("the deadline: SIGTERM to who is busy, SIGKILL after five seconds; no throttle, and the log names them")
    func deadline() {
        var script = Script()
        let id = script.add(Self.rules)
        let first = script.client(id)
        script.taken(id, first)
        let stubborn = script.client(id)
        script.taken(id, stubborn)
        script.act { $0.drainAsked(id, within: 30, refusing: false, now: $1) }
        #expect(script.effects.contains(.startTimer(.steeringDeadline(id), milliseconds: 30_000)))
        script.pass(seconds: 30)
        script.fire(.steeringDeadline(id))
        let signals = Set([first, stubborn])
        #expect(Set(script.notes.compactMap { if case .cutOff(let pid, _) = $0 { pid } else { nil } }) == signals)
        for pid in signals { #expect(script.effects.contains(.signal(pid: pid, .terminate))) }
        #expect(script.effects.contains(.startTimer(.steeringDeadline(id), milliseconds: 5000)))
        script.exit(first, .signaled(15))
        #expect(script.loudNotes == [], "it was told to")
        #expect(!script.view(id).isThrottled)
        script.pass(seconds: 5)
        script.fire(.steeringDeadline(id))
        #expect(script.effects == [.signal(pid: stubborn, .kill)])
        #expect(script.loudNotes == [], "it was named before")
        script.exit(stubborn, .signaled(9))
        #expect(script.loudNotes == [.drained(id, cutOff: 2)])
        #expect(script.view(id).cutOff == 2)
    }

    @Test("with refuse: closed first, served until the queue is empty, then as ever; opened again at the end")
    func refuse() {
        var script = Script()
        let id = script.add(Self.rules)
        let pid = script.client(id)
        script.act { $0.drainAsked(id, within: nil, refusing: true, now: $1) }
        #expect(script.effects == [.refuseClients(id), .startTimer(.steeringLook(id), milliseconds: 250)])
        script.taken(id, pid)
        script.readable(id)
        #expect(script.spawnWanted(id) != nil, "who waits is served")
        script.fire(.steeringLook(id))
        #expect(script.effects == [.lookWhetherEmpty(id)])
        script.act { $0.emptinessSeen(id, .clients, now: $1) }
        #expect(script.effects == [.startTimer(.steeringLook(id), milliseconds: 250)])
        script.fire(.steeringLook(id))
        script.act { $0.emptinessSeen(id, .noClient, now: $1) }
        #expect(script.effects.contains(.replaceStatusChannel(id)))
        script.act { $0.resumeAsked(id, now: $1) }
        #expect(script.effects.first == .admitClients(id))
        script.act { $0.admissionFailed(id, now: $1) }
        #expect(script.effects == [.startTimer(.retry(id), milliseconds: PolicyLimit.retryMilliseconds)])
        script.fire(.retry(id))
        #expect(script.effects == [.admitClients(id)])
    }

    @Test("endpoints that cannot be opened again are tried less and less often, and a shortage beside it as before")
    func backOff() {
        var script = Script()
        let id = script.add(Self.rules)
        script.act { $0.disableAsked(id, now: $1) }
        script.act { $0.drainAsked(id, within: nil, refusing: false, now: $1) }
        script.act { $0.emptinessSeen(id, .noClient, now: $1) }
        script.act { $0.enableAsked(id, now: $1) }
        #expect(script.effects.contains(.admitClients(id)))
        #expect(script.view(id).isHeld, "it is still drained")
        for pause in [100, 200, 400, 800, 1600, 3200, 6400, 6400, 6400] as [Int64] {
            script.act { $0.admissionFailed(id, now: $1) }
            #expect(script.effects == [.startTimer(.retry(id), milliseconds: pause)])
            script.now = script.now.advanced(byMilliseconds: pause)
            script.fire(.retry(id))
            #expect(script.effects == [.admitClients(id)])
        }
        script.act { $0.admissionFailed(id, now: $1) }
        script.act { $0.resumeAsked(id, now: $1) }
        #expect(script.effects.contains(.watchEndpoints(id)))
        script.act { $0.watchFailed(id, now: $1) }
        #expect(script.effects == [.startTimer(.retry(id), milliseconds: 100)])
        script.fire(.retry(id))
        #expect(script.effects.contains(.watchEndpoints(id)) && script.effects.contains(.admitClients(id)))
        // Asked for anew, it begins anew.
        script.act { $0.disableAsked(id, now: $1) }
        script.act { $0.emptinessSeen(id, .noClient, now: $1) }
        script.act { $0.enableAsked(id, now: $1) }
        script.act { $0.admissionFailed(id, now: $1) }
        #expect(script.effects == [.startTimer(.retry(id), milliseconds: 100)])
    }

    @Test("a kernel that cannot turn clients away: they wait")
    func refusalFails() {
        var script = Script()
        let id = script.add(Self.rules)
        script.act { $0.drainAsked(id, within: nil, refusing: true, now: $1) }
        script.act { $0.refusalFailed(id, now: $1) }
        #expect(script.view(id).steering == .left)
        #expect(!script.view(id).isRefusing)
        script.act { $0.resumeAsked(id, now: $1) }
        #expect(!script.effects.contains(.admitClients(id)))
    }

    @Test("an admission that is still owed when clients are turned away again: it is given up, and told as it is")
    func refusedAgain() {
        var script = Script()
        let id = script.add(Self.rules)
        script.act { $0.disableAsked(id, now: $1) }
        script.act { $0.enableAsked(id, now: $1) }
        script.act { $0.admissionFailed(id, now: $1) }
        script.policy.tellsChanges = true
        while script.policy.nextChangedService() != nil {}
        script.act { $0.disableAsked(id, now: $1) }
        #expect(script.effects.first == .refuseClients(id), "some of its endpoints may be open already")
        #expect(script.view(id).isRefusing)
        #expect(script.policy.nextChangedService()?.what.contains(.figures) == true)
        script.fire(.retry(id))
        #expect(!script.effects.contains(.admitClients(id)))
        while script.policy.nextChangedService() != nil {}
        script.act { $0.refusalFailed(id, now: $1) }
        #expect(script.policy.nextChangedService()?.what.contains(.figures) == true)
    }

    @Test("other endpoints in the place of those that cannot be opened: the processes that have the old ones leave")
    func replacedEndpoints() {
        var script = Script()
        let id = script.add(Self.rules)
        let pid = script.client(id)
        script.act { $0.processesAreOutdated(id, now: $1) }
        #expect(script.effects.contains(.replaceStatusChannel(id)))
        #expect(script.effects.contains(.watchEndpoints(id)))
        #expect(script.view(id).retiredIdle == 1 && script.view(id).idle == 0)
        script.exit(pid)
        #expect(script.view(id).isWatching)
    }

    @Test("services that others need go on until those others have left and nobody among them is busy")
    func order() {
        var script = Script()
        let (outer, inner, other) = (script.add(Self.rules), script.add(Self.rules), script.add(Self.rules))
        let client = script.client(outer)
        script.taken(outer, client)
        let helper = script.client(inner)
        script.act { $0.drainAsked(outer, within: nil, refusing: false, now: $1) }
        for id in [inner, other] { script.act { $0.drainAsked(id, within: nil, refusing: false, last: true, now: $1) } }
        script.fire(.steeringLook(inner))
        #expect(script.effects == [.startTimer(.steeringLook(inner), milliseconds: 250)], "the outer one is at work")
        script.taken(inner, helper)
        script.exit(client)
        #expect(script.view(outer).steering == .left)
        script.fire(.steeringLook(inner))
        #expect(script.view(inner).steering == .queued, "its own process is at work")
        script.readable(other)
        #expect(script.wantedGeneration != nil, "and may need the other")
        let third = script.spawnWanted(other) ?? 0
        script.available(inner, helper)
        script.fire(.steeringLook(other))
        #expect(script.view(inner).steering == .leaving)
        #expect(script.view(other).steering == .leaving)
        script.exit(helper)
        script.exit(third)
        #expect(script.view(other).steering == .left)
    }

    @Test("disabled: turned away until it is enabled; drained too, it takes both to serve again")
    func disable() {
        var script = Script()
        let id = script.add(Self.rules)
        script.act { $0.disableAsked(id, now: $1) }
        #expect(script.effects.first == .refuseClients(id))
        script.fire(.steeringLook(id))
        script.act { $0.emptinessSeen(id, .noClient, now: $1) }
        script.act { $0.drainAsked(id, within: nil, refusing: false, now: $1) }
        script.act { $0.resumeAsked(id, now: $1) }
        #expect(script.view(id).isHeld && script.view(id).isRefusing)
        script.act { $0.drainAsked(id, within: nil, refusing: false, now: $1) }
        script.act { $0.enableAsked(id, now: $1) }
        #expect(script.effects == [.admitClients(id)], "its clients wait now")
        #expect(script.view(id).isHeld)
        script.act { $0.resumeAsked(id, now: $1) }
        #expect(script.view(id).isWatching)
        script.act { $0.enableAsked(id, now: $1) }
        #expect(script.effects == [], "nothing was asked for")
    }

    @Test("the deadline of a drain goes with it, also where the service stays disabled")
    func withdrawnDeadline() {
        var script = Script()
        let id = script.add(Self.rules)
        let pid = script.client(id)
        script.taken(id, pid)
        script.act { $0.disableAsked(id, now: $1) }
        script.fire(.steeringLook(id))
        script.act { $0.emptinessSeen(id, .noClient, now: $1) }
        script.act { $0.drainAsked(id, within: 60, refusing: false, now: $1) }
        #expect(script.effects == [.startTimer(.steeringDeadline(id), milliseconds: 60_000)])
        script.act { $0.resumeAsked(id, now: $1) }
        #expect(script.effects == [.cancelTimer(.steeringDeadline(id))])
        script.pass(seconds: 60)
        script.fire(.steeringDeadline(id))
        #expect(script.effects == [] && script.loudNotes == [], "who is served is served to the end")
        #expect(script.view(id).isHeld)
        // The other way round it is the drain that stays.
        script.act { $0.drainAsked(id, within: 60, refusing: false, now: $1) }
        script.act { $0.enableAsked(id, now: $1) }
        #expect(script.effects == [.admitClients(id)])
        script.pass(seconds: 60)
        script.fire(.steeringDeadline(id))
        #expect(script.effects.contains(.signal(pid: pid, .terminate)))
    }

    @Test("a service that is removed while it is drained: whoever waits is told")
    func removal() {
        var script = Script()
        let id = script.add(Self.rules)
        let pid = script.client(id)
        script.taken(id, pid)
        script.act { $0.drainAsked(id, within: 9, refusing: true, now: $1) }
        script.remove(id)
        #expect(script.effects.contains(.steeringEnded(id)))
        #expect(script.effects.contains(.cancelTimer(.steeringDeadline(id))))
        script.fire(.steeringDeadline(id))
        script.fire(.steeringLook(id))
        #expect(script.effects == [])
    }
}
