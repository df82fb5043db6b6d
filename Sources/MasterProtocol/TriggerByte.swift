//===----------------------------------------------------------------------===//
// Quartermaster: what a trigger service is sent
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Bytes of a trigger.
package enum TriggerByte: UInt8, Sendable {
    /// Plain wake-up, the one master sends.
    case wakeup = 0x57
}
