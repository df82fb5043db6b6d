//===----------------------------------------------------------------------===//
// Quartermaster: tests of what a reload says that it has changed
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import MasterConfig
import MasterProtocol
import Testing

@testable import MasterDaemon

@Suite("What a reload has changed") struct ServiceChangesTests {
    private func unix(_ name: String, limit: Int = 100) -> ServicePlan {
        plan(name, .unix, .path("private/\(name)", .unix), processLimit: limit)
    }

    @Test("Each kind has a line, and nothing has one too")
    func lines() {
        var changes = ServiceChanges()
        #expect(changes.lines == ["no service was added, removed or changed"])
        changes.changed = [unix("c")]
        changes.added = [unix("a"), plan("25", .inet, .inet([]), canonical: "25")]
        #expect(changes.lines == ["added a/unix, 25/inet", "changed c/unix"])
        changes.removed = [unix("b")]
        #expect(changes.lines == ["added a/unix, 25/inet", "removed b/unix", "changed c/unix"])
    }

    @Test("A line has a bound, and says how many it leaves out")
    func bound() {
        var changes = ServiceChanges()
        changes.removed = (0..<1000).map { unix("service-\($0)") }
        let line = changes.lines[0]
        #expect(line.utf8.count < ServiceChanges.longestList + 40)
        let named = line.split(separator: ",").count
        #expect(line.hasSuffix(" and \(1000 - named) more"), "\(line)")
        changes.removed = [unix(String(repeating: "x", count: 1000))]
        #expect(changes.lines[0].hasSuffix("x/unix"), "one name is written whole")
    }

    @Test("A line of master.cf that only moved asks for nothing new")
    func moved() {
        var entry = unix("a").entry
        entry.line = 7
        let moved = ServicePlan(
            entry: entry,
            identity: unix("a").identity,
            endpoint: unix("a").endpoint,
            backlog: 5
        )
        #expect(moved.asksForNothingNew(of: unix("a")))
        #expect(!unix("a", limit: 3).asksForNothingNew(of: unix("a")))
    }
}
