//===----------------------------------------------------------------------===//
// Quartermaster: who belongs to the watched processes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// Looks up children: asks the parents where the kernel keeps such a list, else asks every process for its parent.
struct ProcessTree {
    private let hasLists: Bool

    init() { hasLists = (try? ProcFile.text("/proc/thread-self/children")) != nil }

    /// The processes given and all that descend from them, parents before their children.
    func descendants(of roots: [Int32]) -> [Int32] {
        let children = hasLists ? Self.listed : Self.scanned()
        var found = roots
        var known = Set(roots)
        var next = 0
        while next < found.count {
            let own = children(found[next]).filter { known.insert($0).inserted }
            found += own
            next += 1
        }
        return found
    }

    private static func listed(_ pid: Int32) -> [Int32] {
        ProcFile.numbers(in: "/proc/\(pid)/task").flatMap { thread in
            let text = (try? ProcFile.text("/proc/\(pid)/task/\(thread)/children")) ?? ""
            return text.split(separator: " ").compactMap { Int32($0) }
        }
    }

    private static func scanned() -> (Int32) -> [Int32] {
        var children: [Int32: [Int32]] = [:]
        for pid in ProcFile.numbers(in: "/proc") {
            if let stat = try? ProcessStat(of: pid) { children[stat.parent, default: []].append(pid) }
        }
        return { children[$0] ?? [] }
    }
}
