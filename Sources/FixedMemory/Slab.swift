//===----------------------------------------------------------------------===//
// Quartermaster: Slab, elements in slots that never move
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// One slot's bookkeeping, apart from its element.
@usableFromInline struct SlabSlot {
    /// Odd while the slot is taken. Goes up by one when an element comes and when it leaves, so that every life has an
    /// odd number of its own, and a name fits or does not with one comparison.
    @usableFromInline var generation: UInt32
    @usableFromInline var nextFree: UInt32

    @inlinable init(nextFree: UInt32) {
        generation = 0
        self.nextFree = nextFree
    }

    @inlinable var isTaken: Bool { generation & 1 == 1 }
}

/// Holds noncopyable elements in chunks of fixed size. Inserting and removing allocate nothing while the
/// reserved capacity lasts; `reserve` adds a chunk, and callers do that off their hot path.
///
/// Public and inlinable, as everything in this room that a request passes through, though no product shows it: Swift
/// 6.3.1 carries code into another target, and makes it for a caller's element type, only then (not for `package`).
/// Without it, a request to anvil is dozens of calls of a few instructions each.
///
/// Owner of the memory: this value. Elements live until `remove` or the end of the slab. All access goes through
/// `withElement`, which checks the slot's generation; never keep access to a slot across a call that may
/// insert into or remove from the same slab.
@safe public struct Slab<Element: ~Copyable>: ~Copyable {
    /// Slots a chunk. A power of two, so that index arithmetic is shifts.
    @inlinable static var chunkShift: UInt32 { 6 }
    @inlinable static var chunkSize: Int { 1 << Int(chunkShift) }
    @inlinable static var none: UInt32 { .max }

    // Bare memory and not arrays: an array checks at each change whether it is shared. An index below the capacity
    // means that both are there.
    @usableFromInline var slots: UnsafeMutableBufferPointer<SlabSlot>
    @usableFromInline var chunks: UnsafeMutableBufferPointer<UnsafeMutablePointer<Element>>
    /// Of the chunks that are there; all tables may have room for more.
    @usableFromInline var chunkCount = 0
    /// Chunks that came together are one block. With one each, the allocator's words before it would touch a page of
    /// memory that nobody uses yet.
    @usableFromInline var blocks: UnsafeMutableBufferPointer<UnsafeMutablePointer<Element>>
    @usableFromInline var blockCount = 0
    @usableFromInline var firstFree: UInt32 = .max
    @usableFromInline var taken = 0
    @inlinable public var count: Int { taken }

    /// - Parameter capacity: elements that fit before `reserve` must be called; rounded up to a chunk.
    @inlinable public init(capacity: Int) {
        unsafe slots = UnsafeMutableBufferPointer(start: nil, count: 0)
        unsafe chunks = UnsafeMutableBufferPointer(start: nil, count: 0)
        unsafe blocks = UnsafeMutableBufferPointer(start: nil, count: 0)
        reserve(capacity)
    }

    @inlinable deinit {
        for index in 0..<capacity where unsafe slots[index].isTaken {
            unsafe pointer(UInt32(index)).deinitialize(count: 1)
        }
        for index in 0..<blockCount { unsafe blocks[index].deallocate() }
        unsafe slots.deallocate()
        unsafe chunks.deallocate()
        unsafe blocks.deallocate()
    }

    @inlinable public var capacity: Int { chunkCount << Int(Self.chunkShift) }

    /// Makes room for `total` elements in all. Allocates; existing elements do not move.
    @inlinable public mutating func reserve(_ total: Int) {
        let first = capacity
        let more = (max(total - first, 0) + Self.chunkSize - 1) >> Int(Self.chunkShift)
        if more == 0 { return }
        let end = first + more * Self.chunkSize
        unsafe Self.widen(&chunks, used: chunkCount, to: chunkCount + more)
        unsafe Self.widen(&slots, used: first, to: end)
        unsafe Self.widen(&blocks, used: blockCount, to: blockCount + 1)
        let block = UnsafeMutablePointer<Element>.allocate(capacity: more * Self.chunkSize)
        unsafe blocks.initializeElement(at: blockCount, to: block)
        blockCount += 1
        for place in 0..<more {
            unsafe chunks.initializeElement(at: chunkCount + place, to: block + place * Self.chunkSize)
        }
        for index in first..<end {
            let next = index == end - 1 ? firstFree : UInt32(index + 1)
            unsafe slots.initializeElement(at: index, to: SlabSlot(nextFree: next))
        }
        chunkCount += more
        firstFree = UInt32(first)
    }

