//===----------------------------------------------------------------------===//
// Quartermaster: Slab, elements in slots that never move
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One slot's bookkeeping, apart from its element.
@usableFromInline struct SlabSlot {
    @usableFromInline var generation: UInt32
    @usableFromInline var nextFree: UInt32
    @usableFromInline var isTaken: Bool

    @inlinable init(generation: UInt32, nextFree: UInt32, isTaken: Bool) {
        self.generation = generation
        self.nextFree = nextFree
        self.isTaken = isTaken
    }
}

/// Holds noncopyable elements in chunks of fixed size. Inserting and removing allocate nothing while the
/// reserved capacity lasts; `reserve` adds a chunk, and callers do that off their hot path.
/// Public and inlinable, though no product shows it: Swift 6.3.1 makes code for a caller's element type only then (not
/// for `package`). Without it, a third of anvil's time outside the kernel went into looking up types.
///
/// Owner of the memory: this value. Elements live until `remove` or the end of the slab. All access goes through
/// `withElement`, which checks the slot's generation; never keep access to a slot across a call that may
/// insert into or remove from the same slab.
@safe public struct Slab<Element: ~Copyable>: ~Copyable {
    /// Slots a chunk. A power of two, so that index arithmetic is shifts.
    @inlinable static var chunkShift: UInt32 { 6 }
    @inlinable static var chunkSize: Int { 1 << Int(chunkShift) }
    @inlinable static var none: UInt32 { .max }

    @usableFromInline var slots: [SlabSlot] = []
    @usableFromInline var chunks: [UnsafeMutablePointer<Element>] = unsafe []
    @usableFromInline var firstFree: UInt32 = .max
    @usableFromInline var taken = 0
    @inlinable public var count: Int { taken }

    /// - Parameter capacity: elements that fit before `reserve` must be called; rounded up to a chunk.
    @inlinable public init(capacity: Int) {
        reserve(capacity)
    }

    @inlinable deinit {
        for index in slots.indices where slots[index].isTaken {
            unsafe pointer(UInt32(index)).deinitialize(count: 1)
        }
        for index in unsafe chunks.indices { unsafe chunks[index].deallocate() }
    }

    @inlinable public var capacity: Int { slots.count }

    /// Makes room for `total` elements in all. Allocates; existing elements do not move.
    @inlinable public mutating func reserve(_ total: Int) {
        while slots.count < total {
            unsafe chunks.append(UnsafeMutablePointer<Element>.allocate(capacity: Self.chunkSize))
            let first = slots.count
            for index in (first..<first + Self.chunkSize) {
                let isLast = index == first + Self.chunkSize - 1
                slots.append(SlabSlot(generation: 1, nextFree: isLast ? firstFree : UInt32(index + 1), isTaken: false))
            }
            firstFree = UInt32(first)
        }
    }

    /// Puts `element` into a free slot; nil when all are taken (the element is dropped).
    @inlinable public mutating func insert(_ element: consuming Element) -> SlotID? {
        guard firstFree != Self.none else { return nil }
        let index = firstFree
        firstFree = slots[Int(index)].nextFree
        slots[Int(index)].isTaken = true
        unsafe pointer(index).initialize(to: element)
        taken += 1
        return SlotID(index: index, generation: slots[Int(index)].generation)
    }

    /// Takes the element out; nil when `id` names a life that is over.
    @inlinable public mutating func remove(_ id: SlotID) -> Element? {
        guard contains(id) else { return nil }
        let index = Int(id.index)
        slots[index].isTaken = false
        slots[index].generation &+= 1
        slots[index].nextFree = firstFree
        firstFree = id.index
        taken -= 1
        return unsafe pointer(id.index).move()
    }

    @inlinable public func contains(_ id: SlotID) -> Bool {
        let index = Int(id.index)
        return index < slots.count && slots[index].isTaken && slots[index].generation == id.generation
    }

    /// The name of the element that lives in slot `index` now.
    @inlinable public func id(at index: Int) -> SlotID? {
        guard index < slots.count, slots[index].isTaken else { return nil }
        return SlotID(index: UInt32(index), generation: slots[index].generation)
    }

    /// Lends the element to `body`; nil when `id` names a life that is over.
    ///
    /// `body` does not throw: a generic error type would keep the compiler from making code for the element's type.
    @inlinable public mutating func withElement<Result>(_ id: SlotID, _ body: (inout Element) -> Result) -> Result? {
        guard contains(id) else { return nil }
        return unsafe body(&pointer(id.index).pointee)
    }

    @inlinable func pointer(_ index: UInt32) -> UnsafeMutablePointer<Element> {
        unsafe chunks[Int(index >> Self.chunkShift)] + Int(index) & (Self.chunkSize - 1)
    }
}
