//===----------------------------------------------------------------------===//
// Quartermaster: bounded waiting
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// Asks again and again until the answer is yes or the time is over; the answer is whether it was yes.
package func eventually(
    within limit: Duration,
    every pause: Duration = .milliseconds(20),
    _ condition: () throws -> Bool
) rethrows -> Bool {
    let deadline = ContinuousClock.now + limit
    while true {
        if try condition() { return true }
        if ContinuousClock.now >= deadline { return false }
        rest(pause)
    }
}

/// Blocks the calling thread for a while.
package func rest(_ pause: Duration) {
    let parts = pause.components
    usleep(UInt32(clamping: parts.seconds * 1_000_000 + parts.attoseconds / 1_000_000_000_000))
}
