//===----------------------------------------------------------------------===//
// Quartermaster: how often master listens to what changes nothing
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Decides when master leaves a status channel alone for a moment, so that reports gather there.
///
/// A busy child says TAKEN and AVAIL once a turn of its own loop, thousands of times a second, and most of the time the
/// two cancel out. Woken for each of them, master would take processor time from the very children it manages. So when
/// turns that changed nothing follow close upon each other, the channels that were heard are left alone, and read in
/// one go when the rest ends. What else happens is handled meanwhile as always; only what these channels say comes
/// late, by the length of a rest at most.
package struct ReportPacing: Sendable {
    /// Some ten reports of one child in a storm, and less than it takes to start a process.
    package static let restMilliseconds: Int64 = 1
    /// Quiet turns further apart than this are no storm.
    static let stormNanoseconds: Int64 = 3_000_000

    private var lastQuietTurn: Int64?

    package init() {}

    package enum Next: Equatable, Sendable {
        case listen
        case rest
    }

    /// A turn ended at `now`, in nanoseconds of the monotonic clock. `wasQuiet`: reports came, nothing else, and
    /// nothing followed from them. What to do with the channels they came from.
    package mutating func turnEnded(wasQuiet: Bool, now: Int64) -> Next {
        guard wasQuiet else {
            lastQuietTurn = nil
            return .listen
        }
        defer { lastQuietTurn = now }
        guard let lastQuietTurn, now - lastQuietTurn < Self.stormNanoseconds else { return .listen }
        return .rest
    }

    /// A rest ended, after which `reports` were found; `wasQuiet`: nothing followed from them.
    package mutating func restEnded(reports: Int, wasQuiet: Bool, now: Int64) -> Next {
        guard wasQuiet, reports > 0 else {
            lastQuietTurn = nil
            return .listen
        }
        lastQuietTurn = now
        return .rest
    }
}
