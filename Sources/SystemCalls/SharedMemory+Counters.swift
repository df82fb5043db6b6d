//===----------------------------------------------------------------------===//
// Quartermaster: counters in memory that other processes read, and write, too
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import CPosix

// Each word by itself; none of these is a system call. Offsets are in bytes.
extension SharedMemory {
    package func word(at offset: Int) -> UInt64 {
        check(offset)
        return unsafe cposix_word(base + offset / 8)
    }

    /// Adds to a counter that no other process changes.
    @inlinable @inline(__always)
    public func count(_ number: UInt64, at offset: Int) {
        check(offset)
        unsafe cposix_count(base + offset / 8, number)
    }

    /// Adds to a counter that other processes add to as well.
    package func countTogether(_ number: UInt64, at offset: Int) {
        check(offset)
        unsafe cposix_count_together(base + offset / 8, number)
    }

    /// Whether the word was `expected`, and is `wanted` from now on. Of several processes that try, one succeeds.
    package func replace(_ expected: UInt64, by wanted: UInt64, at offset: Int) -> Bool {
        check(offset)
        return unsafe cposix_replace_word(base + offset / 8, expected, wanted) != 0
    }

    @inlinable @inline(__always)
    func check(_ offset: Int) { precondition(offset >= 0 && offset < byteCount) }
}
