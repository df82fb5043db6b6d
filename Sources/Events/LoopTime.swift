//===----------------------------------------------------------------------===//
// Quartermaster: time as the event loop sees it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A moment on the monotonic clock, in nanoseconds. The loop reads the clock once a turn.
package struct LoopTime: Comparable, Hashable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static func < (left: LoopTime, right: LoopTime) -> Bool { left.nanoseconds < right.nanoseconds }

    /// In milliseconds, some thirty years: as nanoseconds, and added to any moment, they have room in 64 bits. Whoever
    /// wants to wait for longer waits for so long.
    package static let longestWait: Int64 = 1_000_000_000_000

    /// So many seconds as milliseconds, not below 0 and not above `longestWait`.
    package static func milliseconds(ofSeconds seconds: Int) -> Int64 {
        Int64(min(max(seconds, 0), Int(longestWait) / 1000)) * 1000
    }

    package func after(milliseconds: Int64) -> LoopTime {
        LoopTime(nanoseconds: nanoseconds + min(max(milliseconds, 0), Self.longestWait) * 1_000_000)
    }

    package var milliseconds: Int64 { nanoseconds / 1_000_000 }

    /// Milliseconds from `earlier` to here.
    package func milliseconds(since earlier: LoopTime) -> Int64 { (nanoseconds - earlier.nanoseconds) / 1_000_000 }
}
