//===----------------------------------------------------------------------===//
// Quartermaster: Ring, a queue whose memory is used again
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// First in, first out. Memory doubles when it is full, and stays: once the queue has been as long as it gets, nothing
/// is allocated.
@safe public struct Ring<Element: ~Copyable>: ~Copyable {
    @usableFromInline var places: UnsafeMutablePointer<Element>
    /// A power of two, so that a place is found with a mask.
    public private(set) var capacity: Int
    @usableFromInline var first = 0
    @usableFromInline var taken = 0
    @inlinable public var count: Int { taken }
    @inlinable public var isEmpty: Bool { taken == 0 }

    /// - Parameter capacity: elements that fit without growing, rounded up to a power of two.
    public init(capacity: Int) {
        var size = 16
        while size < capacity { size *= 2 }
        self.capacity = size
        unsafe places = .allocate(capacity: size)
    }

    deinit {
        for number in 0..<taken { unsafe (places + (first + number) & (capacity - 1)).deinitialize(count: 1) }
        unsafe places.deallocate()
    }

    @inlinable
    @inline(__always)
    public mutating func append(_ element: consuming Element) {
        if taken == capacity { grow() }
        unsafe (places + (first + taken) & (capacity - 1)).initialize(to: element)
        taken += 1
    }

    /// The one that has waited longest.
    @inlinable
    @inline(__always)
    public mutating func popFirst() -> Element? {
        if taken == 0 { return nil }
        let element = unsafe (places + first).move()
        first = (first + 1) & (capacity - 1)
        taken -= 1
        return element
    }

    @usableFromInline mutating func grow() {
        let larger = UnsafeMutablePointer<Element>.allocate(capacity: capacity * 2)
        let behind = min(taken, capacity - first)
        unsafe larger.moveInitialize(from: places + first, count: behind)
        unsafe (larger + behind).moveInitialize(from: places, count: taken - behind)
        unsafe places.deallocate()
        unsafe places = larger
        capacity *= 2
        first = 0
    }
}
