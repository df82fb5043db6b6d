//===----------------------------------------------------------------------===//
// Quartermaster: ShortBytes, a few bytes kept without an allocation
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import Glibc

/// A copy of up to 64 bytes, stored in place: the key of a table whose elements never allocate.
public struct ShortBytes: Sendable {
    @inlinable public static var capacity: Int { 64 }

    @usableFromInline var storage = InlineArray<64, UInt8>(repeating: 0)
    public private(set) var count = 0

    /// Nothing at all.
    public init() {}

    /// The first 64 bytes of `bytes`.
    public init(prefixOf bytes: borrowing RawSpan) {
        let count = min(bytes.byteCount, Self.capacity)
        self.count = count
        if count == 0 { return }
        unsafe bytes.withUnsafeBytes { source in
            // Both have room for `count` bytes.
            unsafe withUnsafeMutableBytes(of: &storage) {
                unsafe $0.baseAddress!.copyMemory(from: source.baseAddress!, byteCount: count)
            }
        }
    }

    /// A copy, as an array.
    public var array: [UInt8] { (0..<count).map { storage[$0] } }

    @inlinable public func equals(_ bytes: borrowing RawSpan) -> Bool {
        guard bytes.byteCount == count else { return false }
        if count == 0 { return true }
        return unsafe bytes.withUnsafeBytes { other in
            unsafe withUnsafeBytes(of: storage) { unsafe memcmp($0.baseAddress!, other.baseAddress!, other.count) == 0 }
        }
    }
}
