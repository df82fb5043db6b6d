//===----------------------------------------------------------------------===//
// Quartermaster: warnings that clients can bring about as often as they like
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Diagnostics

/// One kind of warning that a client can provoke. The first is logged at once; those that follow within the interval
/// are counted, and the next one tells how many they were. A service keeps one value for each kind.
public struct RepeatedWarning {
    private var gate: MessageGate

    /// - Parameter intervalSeconds: shortest time between two of these warnings; at least 1.
    public init(intervalSeconds: Int64 = 60) { gate = MessageGate(intervalSeconds: max(intervalSeconds, 1)) }

    /// Logs the warning, or counts it. The text is made only when it is logged.
    ///
    /// - Parameter time: of the present turn, for instance `Reply.time`.
    public mutating func log(_ log: ServiceLog, at time: ServiceTime, _ text: @autoclosure () -> String) {
        if let text = gate.text(text(), nowSeconds: time.seconds) { log.warning(text) }
    }
}
