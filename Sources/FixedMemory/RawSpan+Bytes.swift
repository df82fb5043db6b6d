//===----------------------------------------------------------------------===//
// Quartermaster: reading bytes in place
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import Glibc

// Service authors have names of their own for these, in ServerSkeleton: the names here must be others, or a program
// that sees both could use neither.
extension RawSpan {
    /// The byte at `index`; traps outside of the span.
    @inlinable
    @inline(__always)
    public func rawByte(at index: Int) -> UInt8 {
        precondition(index >= 0 && index < byteCount)
        return unsafe unsafeLoad(fromByteOffset: index, as: UInt8.self)
    }

    /// The eight bytes at `index`, the first one lowest, wherever they stand; traps outside of the span.
    @inlinable
    @inline(__always)
    public func rawWord(at index: Int) -> UInt64 {
        precondition(index >= 0 && index <= byteCount - 8)
        return unsafe UInt64(littleEndian: unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
    }

    /// The first place of `byte` from `start` on.
    @inlinable public func firstPlace(of byte: UInt8, from start: Int = 0) -> Int? {
        precondition(start >= 0)
        if start >= byteCount { return nil }
        return unsafe withUnsafeBytes { bytes in
            // Not empty, so it has an address.
            let base = bytes.baseAddress!
            guard let found = unsafe memchr(base + start, CInt(byte), bytes.count - start) else { return nil }
            return unsafe UnsafeRawPointer(found) - base
        }
    }

    /// The first place of `text`, which is part of the program, from `start` on; an empty one is nowhere.
    @inlinable public func firstPlace(of text: StaticString, from start: Int = 0) -> Int? {
        precondition(start >= 0)
        if text.utf8CodeUnitCount == 0 { return nil }
        // One byte is there.
        let first = unsafe text.utf8Start.pointee
        var place = start
        while let found = firstPlace(of: first, from: place) {
            if holds(text, at: found) { return found }
            place = found + 1
        }
        return nil
    }

    /// Whether `text`, which is part of the program, stands at `start`.
    @inlinable
    @inline(__always)
    public func holds(_ text: StaticString, at start: Int = 0) -> Bool {
        let size = text.utf8CodeUnitCount
        guard start >= 0, size <= byteCount - start else { return false }
        if size == 0 { return true }
        // Of a text whose size the compiler knows, this becomes a load and a comparison.
        return unsafe withUnsafeBytes { unsafe memcmp($0.baseAddress! + start, text.utf8Start, size) == 0 }
    }

    /// Whether these bytes are those of `text`.
    @inlinable
    @inline(__always)
    public func isExactly(_ text: StaticString) -> Bool { text.utf8CodeUnitCount == byteCount && holds(text) }

    /// The same, when the case of the letters A to Z does not count.
    public func isExactlyIgnoringCase(_ text: StaticString) -> Bool {
        guard text.utf8CodeUnitCount == byteCount else { return false }
        for index in 0..<byteCount {
            // As many bytes as the text has: looked at above.
            let other = unsafe text.utf8Start[index]
            if rawByte(at: index) != other, Self.lowered(rawByte(at: index)) != Self.lowered(other) { return false }
        }
        return true
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }

    /// Whether `other` has the same bytes.
    @inlinable public func holdsTheSame(as other: RawSpan) -> Bool {
        if byteCount != other.byteCount { return false }
        if byteCount == 0 { return true }
        return unsafe withUnsafeBytes { mine in
            unsafe other.withUnsafeBytes { unsafe memcmp(mine.baseAddress!, $0.baseAddress!, mine.count) == 0 }
        }
    }

    /// A copy as text; what is no UTF-8 becomes U+FFFD.
    public var text: String { unsafe withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) } }

    /// A hash with the seed of this process, so that a client cannot choose bytes that collide.
    package func hashed() -> Int {
        var hasher = Hasher()
        unsafe withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return hasher.finalize()
    }

    /// A copy, as an array: an allocation.
    package var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}
