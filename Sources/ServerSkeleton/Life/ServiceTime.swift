//===----------------------------------------------------------------------===//
// Quartermaster: time as a service sees it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Events
import SystemCalls

/// The moment at which the present turn of the event loop began. It does not advance while a handler runs.
public struct ServiceTime: Comparable, Hashable, Sendable {
    /// Milliseconds on a clock that never jumps; its origin means nothing.
    public let milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    init(_ time: LoopTime) { milliseconds = time.milliseconds }

    /// Whole seconds on the same clock.
    @inlinable public var seconds: Int64 { milliseconds / 1000 }

    @inlinable public static func < (left: ServiceTime, right: ServiceTime) -> Bool {
        left.milliseconds < right.milliseconds
    }
}

/// The calendar, for what people read.
public enum WallClock {
    /// Seconds since 1970. Costs no system call.
    public static var seconds: Int64 { Clock.secondsSince1970() }

    /// strftime(3) of local time; `format` yields at most 127 bytes.
    public static func text(_ seconds: Int64, format: String) -> String { Clock.format(seconds, as: format) }
}
