//===----------------------------------------------------------------------===//
// Quartermaster: tests of what children say and how they end
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import Testing

@testable import MasterPolicy

@Suite struct ReportTests {
    var script = Script()
    let id: ServiceID
    let pid: Int32

    init() {
        id = script.add(ServiceRules(processLimit: 0))
        pid = script.client(id)
    }

    @Test("only the net effect of a batch reaches the watch")
    mutating func netEffect() {
        let (id, pid) = (id, pid)
        let taken = StatusReport(pid: pid, generation: Generation(rawValue: 1), availability: .taken)
        let available = StatusReport(pid: pid, generation: Generation(rawValue: 1), availability: .available)
        script.act { policy, now in
            policy.beginReports(from: id)
            policy.reportArrived(from: id, taken, now: now)
            policy.reportArrived(from: id, available, now: now)
            policy.endReports(now: now)
        }
        #expect(script.effects.isEmpty)
        #expect(script.state(id) == .init(1, 1, false))
        #expect(script.policy.view(ofChild: pid)?.useCount == 1)

        script.act { policy, now in
            policy.beginReports(from: id)
            policy.reportArrived(from: id, taken, now: now)
            policy.reportArrived(from: id, available, now: now)
            policy.reportArrived(from: id, taken, now: now)
            policy.endReports(now: now)
        }
        #expect(script.effects == [.watchEndpoints(id)])
        #expect(script.policy.view(ofChild: pid)?.useCount == 2)
    }

    @Test("a repeated report changes nothing")
    mutating func repeated() {
        script.available(id, pid)
        #expect(script.effects.isEmpty)
        #expect(script.policy.view(ofChild: pid)?.useCount == 0, "idle from its fork, so this was no transition")
        script.taken(id, pid)
        script.taken(id, pid)
        #expect(script.effects.isEmpty)
        #expect(script.state(id) == .init(0, 1, true))
        #expect(script.policy.counters.repeatedReports == 2)
    }

    @Test("a report of another life of the pid is stale")
    mutating func stale() {
        let (id, pid) = (id, pid)
        script.act { $0.reportArrived(from: id, StatusReport(pid: pid, generation: 7, availability: 0), now: $1) }
        #expect(script.notes == [.staleReport(pid: pid, id, generation: 7)])
        #expect(script.state(id) == .init(1, 1, false))
    }

    @Test("a report of a process that was reaped meanwhile is normal")
    mutating func reaped() {
        let id = id
        script.exit(pid)
        script.available(id, pid)
        #expect(script.notes == [.unknownReporter(pid: pid, id)])
        #expect(script.loudNotes.isEmpty)
        #expect(script.state(id) == .init(0, 0, true))
    }

    @Test("an unknown status is noted and ignored", arguments: [2, -1, Int32.max])
    func unknownStatus(_ value: Int32) {
        var script = script
        let (id, pid) = (id, pid)
        script.act { $0.reportArrived(from: id, StatusReport(pid: pid, generation: 1, availability: value), now: $1) }
        #expect(script.loudNotes == [.unknownStatus(value: value, pid: pid, id)])
        #expect(script.state(id) == .init(1, 1, false))
    }

    @Test("a report that names no possible process is ignored", arguments: [0, -1, Int32.min])
    func impossiblePid(_ nonsense: Int32) {
        var script = script
        let id = id
        script.act { $0.reportArrived(from: id, StatusReport(pid: nonsense, generation: 0, availability: 0), now: $1) }
        #expect(script.notes == [.unknownReporter(pid: nonsense, id)])
    }

    @Test("a report about another service's process is noted and ignored")
    mutating func foreign() {
        let other = script.add(ServiceRules(processLimit: 0))
        script.taken(other, pid)
        #expect(script.loudNotes == [.foreignReport(pid: pid, sender: other, owner: id)])
        #expect(script.state(id) == .init(1, 1, false))
        #expect(script.state(other) == .init(0, 0, true))
    }

