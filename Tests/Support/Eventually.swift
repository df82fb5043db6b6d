//===----------------------------------------------------------------------===//
// Quartermaster: bounded waiting
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// How long a test waits for what must happen. A wait ends with the deed, so this costs nothing where the tests pass.
/// It is shorter than what processes do by themselves in the end: helpers of the tests that give up leave after a
/// minute, idle daemons after 100 seconds.
package let patience: Duration = .seconds(30)

/// Asks again and again until the answer is yes or the time is over; the answer is whether it was yes.
package func eventually(
    within limit: Duration = patience,
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

/// Blocks the calling thread for a while. What depends on a deed waits for the deed, not for a while to pass.
package func rest(_ pause: Duration) {
    let parts = pause.components
    usleep(UInt32(clamping: parts.seconds * 1_000_000 + parts.attoseconds / 1_000_000_000_000))
}
