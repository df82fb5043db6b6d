//===----------------------------------------------------------------------===//
// Quartermaster: FixedBytes, one block of bytes for a lifetime
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A block of bytes of fixed size, zeroed at creation and freed with its owner. It hands out spans only, which
/// cannot outlive it; it never grows.
@safe package struct FixedBytes: ~Copyable {
    private let base: UnsafeMutableRawPointer
    package let count: Int

    /// - Parameter count: size in bytes, at least 1.
    package init(count: Int) {
        precondition(count > 0)
        self.count = count
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 16)
        unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    }

    deinit {
        unsafe base.deallocate()
    }

    /// The whole block.
    package var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// The whole block, to write into.
    package var mutableBytes: MutableRawSpan {
        @_lifetime(&self)
        mutating get {
            let span = unsafe MutableRawSpan(_unsafeStart: base, byteCount: count)
            return unsafe _overrideLifetime(span, mutating: &self)
        }
    }

    /// The address of the block, for a kernel interface that keeps it (an iovec wired once). Valid as long as
    /// this value lives; `count` bytes.
    package var unsafeBase: UnsafeMutableRawPointer { unsafe base }

    /// Moves `size` bytes from offset `from` to the start, for input that waits for its rest.
    package mutating func moveToFront(from: Int, size: Int) {
        precondition(from >= 0 && size >= 0 && from + size <= count)
        unsafe base.copyMemory(from: base + from, byteCount: size)
    }
}