    @Test("only genuine reports are plausible")
    func plausible() {
        let other = ServiceID(index: 9, generation: 1)
        #expect(script.policy.children.isPlausible(StatusReport(pid: pid, generation: 1, availability: 0), from: id))
        #expect(script.policy.children.isPlausible(StatusReport(pid: pid, generation: 1, availability: 1), from: id))
        #expect(!script.policy.children.isPlausible(StatusReport(pid: pid, generation: 1, availability: 2), from: id))
        #expect(!script.policy.children.isPlausible(StatusReport(pid: pid, generation: 2, availability: 0), from: id))
        #expect(
            !script.policy.children.isPlausible(StatusReport(pid: pid + 1, generation: 1, availability: 0), from: id)
        )
        #expect(
            !script.policy.children.isPlausible(StatusReport(pid: pid, generation: 1, availability: 0), from: other)
        )
    }

    @Test("a pid that comes back has a new record")
    mutating func pidComesBack() {
        let (id, pid) = (id, pid)
        script.taken(id, pid)
        script.readable(id)
        script.act { $0.spawned(id, pid: pid, generation: Generation(rawValue: 2), now: $1) }
        #expect(script.state(id) == .init(1, 1, false))
        #expect(script.policy.view(ofChild: pid)?.generation == Generation(rawValue: 2))
    }
}

@Suite struct ExitTests {
    var script = Script()
    let id: ServiceID
    let pid: Int32

    init() {
        id = script.add(ServiceRules(processLimit: 0, throttleSeconds: 60))
        pid = script.client(id)
    }

    @Test("a normal exit is silent, and master watches again")
    mutating func normalExit() {
        script.exit(pid)
        #expect(script.loudNotes.isEmpty)
        #expect(script.effects == [.watchEndpoints(id)])
        #expect(script.policy.childCount == 0)
    }

    @Test(
        "an abnormal end before the first request is done throttles the service",
        arguments: [ExitKind.exited(status: 1), .signaled(11)]
    )
    func abnormalEndAtOnce(_ kind: ExitKind) {
        var script = script
        script.taken(id, pid)
        script.exit(pid, kind)
        #expect(script.loudNotes.count == 2)
        #expect(script.loudNotes.last == .badStartup(id))
        #expect(script.effects == [.startTimer(.throttle(id), milliseconds: 60_000), .unwatchEndpoints(id)])
        #expect(script.view(id).isThrottled)

        script.readable(id)
        #expect(script.effects.isEmpty)

        script.fire(.throttle(id))
        #expect(script.notes == [.throttleReleased(id)])
        #expect(script.effects == [.watchEndpoints(id)])
    }

    @Test("an abnormal end after a request is only noted")
    mutating func abnormalEndLater() {
        script.taken(id, pid)
        script.available(id, pid)
        script.exit(pid, .exited(status: 75))
        #expect(script.loudNotes == [.exitStatus(pid: pid, id, status: 75)])
        #expect(script.state(id) == .init(0, 0, true))
    }

    @Test("a throttled service is not throttled twice")
    mutating func throttledOnce() {
        script.taken(id, pid)
        let second = script.client(id)
        script.exit(pid, .exited(status: 1))
        script.exit(second, .exited(status: 1))
        #expect(script.loudNotes == [.exitStatus(pid: second, id, status: 1)])
        #expect(script.effects.isEmpty)
        #expect(script.policy.counters.throttles == 1)
    }

    @Test("a stopped child keeps its record")
    mutating func stopped() {
        script.exit(pid, .stopped(19))
        #expect(script.loudNotes == [.stoppedBy(pid: pid, id, signal: 19)])
        #expect(script.state(id) == .init(1, 1, false))
    }

    @Test("the end of an unknown process is noted and harmless")
    mutating func unknownProcess() {
        script.exit(4711, .signaled(9))
        #expect(script.loudNotes == [.unknownChild(pid: 4711)])
        #expect(script.state(id) == .init(1, 1, false))
    }

    @Test("a failed fork throttles the service")
    mutating func failedFork() {
        let id = id
        script.exit(pid)
        script.readable(id)
        script.act { $0.spawnFailed(id, .fork, now: $1) }
        #expect(script.effects == [.startTimer(.throttle(id), milliseconds: 60_000)])
        #expect(script.state(id) == .init(0, 0, false))
        script.act { $0.spawnFailed(id, .fork, now: $1) }
        #expect(script.effects.isEmpty, "there was no other spawn to fail")
        script.fire(.throttle(id))
        #expect(script.state(id) == .init(0, 0, true))
    }

    @Test("a child that lives is not disturbed by a throttle")
    mutating func undisturbed() {
        script.taken(id, pid)
        let second = script.client(id)
        script.taken(id, second)
        script.exit(second, .exited(status: 1))
        script.available(id, pid)
        #expect(script.state(id) == .init(1, 1, false))
        script.fire(.throttle(id))
        #expect(script.state(id) == .init(1, 1, false), "an idle child covers the endpoint")
    }
}
