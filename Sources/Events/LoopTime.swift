//===----------------------------------------------------------------------===//
// Quartermaster: time as the event loop sees it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A moment on the monotonic clock, in nanoseconds. The loop reads the clock once a turn.
package struct LoopTime: Comparable, Hashable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    package static func < (left: LoopTime, right: LoopTime) -> Bool { left.nanoseconds < right.nanoseconds }

    package var milliseconds: Int64 { nanoseconds / 1_000_000 }

    /// Milliseconds from `earlier` to here.
    package func milliseconds(since earlier: LoopTime) -> Int64 { (nanoseconds - earlier.nanoseconds) / 1_000_000 }
}
