//===----------------------------------------------------------------------===//
// Quartermaster: FixedArray, elements of fixed size in memory that is used when it is written to
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Glibc

/// A number of elements that is set once, all of whose bytes are zero at first. The kernel hands out its memory page by
/// page, when something is written there: a large table that is nearly empty costs little.
@safe public struct FixedArray<Element: BitwiseCopyable>: ~Copyable {
    @usableFromInline let base: UnsafeMutablePointer<Element>
    public let count: Int

    /// - Parameters:
    ///   - zeros: the element whose bytes are all zero.
    ///   - count: at least 1.
    public init(_ zeros: Element, count: Int) {
        precondition(count > 0)
        self.count = count
        guard let memory = unsafe calloc(count, MemoryLayout<Element>.stride) else {
            preconditionFailure("no memory for a table of \(count) elements")
        }
        // Any bytes are a value of such a type; that these are those of `zeros` is for the caller to say.
        unsafe base = memory.bindMemory(to: Element.self, capacity: count)
    }

    deinit { unsafe free(base) }

    /// Traps outside of the array.
    @inlinable public subscript(index: Int) -> Element {
        @inline(__always) unsafeAddress {
            precondition(index >= 0 && index < count)
            return unsafe UnsafePointer(base + index)
        }
        @inline(__always) unsafeMutableAddress {
            precondition(index >= 0 && index < count)
            return unsafe base + index
        }
    }
}

/// There is one owner, and whoever borrows it while others do cannot write.
extension FixedArray: @unchecked Sendable where Element: Sendable {}
