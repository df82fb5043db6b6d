//===----------------------------------------------------------------------===//
// Quartermaster: bounded waiting
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation

/// How long a test waits for what must happen. A wait ends with the deed, so this costs nothing where the tests pass;
/// where they run on a machine that has a lot else to do, everything may stand still for half a minute.
/// It is shorter than what processes do by themselves in the end: helpers of the tests that give up leave after five
/// minutes, idle daemons after 100 seconds.
package let patience: Duration = .seconds(90)

extension Duration {
    /// For calls of the kernel that wait.
    package var milliseconds: Int32 {
        Int32(clamping: components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000)
    }
}

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
