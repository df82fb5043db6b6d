//===----------------------------------------------------------------------===//
// Quartermaster: reading bytes in place
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

private import Glibc

extension RawSpan {
    /// The byte at `index`; traps outside of the span.
    @inline(__always)
    package func byte(at index: Int) -> UInt8 {
        precondition(index >= 0 && index < byteCount)
        return unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }

    /// The first place of `byte` from `start` on.
    package func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        precondition(start >= 0)
        if start >= byteCount { return nil }
        return unsafe withUnsafeBytes { bytes in
            // Not empty, so it has an address.
            let base = bytes.baseAddress!
            guard let found = unsafe memchr(base + start, CInt(byte), bytes.count - start) else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }

    /// Whether these bytes begin with `text`.
    package func hasPrefix(_ text: StaticString) -> Bool {
        text.utf8CodeUnitCount <= byteCount && extracting(0..<text.utf8CodeUnitCount).equals(text)
    }

    /// Whether these bytes are those of `text`.
    package func equals(_ text: StaticString) -> Bool {
        guard text.utf8CodeUnitCount == byteCount else { return false }
        if byteCount == 0 { return true }
        return unsafe withUnsafeBytes { unsafe memcmp($0.baseAddress!, text.utf8Start, $0.count) == 0 }
    }

    /// A hash with the seed of this process, so that nobody outside can choose bytes that collide.
    package func hashed() -> Int {
        var hasher = Hasher()
        unsafe withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return hasher.finalize()
    }

    /// A copy, as an array, for what is done rarely.
    package var array: [UInt8] { (0..<byteCount).map { byte(at: $0) } }
}
