//===----------------------------------------------------------------------===//
// Quartermaster: adding up the CPU of processes that come and go
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import ProcessWatching

/// A world of processes by value; a tick is 10 ms.
@Suite("the CPU account")
struct CPUAccountTests {
    private func stat(
        _ pid: Int32,
        parent: Int32 = 1,
        user: Int64 = 0,
        system: Int64 = 0,
        children: Int64 = 0,
        started: Int64 = 5
    ) -> ProcessStat {
        let text =
            "\(pid) (a (b) c) S \(parent) 0 0 0 0 0 0 0 0 0 \(user) \(system) \(children) 0 20 0 1 0 \(started) 0 0 0"
        return ProcessStat(text[...])!
    }

    private func seen(
        _ stats: [ProcessStat],
        nanoseconds: [Int64] = []
    ) -> [(stat: ProcessStat, figures: SchedulerFigures)] {
        stats.enumerated().map { index, stat in
            (stat, SchedulerFigures(nanoseconds: index < nanoseconds.count ? nanoseconds[index] : 0))
        }
    }

    /// Opened at tick 100 with these processes.
    private func account(_ stats: [ProcessStat]) -> CPUAccount {
        var account = CPUAccount(ticksPerSecond: 100)
        account.update(seen(stats))
        account.open(atTick: 100)
        return account
    }

    private let tick: Int64 = 10_000_000

    @Test("what was used before does not count")
    func opening() {
        var account = account([stat(10, user: 50, system: 50, children: 30)])
        #expect(account.total == 0)
        account.update(seen([stat(10, user: 51, system: 53, children: 30)]))
        #expect(account.total == 4 * tick)
        #expect(account.userShare == 0.25)
        account.open(atTick: 200)
        #expect(account.total == 0)
    }

    @Test("nanoseconds are finer than ticks, and never go back when a thread ends")
    func nanoseconds() {
        var account = CPUAccount(ticksPerSecond: 100)
        account.update(seen([stat(10)], nanoseconds: [1_000_000]))
        account.open(atTick: 100)
        #expect(account.hasSchedulerTimes)
        account.update(seen([stat(10)], nanoseconds: [8_500_000]))
        #expect(account.total == 7_500_000)
        account.update(seen([stat(10)], nanoseconds: [3_000_000]))
        #expect(account.total == 7_500_000)
        account.update(seen([stat(10, user: 2)], nanoseconds: [4_000_000]))
        #expect(account.total == 19_000_000)
    }

    @Test("a child that was seen and ended counts once, its last moments too")
    func seenChild() {
        var account = account([stat(10)])
        account.update(seen([stat(10), stat(11, parent: 10, user: 7, started: 150)]))
        #expect(account.total == 7 * tick)
        account.update(seen([stat(10, children: 9)]))
        #expect(account.total == 9 * tick)
        account.update(seen([stat(10, children: 9)]))
        #expect(account.total == 9 * tick)
    }

    @Test("a child that lived before is not counted with its past")
    func oldChild() {
        var account = account([stat(10), stat(11, parent: 10, user: 70, children: 20)])
        account.update(seen([stat(10, children: 95)]))
        #expect(account.total == 5 * tick)
    }

    @Test("an old process that joins late brings no past along")
    func late() {
        var account = account([stat(10)])
        account.update(seen([stat(10), stat(11, parent: 10, user: 70, children: 20, started: 99)]))
        #expect(account.total == 0)
        account.update(seen([stat(10), stat(11, parent: 10, user: 71, children: 20, started: 99)]))
        #expect(account.total == tick)
    }

    @Test("children that came and went unseen are in what their parent was told")
    func unseenChildren() {
        var account = account([stat(10, children: 4)])
        account.update(seen([stat(10, user: 1, children: 34)]))
        #expect(account.total == 31 * tick)
    }

    @Test("a process that was named is told alone, without its past and its children")
    func own() {
        var account = account([stat(10, user: 50, children: 4)])
        account.update(seen([stat(10, user: 53, children: 34), stat(11, parent: 10, user: 6, started: 150)]))
        #expect(account.ownTime(of: 10) == 3 * tick)
        #expect(account.ownTime(of: 11) == 6 * tick)
        #expect(account.ownTime(of: 12) == nil)
    }

    @Test("children in turn, ended in one go: each once")
    func grandchildren() {
        var account = account([stat(10)])
        account.update(
            seen([
                stat(10), stat(11, parent: 10, user: 1, children: 3, started: 150),
                stat(12, parent: 11, user: 20, children: 5, started: 151),
            ])
        )
        #expect(account.total == 29 * tick)
        account.update(seen([stat(10, children: 30)]))
        #expect(account.total == 30 * tick)
    }

    @Test("a parent that ignores its children is told nothing: what was seen stays, once")
    func ignored() {
        var account = account([stat(10)])
        account.update(seen([stat(10), stat(11, parent: 10, user: 7, started: 150)]))
        account.update(seen([stat(10, user: 2)]))
        #expect(account.total == 9 * tick)
    }

    @Test("a parent that ends keeps what it was told, and an orphan is counted on")
    func orphan() {
        var account = account([stat(10)])
        account.update(seen([stat(10, children: 6), stat(11, parent: 10, user: 7, started: 150)]))
        account.update(seen([stat(11, parent: 1, user: 9, started: 150)]))
        #expect(account.total == 15 * tick)
        account.update(seen([]))
        #expect(account.total == 15 * tick)
    }

    @Test("a pid that is used again is another process")
    func pidAgain() {
        var account = account([stat(10), stat(11, parent: 10, user: 90)])
        account.update(seen([stat(10, children: 90), stat(11, parent: 10, user: 4, started: 170)]))
        #expect(account.total == 4 * tick)
    }

    @Test("the coarse clock of ended children does not add up errors")
    func rounding() {
        var account = account([stat(10)])
        for child in 1...100 {
            // Each uses 4 ms: the parent's ticks are told in whole numbers.
            let pid = Int32(100 + child)
            let before = stat(10, children: Int64((child - 1) * 4 / 10))
            account.update(seen([before, stat(pid, parent: 10, started: 200)], nanoseconds: [0, 4_000_000]))
            account.update(seen([stat(10, children: Int64(child * 4 / 10))]))
        }
        #expect(abs(account.total - 400_000_000) <= tick)
    }

    @Test("a child that ended just before the account was opened, and of which the parent was told just after")
    func endedAtOpening() {
        var account = CPUAccount(ticksPerSecond: 100)
        account.update(seen([stat(10), stat(11, parent: 10, user: 80)]))
        account.update(seen([stat(10)]))
        account.open(atTick: 100)
        account.update(seen([stat(10, children: 82)]))
        #expect(account.total == 2 * tick)
    }

    @Test("a stat file that is none", arguments: ["", "12", "12 (x", "x (y) S 1", "12 (y) S 1 2 3"])
    func noStat(text: String) { #expect(ProcessStat(text[...]) == nil) }

    @Test("memory in bytes")
    func memory() {
        let text = """
            55c4-7ffd ---p 00000000 00:00 0    [rollup]
            Rss:                1740 kB
            Pss:                 315 kB
            Pss_Dirty:           116 kB
            Private_Clean:         4 kB
            Private_Dirty:       100 kB
            Private_Hugetlb:    2048 kB
            """
        let figures = MemoryFigures(text[...])
        #expect(figures.resident == 1740 * 1024)
        #expect(figures.proportional == 315 * 1024)
        #expect(figures.ownOnly == 2152 * 1024)
        #expect((figures + figures).ownOnly == 4304 * 1024)
    }
}
