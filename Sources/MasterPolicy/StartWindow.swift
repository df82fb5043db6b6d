//===----------------------------------------------------------------------===//
// Quartermaster: how many children of a service may be starting at once
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Decides how many children of one service are started for the clients that wait. Knows neither children nor limits.
///
/// One client in the queue needs one process; eighty need eighty, and processes start faster side by side than one
/// after the other. But a process that takes many clients, or dies at once, should not be started eighty times. So the
/// window opens slowly, as TCP's does: it begins at one, and grows by one for each new child that took a client. A
/// failed start, a reload, a short queue and the end of the last child close it again.
package struct StartWindow: Hashable, Sendable {
    /// Children that may be starting at the same time, at least 1.
    package internal(set) var size: Int32 = 1
    /// Clients in the queue as far as is known; 0 when nothing more is to be started for them.
    package internal(set) var waiting: Int32 = 0
    /// A new child took its first client; whether others are needed has not been measured since.
    package internal(set) var isMeasureDue = false

    /// There is work for one, and no room for more, so the clients were not counted.
    mutating func wantsOne() {
        isMeasureDue = false
        waiting = 1
    }

    /// A short queue needs no more than one at a time.
    mutating func measured(waiting: Int32) {
        isMeasureDue = false
        self.waiting = waiting
        if waiting <= 1 { size = 1 }
    }

    /// Whether one more start is worth it beside `accepting` children, each of which will take one client of the queue,
    /// and `starting` of which have yet to come up.
    func wantsStart(accepting: Int32, starting: Int32) -> Bool { accepting < waiting && starting < size }

    /// A client left the queue; one that a new child took makes room for more, up to `most` at once.
    mutating func clientTaken(byNewChild: Bool, most: Int32) {
        waiting = max(waiting - 1, 0)
        guard byNewChild else { return }
        size = size < most ? size + 1 : max(most, 1)
        isMeasureDue = true
    }

    /// No more for this queue.
    mutating func stop() { waiting = 0 }

    /// Whether others are needed is being measured, or need not be.
    mutating func measureAsked() { isMeasureDue = false }

    /// Back to one at a time.
    mutating func close() { self = StartWindow() }
}
