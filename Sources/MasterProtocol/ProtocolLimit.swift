//===----------------------------------------------------------------------===//
// Quartermaster: times and sizes that both sides rely on
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Times and sizes of one side that the other side counts on.
package enum ProtocolLimit {
    /// How long the receiver of a passed connection waits for the descriptor, and again for the attributes. The
    /// sender keeps it open for longer.
    package static var passReceiveSeconds: Int { 100 }
    /// Bytes of a trigger that are read.
    package static var triggerBytes: Int { 1024 }
    /// How long a trigger server waits for the bytes of one that has connected.
    package static var triggerSeconds: Int { 10 }
    /// Largest datagram that is read; what a sender puts behind it is cut off.
    package static var datagramBytes: Int { 4096 }
}
