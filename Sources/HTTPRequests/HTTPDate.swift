//===----------------------------------------------------------------------===//
// Quartermaster: the time of day as HTTP writes it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc
package import ServerSkeleton

/// `Sun, 06 Nov 1994 08:49:37 GMT`, written anew once a second.
package struct HTTPDate {
    private var bytes: [UInt8] = []
    /// Of the clock that turns are counted with, which costs nothing to look at.
    private var writtenAt: Int64?

    package init() {}

    /// The text for this turn.
    package mutating func text(_ time: ServiceTime) -> [UInt8] {
        if writtenAt != time.seconds {
            bytes = Self.written(WallClock.seconds)
            writtenAt = time.seconds
        }
        return bytes
    }

    /// With the names of the C locale, which this program never changes.
    private static func written(_ seconds: Int64) -> [UInt8] {
        var time = time_t(seconds)
        var text = [CChar](repeating: 0, count: 32)
        // Two calls of the C library on local memory.
        let count = unsafe text.withUnsafeMutableBufferPointer { text in
            var parts = unsafe tm()
            _ = unsafe gmtime_r(&time, &parts)
            return unsafe strftime(text.baseAddress, text.count, "%a, %d %b %Y %H:%M:%S GMT", &parts)
        }
        return text.prefix(count).map { UInt8(bitPattern: $0) }
    }
}
