//===----------------------------------------------------------------------===//
// Quartermaster: how often master listens to what changes nothing
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Decides how long master rests after a turn, before it listens again.
///
/// A busy child says TAKEN and AVAIL once a turn of its own loop, thousands of times a second, and most of the time the
/// two cancel out. Woken for each of them, master would take processor time from the very children it manages. So when
/// turns that changed nothing follow close upon each other, it lets reports gather for a moment, and reads them in one
/// go. A turn that led to anything, and the first quiet one after a while, are followed by no rest: work that waits for
/// a process is never kept waiting by it.
package struct ReportPacing: Sendable {
    /// A millisecond: some ten reports of one child in a storm, and less than it takes to start a process.
    package static let restMicroseconds: UInt32 = 1000
    /// Quiet turns further apart than this are no storm.
    static let stormNanoseconds: Int64 = 3_000_000

    private var lastQuietTurn: Int64?

    package init() {}

    /// A turn ended at `now`, in nanoseconds of the monotonic clock. `wasQuiet`: reports came, nothing else, and nothing
    /// followed from them. Returns for how many microseconds to rest, 0 for not at all.
    package mutating func turnEnded(wasQuiet: Bool, now: Int64) -> UInt32 {
        guard wasQuiet else {
            lastQuietTurn = nil
            return 0
        }
        defer { lastQuietTurn = now }
        guard let lastQuietTurn, now - lastQuietTurn < Self.stormNanoseconds else { return 0 }
        return Self.restMicroseconds
    }
}
