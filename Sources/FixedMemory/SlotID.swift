//===----------------------------------------------------------------------===//
// Quartermaster: FixedMemory, storage of fixed capacity that never moves
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// The name of one slot's life: a reused slot has another generation, so a name that outlived its element
/// finds nothing instead of a stranger.
public struct SlotID: Hashable, Sendable {
    public let index: UInt32
    public let generation: UInt32

    @inlinable public init(index: UInt32, generation: UInt32) {
        self.index = index
        self.generation = generation
    }
}
