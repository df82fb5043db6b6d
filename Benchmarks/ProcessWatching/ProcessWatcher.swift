//===----------------------------------------------------------------------===//
// Quartermaster: ProcessWatching, what a server's processes use while it is under load
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
package import LoadReports
import SystemCalls

/// Samples the processes given and all their descendants, which are looked up again each time: children that are forked
/// meanwhile count from their first moment, those that end keep what they used. It never stops or signals a process.
///
/// Not seen: context switches of processes and threads that came and went between two samples, and everything of a
/// process that detached from its watched parent and ended before it was seen.
package struct ProcessWatcher {
    /// Reading memory makes the kernel walk the tables of every process. Above so many processes it is read less often.
    private static let manyProcesses = 64
    private static let samplesBetweenMemory = 8

    /// Who was asked for, with the moment of their start, since pids are used again.
    private let roots: [Int32: Int64]
    private let tree = ProcessTree()
    private let ticksPerSecond: Int64
    private var account: CPUAccount
    private var processes = 0
    private var resident = 0
    private var proportional = 0
    private var ownOnly = 0
    private var unreadable = 0
    private var samples = 0
    private var isGone: Set<Int32> = []

    /// Takes the first sample. Throws when a process does not exist or may not be looked at.
    package init(_ pids: [Int32]) throws(WatchProblem) {
        var roots: [Int32: Int64] = [:]
        for pid in pids { roots[pid] = try Self.start(of: pid) }
        self.roots = roots
        ticksPerSecond = Int64(max(sysconf(Int32(_SC_CLK_TCK)), 1))
        account = CPUAccount(ticksPerSecond: ticksPerSecond)
        do throws(SystemError) {
            _ = try ProcFile.ticksSinceBoot(perSecond: ticksPerSecond)
        } catch {
            throw .noProcessTable(reason: error.reason)
        }
        begin()
    }

    private static func start(of pid: Int32) throws(WatchProblem) -> Int64 {
        do throws(SystemError) {
            let stat = try ProcessStat(of: pid)
            if stat.isZombie { throw SystemError(.read, .noSuchProcess) }
            _ = try readableMemory(of: pid)
            return stat.started
        } catch {
            throw error.isRefusal ? .notPermitted(pid) : .noSuchProcess(pid)
        }
    }

    /// None for a process without memory: a thread of the kernel, or one that just ended.
    private static func readableMemory(of pid: Int32) throws(SystemError) -> MemoryFigures {
        do throws(SystemError) {
            return try MemoryFigures(of: pid)
        } catch {
            if error.isRefusal { throw error }
            return MemoryFigures()
        }
    }

    /// The measured part begins now: what was used before does not count. For each run.
    package mutating func begin() {
        let tick = (try? ProcFile.ticksSinceBoot(perSecond: ticksPerSecond)) ?? 0
        (processes, resident, proportional, ownOnly, unreadable, samples) = (0, 0, 0, 0, 0, 0)
        take(withMemory: true)
        account.open(atTick: tick)
    }

    /// Once a second or so.
    package mutating func sample() {
        samples += 1
        take(withMemory: processes <= Self.manyProcesses || samples % Self.samplesBetweenMemory == 0)
    }

    /// Takes the last sample.
    package mutating func finish() -> ServerReport {
        take(withMemory: true)
        let user = cpuSeconds * account.userShare
        return ServerReport(
            userSeconds: user,
            systemSeconds: cpuSeconds - user,
            voluntarySwitches: account.voluntarySwitches,
            involuntarySwitches: account.involuntarySwitches,
            processes: processes,
            residentBytes: resident,
            proportionalBytes: proportional,
            privateBytes: ownOnly,
            cpuClock: cpuClock,
            unreadable: unreadable,
            named: roots.keys.sorted().compactMap { pid in
                account.ownTime(of: pid).map { NamedProcess(pid: pid, cpuSeconds: Double($0) / 1e9) }
            }
        )
    }

    /// CPU of all of them since `begin()`, in seconds, as of the last sample.
    package var cpuSeconds: Double { Double(account.total) / 1e9 }

    /// Which of the processes asked for had ended by the last sample: what they used since the one before is not known.
    package var missing: [Int32] { isGone.sorted() }

    private var cpuClock: String {
        let ticks = "clock ticks of \(1000 / ticksPerSecond) ms"
        return account.hasSchedulerTimes ? "schedstat, nanoseconds; of children unseen: \(ticks)" : "stat, \(ticks)"
    }
}

extension ProcessWatcher {
    private mutating func take(withMemory: Bool) {
        let living = watched().compactMap { pid in
            (try? ProcessStat(of: pid)).map { (stat: $0, figures: SchedulerFigures(of: $0)) }
        }
        account.update(living)
        let running = living.filter { !$0.stat.isZombie }
        processes = max(processes, running.count)
        if withMemory { takeMemory(of: running.map(\.stat.pid)) }
    }

    /// Those asked for that live, all that descend from them, and those that did until they left their parent.
    private mutating func watched() -> [Int32] {
        for (pid, start) in roots where !Self.lives(pid, since: start) { isGone.insert(pid) }
        let asked = roots.keys.filter { !isGone.contains($0) }.sorted()
        let family = tree.descendants(of: asked)
        let members = Set(family)
        let strays = account.starts.filter { !members.contains($0.key) && Self.lives($0.key, since: $0.value) }
        return strays.isEmpty ? family : tree.descendants(of: asked + strays.keys.sorted())
    }

    /// False also when the pid has been given to another process.
    private static func lives(_ pid: Int32, since start: Int64) -> Bool {
        (try? ProcessStat(of: pid))?.started == start
    }

    private mutating func takeMemory(of pids: [Int32]) {
        var sum = MemoryFigures()
        var refused = 0
        for pid in pids {
            if let figures = try? Self.readableMemory(of: pid) { sum = sum + figures } else { refused += 1 }
        }
        resident = max(resident, sum.resident)
        proportional = max(proportional, sum.proportional)
        ownOnly = max(ownOnly, sum.ownOnly)
        unreadable = max(unreadable, refused)
    }
}
