//===----------------------------------------------------------------------===//
// Quartermaster: tests of what the policy tells of changes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterProtocol
import Testing

@testable import MasterPolicy

/// What somebody knows who is told of changes only.
private struct Listener {
    struct Service: Equatable {
        let line: ServiceLine
        let figures: ServiceFigures
        let throttledUntil: PolicyTime?
        let stressUntil: PolicyTime?
        let nextWakeup: PolicyTime?
        let processLimit: Int32

        init?(_ policy: inout Policy, at index: Int) {
            guard let view = policy.view(at: index) else { return nil }
            line = policy.line(at: index)
            figures = policy.plainFigures(at: index)
            (throttledUntil, stressUntil) = (view.throttledUntil, view.stressUntil)
            (nextWakeup, processLimit) = (view.nextWakeup, view.processLimit)
        }
    }

    private var services: [Int: Service] = [:]
    private var rows: [Int: ChildLine] = [:]

    mutating func listen(to policy: inout Policy) {
        while let (index, what) = policy.nextChangedService() {
            let now = Service(&policy, at: index)
            guard let now, let known = services[index], what != [.load, .figures, .identity] else {
                services[index] = now
                continue
            }
            // It must be enough to take over what was said to have changed.
            if what.contains(.figures) { services[index] = now } else { services[index] = known.withLoad(of: now) }
        }
        while let row = policy.nextVacatedRow() { rows[row] = nil }
        while let child = policy.nextNewChild() { rows[child.row] = child }
        policy.takeChangedChildren { rows[Int($0.row)]?.take($0) }
    }

    /// What is not as it was told.
    func error(_ policy: inout Policy) -> String? {
        for index in policy.serviceIndices where services[index] != Service(&policy, at: index) {
            return "service: knows \(services[index] as Any), is \(Service(&policy, at: index) as Any)"
        }
        var all: [Int: ChildLine] = [:]
        for child in policy.children.all { all[Int(child.row)] = ChildLine(child) }
        if all != rows { return "children: knows \(rows), are \(all)" }
        let rowCount = policy.childRows
        return all.count == policy.childCount && all.keys.allSatisfy { $0 < rowCount } ? nil : "rows"
    }
}

extension Listener.Service {
    /// The figures that belong to the load come with it.
    fileprivate func withLoad(of now: Self) -> Self {
        Self(self, load: now)
    }

    private init(_ old: Self, load now: Self) {
        line = now.line
        var figures = old.figures
        figures.clientsWaiting = now.figures.clientsWaiting
        figures.lookedAt = now.figures.lookedAt
        figures.uses = now.figures.uses
        figures.until = now.figures.until
        figures.busyMilliseconds = now.figures.busyMilliseconds
        figures.saturatedMilliseconds = now.figures.saturatedMilliseconds
        figures.crowdedMilliseconds = now.figures.crowdedMilliseconds
        figures.isCrowded = now.figures.isCrowded
        self.figures = figures
        (throttledUntil, stressUntil) = (old.throttledUntil, old.stressUntil)
        (nextWakeup, processLimit) = (old.nextWakeup, old.processLimit)
    }
}

extension ChildLine {
    fileprivate mutating func take(_ news: ChildNews) { (state, since, uses) = (news.state, news.since, news.uses) }
}

@Suite("What the policy tells of changes") struct ChangeTests {
    @Test("who takes over what was told knows everything, in every order of events", arguments: [Int32(0), 1, 2, 3])
    func completeness(limit: Int32) {
        var random = SplitMix(seed: UInt64(limit) + 77)
        for round in 0..<60 {
            var world = World(limit: limit, scope: .wakeups, troubles: [.shortage, .stuck])
            var listener = Listener()
            world.policy.tellsChanges = true
            for _ in 0..<80 {
                var possible: [Happening] = []
                world.possibilities { possible.append($0) }
                guard let happening = possible.randomElement(using: &random) else { break }
                world.happen(happening)
                // Not always at once: several events may come between two tellings.
                if random.next() % 4 == 0 { continue }
                listener.listen(to: &world.policy)
                if let error = listener.error(&world.policy) {
                    Issue.record("round \(round): \(error): after \(world.trace)")
                    return
                }
            }
            // Somebody else begins to listen, and hears of everything.
            var late = Listener()
            world.policy.tellEverything()
            late.listen(to: &world.policy)
            #expect(late.error(&world.policy) == nil)
        }
    }

    @Test("reports that change nothing else tell of the load and of one process, once each")
    func reports() throws {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 5))
        let pid = script.client(id)
        script.taken(id, pid)
        script.policy.tellsChanges = true
        while script.policy.nextChangedService() != nil {}
        while script.policy.nextNewChild() != nil {}
        script.policy.takeChangedChildren { _ in }
        for _ in 0..<3 {
            script.available(id, pid)
            script.taken(id, pid)
        }
        let told = script.policy.nextChangedService()
        let change = try #require(told)
        #expect(change.index == 0 && change.what == .load)
        let second = script.policy.nextChangedService()
        #expect(second == nil)
        var news: [ChildNews] = []
        script.policy.takeChangedChildren { news.append($0) }
        #expect(news.count == 1)
        let child = try #require(news.first)
        #expect(child.row == 0 && child.state == .busy && child.uses == 4)
        let hasChanges = script.policy.hasChanges
        #expect(!hasChanges)
    }

    @Test("nobody asks: nothing is kept")
    func silence() {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 5))
        let pid = script.client(id)
        script.taken(id, pid)
        script.exit(pid, .exited(status: 0))
        let hasChanges = script.policy.hasChanges
        #expect(!hasChanges)
    }

    @Test("rows are used again, so that they stay few")
    func rows() {
        var script = Script()
        let id = script.add(ServiceRules(processLimit: 0))
        for _ in 0..<50 {
            let pids = (0..<4).map { _ in
                let pid = script.client(id)
                script.taken(id, pid)
                return pid
            }
            for pid in pids { script.exit(pid, .exited(status: 0)) }
        }
        let rows = script.policy.childRows
        #expect(rows == 4)
    }
}
