//===----------------------------------------------------------------------===//
// Quartermaster: one message of a kind a while
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Lets a repeating message through once per interval and counts what it held back.
package struct MessageGate: Sendable {
    private let intervalSeconds: Int64
    private var opensAt: Int64 = .min
    private var heldBack = 0

    package init(intervalSeconds: Int64) { self.intervalSeconds = intervalSeconds }

    /// nil: hold it back. A number: say it, and that so many were held back since the last one.
    package mutating func pass(nowSeconds: Int64) -> Int? {
        if nowSeconds < opensAt {
            heldBack += 1
            return nil
        }
        opensAt = nowSeconds + intervalSeconds
        defer { heldBack = 0 }
        return heldBack
    }
}
