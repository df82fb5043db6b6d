//===----------------------------------------------------------------------===//
// Quartermaster: what time it is
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import Glibc

/// Clocks of this machine.
package enum Clock {
    /// clock_gettime(2) CLOCK_MONOTONIC, in nanoseconds since some moment.
    package static func monotonicNanoseconds() -> Int64 { cposix_monotonic_nanoseconds() }

    /// clock_gettime(2) CLOCK_REALTIME, in milliseconds since 1970.
    package static func millisecondsSince1970() -> Int64 { cposix_real_milliseconds() }

    /// time(2): seconds since 1970.
    package static func secondsSince1970() -> Int64 { Int64(time(nil)) }

    /// strftime(3) of local time; `format` yields at most 127 bytes.
    package static func format(_ seconds: Int64, as format: String) -> String {
        unsafe withText(capacity: 128) { unsafe Int(cposix_format_time($0, $1, format, seconds)) }
    }

    /// tzset(3): reads the time zone's file now, while it can be reached.
    package static func loadTimeZone() { tzset() }
}
