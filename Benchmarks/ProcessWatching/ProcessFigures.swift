//===----------------------------------------------------------------------===//
// Quartermaster: one process at one moment
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// What /proc/PID/stat says; proc_pid_stat(5).
struct ProcessStat: Equatable {
    var pid: Int32
    var isZombie: Bool
    var parent: Int32
    /// In clock ticks: its own threads, ended ones too.
    var user: Int64
    var system: Int64
    /// In clock ticks: children that it waited for, and theirs.
    var childrenUser: Int64
    var childrenSystem: Int64
    var threads: Int
    /// In clock ticks since the machine started; with the pid it names the process for good.
    var started: Int64

    init(of pid: Int32) throws(SystemError) {
        guard let stat = Self(try ProcFile.text("/proc/\(pid)/stat")) else {
            throw SystemError(.read, .noSuchProcess)
        }
        self = stat
    }

    /// Nil: not the text of such a file. The program's name, in brackets, may hold brackets and spaces.
    init?(_ text: Substring) {
        guard let open = text.firstIndex(of: "("), let close = text.lastIndex(of: ")"), open < close,
            let pid = Int32(text[..<open].filter { $0 != " " })
        else { return nil }
        let fields = text[text.index(after: close)...].split { $0 == " " || $0 == "\n" }
        let numbers = fields.dropFirst().prefix(21).map { Int64($0) ?? 0 }
        guard numbers.count >= 19, let state = fields.first else { return nil }
        self.pid = pid
        isZombie = state == "Z" || state == "X"
        parent = Int32(truncatingIfNeeded: numbers[0])
        (user, system) = (numbers[10], numbers[11])
        (childrenUser, childrenSystem) = (numbers[12], numbers[13])
        threads = Int(numbers[16])
        started = numbers[18]
    }
}

/// What the scheduler counted for the living threads of a process.
struct SchedulerFigures: Equatable {
    /// On a processor; 0: this kernel does not count.
    var nanoseconds: Int64 = 0
    var voluntarySwitches = 0
    var involuntarySwitches = 0
}

extension SchedulerFigures {
    /// Threads that end meanwhile are left out.
    init(of stat: ProcessStat) {
        self.init()
        let directory = "/proc/\(stat.pid)"
        let threads = stat.threads > 1 ? ProcFile.numbers(in: directory + "/task") : [stat.pid]
        for thread in threads { add(directory + "/task/\(thread)") }
    }

    private mutating func add(_ directory: String) {
        guard let schedule = try? ProcFile.text(directory + "/schedstat"),
            let status = try? ProcFile.text(directory + "/status")
        else { return }
        nanoseconds += schedule.split(separator: " ").first.flatMap { Int64($0) } ?? 0
        let switches = ProcFile.values(["voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"], in: status)
        voluntarySwitches += switches[0]
        involuntarySwitches += switches[1]
    }
}

/// What /proc/PID/smaps_rollup says, in bytes.
struct MemoryFigures: Equatable {
    var resident = 0
    /// Shared pages divided by those who share them.
    var proportional = 0
    /// Pages that no other process has.
    var ownOnly = 0

    init() {}

    init(of pid: Int32) throws(SystemError) { self.init(try ProcFile.text("/proc/\(pid)/smaps_rollup")) }

    init(_ text: Substring) {
        let names: [Substring] = ["Rss", "Pss", "Private_Clean", "Private_Dirty", "Private_Hugetlb"]
        let values = ProcFile.values(names, in: text).map { $0 * 1024 }
        (resident, proportional, ownOnly) = (values[0], values[1], values[2] + values[3] + values[4])
    }

    static func + (left: MemoryFigures, right: MemoryFigures) -> MemoryFigures {
        var sum = left
        sum.resident += right.resident
        sum.proportional += right.proportional
        sum.ownOnly += right.ownOnly
        return sum
    }
}
