//===----------------------------------------------------------------------===//
// Quartermaster: what no run can have measured
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A record that was read may come from anywhere. What these checks let through, every report can be made of.
extension LoadRecord {
    var impossibility: String? {
        for (index, run) in runs.enumerated() {
            if let what = run.impossibility { return "runs.[\(index)].\(what)" }
        }
        return nil
    }
}

extension RunReport {
    fileprivate var impossibility: String? {
        if seconds < 0 || !seconds.isFinite { return "seconds is no length of time" }
        if let what = ledger.impossibility { return "ledger.\(what)" }
        if Set(phases.map(\.name)).count < phases.count { return "phases has one of them twice" }
        for phase in phases {
            if let what = phase.impossibility { return "phases.\(phase.name.rawValue): \(what)" }
        }
        return timeline.contains { min($0.answered, $0.refused, $0.failed, $0.open) < 0 || !($0.seconds >= 0) }
            ? "timeline has a negative number" : nil
    }
}

extension LedgerReport {
    fileprivate var impossibility: String? {
        let counts = [opened, connections, answered, refused, retries] + failed.values
        if counts.contains(where: { $0 < 0 }) { return "it has a negative count" }
        return sum(counts) == nil ? "its counts are too large" : nil
    }
}

extension PhaseReport {
    fileprivate var impossibility: String? {
        if buckets.contains(where: { $0.nanoseconds < 0 || $0.count < 0 }) { return "a bucket is negative" }
        if sum(buckets.map(\.count)) == nil { return "the counts are too large" }
        let values = buckets.map(\.nanoseconds)
        if zip(values, values.dropFirst()).contains(where: { $0 >= $1 }) { return "the buckets are not in order" }
        return minimum < 0 || maximum < minimum ? "minimum and maximum do not fit" : nil
    }
}

/// Nil: more than a floating-point number tells apart, which no run gets to.
private func sum(_ counts: [Int]) -> Int? {
    var total = 0
    for count in counts {
        let (next, overflow) = total.addingReportingOverflow(count)
        if overflow || next > 1 << 53 { return nil }
        total = next
    }
    return total
}