    /// Moves what is used of `memory` to a larger place, at least half as large again: so growing costs each element
    /// the same, however many there are.
    @inlinable static func widen<Entry>(
        _ memory: inout UnsafeMutableBufferPointer<Entry>,
        used: Int,
        to total: Int
    ) {
        if total <= memory.count { return }
        let old = unsafe memory
        unsafe memory = .allocate(capacity: max(total, old.count + old.count / 2))
        if used > 0 { unsafe memory.baseAddress!.moveInitialize(from: old.baseAddress!, count: used) }
        unsafe old.deallocate()
    }

    /// Puts `element` into a free slot; nil when all are taken (the element is dropped).
    @inlinable public mutating func insert(_ element: consuming Element) -> SlotID? {
        let index = firstFree
        guard index != Self.none else { return nil }
        let slot = unsafe slots.baseAddress.unsafelyUnwrapped + Int(index)
        unsafe firstFree = slot.pointee.nextFree
        unsafe slot.pointee.generation &+= 1
        unsafe pointer(index).initialize(to: element)
        taken += 1
        return unsafe SlotID(index: index, generation: slot.pointee.generation)
    }

    /// Takes the element out; nil when `id` names a life that is over.
    @inlinable public mutating func remove(_ id: SlotID) -> Element? {
        guard contains(id) else { return nil }
        let slot = unsafe slots.baseAddress.unsafelyUnwrapped + Int(id.index)
        unsafe slot.pointee.generation &+= 1
        unsafe slot.pointee.nextFree = firstFree
        firstFree = id.index
        taken -= 1
        return unsafe pointer(id.index).move()
    }

    @inlinable public func contains(_ id: SlotID) -> Bool {
        let index = Int(id.index)
        guard index < capacity, id.generation & 1 == 1 else { return false }
        return unsafe slots.baseAddress.unsafelyUnwrapped[index].generation == id.generation
    }

    /// The name of the element that lives in slot `index` now.
    @inlinable public func id(at index: Int) -> SlotID? {
        guard index >= 0, index < capacity else { return nil }
        let slot = unsafe slots[index]
        return slot.isTaken ? SlotID(index: UInt32(index), generation: slot.generation) : nil
    }

    /// Lends the element to `body`; nil when `id` names a life that is over.
    ///
    /// `body` does not throw: a generic error type would keep the compiler from making code for the element's type.
    @inlinable public mutating func withElement<Result>(_ id: SlotID, _ body: (inout Element) -> Result) -> Result? {
        guard contains(id) else { return nil }
        return unsafe body(&pointer(id.index).pointee)
    }

    /// The element that `id` names; traps when that life is over. Ask `contains` first. A request goes through here a
    /// dozen times, and a call costs as much as what it does.
    @inlinable public subscript(id: SlotID) -> Element {
        @inline(__always) unsafeAddress {
            precondition(contains(id), "a slot whose life is over")
            return unsafe UnsafePointer(pointer(id.index))
        }
        @inline(__always) unsafeMutableAddress {
            precondition(contains(id), "a slot whose life is over")
            return unsafe pointer(id.index)
        }
    }

    /// Where the element of slot `index` is or will be; `index` is below the capacity.
    @inlinable func pointer(_ index: UInt32) -> UnsafeMutablePointer<Element> {
        unsafe chunks.baseAddress.unsafelyUnwrapped[Int(index >> Self.chunkShift)] + Int(index) & (Self.chunkSize - 1)
    }
}
