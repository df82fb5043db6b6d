//===----------------------------------------------------------------------===//
// Quartermaster: the CPU of processes that come and go
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Adds up what the watched processes used, each nanosecond once.
///
/// A living process tells its own CPU, and that of the children it waited for. A child that was seen is counted while
/// it lives; when it ends, its parent's count of children grows by all that it used. So of that growth only the part
/// counts that is more than was counted already: the last moments of children that were seen, and children that came
/// and went between two samples. A parent that ignores SIGCHLD is told nothing; then those are lost, and nothing else.
struct CPUAccount {
    private struct Entry {
        var stat: ProcessStat
        var figures: SchedulerFigures
        /// Of its own, in nanoseconds; never falls.
        var own: Int64
        /// The same when the account was opened.
        var ownAtStart: Int64
        /// Of its children, when the account was opened.
        var childrenAtStart: Int64
        /// Of the children's, what was counted while they lived.
        var countedBefore: Int64 = 0
    }

    private let nanosecondsPerTick: Int64
    private var entries: [Int32: Entry] = [:]
    /// Of processes that lived when last looked at: their own, and what ended processes had found in children.
    private var nanoseconds: Int64 = 0
    private var userTicks: Int64 = 0
    private var systemTicks: Int64 = 0
    /// Processes that started before, in ticks since the machine started, had a life that does not count.
    private var openedAtTick: Int64 = 0
    private(set) var voluntarySwitches = 0
    private(set) var involuntarySwitches = 0
    /// Whether the kernel tells more than clock ticks.
    private(set) var hasSchedulerTimes = false

    init(ticksPerSecond: Int64) { nanosecondsPerTick = 1_000_000_000 / ticksPerSecond }

    /// What was used up to now is forgotten.
    mutating func open(atTick tick: Int64) {
        (nanoseconds, userTicks, systemTicks, openedAtTick) = (0, 0, 0, tick)
        (voluntarySwitches, involuntarySwitches) = (0, 0)
        for (pid, entry) in entries {
            let children = ofChildren(entry.stat)
            // What the parent has yet to be told of children that are gone.
            entries[pid]!.countedBefore = max(0, entry.childrenAtStart + entry.countedBefore - children)
            entries[pid]!.childrenAtStart = children
            entries[pid]!.ownAtStart = entry.own
        }
    }

    /// Whom it knows, with the moment of their start.
    var starts: [Int32: Int64] { entries.mapValues(\.stat.started) }

    /// The figures of all watched processes that live, taken one after the other.
    mutating func update(_ living: [(stat: ProcessStat, figures: SchedulerFigures)]) {
        let identities = Dictionary(living.map { ($0.stat.pid, $0.stat.started) }, uniquingKeysWith: { $1 })
        close(entries.filter { identities[$0.key] != $0.value.stat.started })
        for (stat, figures) in living {
            hasSchedulerTimes = hasSchedulerTimes || figures.nanoseconds > 0
            var entry = entries[stat.pid] ?? firstEntry(stat, figures)
            advance(&entry, stat, figures)
            entries[stat.pid] = entry
        }
    }

    /// One that started after the account was opened counts from its first moment.
    private func firstEntry(_ stat: ProcessStat, _ figures: SchedulerFigures) -> Entry {
        if stat.started < openedAtTick {
            let own = own(stat, figures)
            return Entry(
                stat: stat,
                figures: figures,
                own: own,
                ownAtStart: own,
                childrenAtStart: ofChildren(stat)
            )
        }
        var (unused, none) = (stat, figures)
        (unused.user, unused.system, unused.childrenUser, unused.childrenSystem) = (0, 0, 0, 0)
        (none.nanoseconds, none.voluntarySwitches, none.involuntarySwitches) = (0, 0, 0)
        return Entry(stat: unused, figures: none, own: 0, ownAtStart: 0, childrenAtStart: 0)
    }

    private mutating func advance(_ entry: inout Entry, _ stat: ProcessStat, _ figures: SchedulerFigures) {
        let own = max(entry.own, own(stat, figures))
        nanoseconds += own - entry.own
        userTicks += stat.user - entry.stat.user + stat.childrenUser - entry.stat.childrenUser
        systemTicks += stat.system - entry.stat.system + stat.childrenSystem - entry.stat.childrenSystem
        // A thread that ended takes its switches along.
        voluntarySwitches += max(0, figures.voluntarySwitches - entry.figures.voluntarySwitches)
        involuntarySwitches += max(0, figures.involuntarySwitches - entry.figures.involuntarySwitches)
        (entry.stat, entry.figures, entry.own) = (stat, figures, own)
    }

    /// Children first, so that each hands on to its parent what it stood for.
    private mutating func close(_ ended: [Int32: Entry]) {
        for pid in ended.keys.sorted(by: { Self.depth(of: $0, in: ended) > Self.depth(of: $1, in: ended) }) {
            let entry = entries.removeValue(forKey: pid)!
            nanoseconds += fromChildren(entry)
            let children = max(ofChildren(entry.stat), entry.childrenAtStart + entry.countedBefore)
            entries[entry.stat.parent]?.countedBefore += entry.own + children
        }
    }

    private static func depth(of pid: Int32, in entries: [Int32: Entry]) -> Int {
        var (depth, next) = (0, entries[pid])
        while let entry = next, depth < entries.count {
            next = entries[entry.stat.parent]
            depth += 1
        }
        return depth
    }

    /// What children used that were not seen.
    private func fromChildren(_ entry: Entry) -> Int64 {
        max(0, ofChildren(entry.stat) - entry.childrenAtStart - entry.countedBefore)
    }

    private func ofChildren(_ stat: ProcessStat) -> Int64 {
        (stat.childrenUser + stat.childrenSystem) * nanosecondsPerTick
    }

    /// The scheduler knows nanoseconds, but only of threads that live; the ticks are whole, but coarse.
    private func own(_ stat: ProcessStat, _ figures: SchedulerFigures) -> Int64 {
        max(figures.nanoseconds, (stat.user + stat.system) * nanosecondsPerTick)
    }

    /// Of this process alone, without its children, in nanoseconds; nil when it is not there any more.
    func ownTime(of pid: Int32) -> Int64? { entries[pid].map { $0.own - $0.ownAtStart } }

    /// Of all, in nanoseconds.
    var total: Int64 { entries.values.reduce(nanoseconds) { $0 + fromChildren($1) } }

    /// In user mode, 0 to 1, as far as clock ticks tell.
    var userShare: Double {
        let ticks = userTicks + systemTicks
        return ticks > 0 ? min(max(Double(userTicks) / Double(ticks), 0), 1) : 1
    }
}
