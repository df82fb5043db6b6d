//===----------------------------------------------------------------------===//
// Quartermaster: what an event service calls its timers and descriptors
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// The name of a timer. It outlives its timer harmlessly.
public struct TimerID: Hashable, Sendable {
    let index: UInt32
    let generation: UInt32
    /// What the service wanted to remember with it.
    public let tag: UInt64

    init(_ slot: SlotID, tag: UInt64) {
        index = slot.index
        generation = slot.generation
        self.tag = tag
    }

    var slot: SlotID { SlotID(index: index, generation: generation) }
}

/// The name of a descriptor that is watched for one purpose. It outlives the watch harmlessly.
public struct DescriptorWatch: Hashable, Sendable {
    public enum Purpose: Hashable, Sendable { case reading, writing }

    let index: UInt32
    let generation: UInt32
    /// The number of the descriptor.
    public let descriptor: Int32
    public let purpose: Purpose
    /// What the service wanted to remember with it.
    public let tag: UInt64

    init(_ slot: SlotID, _ descriptor: Int32, _ purpose: Purpose, tag: UInt64) {
        index = slot.index
        generation = slot.generation
        self.descriptor = descriptor
        self.purpose = purpose
        self.tag = tag
    }

    var slot: SlotID { SlotID(index: index, generation: generation) }
}

extension ClientID {
    /// The name as a number, for instance as the tag of a timer.
    public var number: UInt64 { UInt64(generation) << 32 | UInt64(index) }

    /// The name that `number` came from.
    public init(number: UInt64) {
        self.init(index: UInt32(truncatingIfNeeded: number), generation: UInt32(number >> 32))
    }
}
