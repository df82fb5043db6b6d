//===----------------------------------------------------------------------===//
// Quartermaster: ShortBytes, a few bytes kept without an allocation
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A copy of up to 64 bytes, stored in place: the key of a table whose elements never allocate.
package struct ShortBytes: Sendable {
    package static var capacity: Int { 64 }

    private var storage = InlineArray<64, UInt8>(repeating: 0)
    package private(set) var count = 0

    /// Nothing at all.
    package init() {}

    /// The first 64 bytes of `bytes`.
    package init(prefixOf bytes: borrowing RawSpan) {
        count = min(bytes.byteCount, Self.capacity)
        for index in 0..<count { storage[index] = bytes.byte(at: index) }
    }

    /// A copy, as an array.
    package var array: [UInt8] { (0..<count).map { storage[$0] } }

    @inline(__always)
    package func equals(_ bytes: borrowing RawSpan) -> Bool {
        guard bytes.byteCount == count else { return false }
        for index in 0..<count where storage[index] != bytes.byte(at: index) { return false }
        return true
    }
}
