//===----------------------------------------------------------------------===//
// Quartermaster: walking through bytes, part by part
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import FixedMemory

/// The complete lines at the front of some bytes. A line ends with LF, or with CR LF; what stands behind the last end
/// is no line yet.
///
///     var lines = input.lines
///     while let line = lines.next() { … }
///     return lines.consumed
@frozen public struct ByteLines: ~Escapable {
    @usableFromInline let bytes: RawSpan
    /// How many bytes the lines so far took, with their ends: where the rest begins.
    @inlinable public var consumed: Int { place }
    @usableFromInline var place = 0

    @inlinable
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) { self.bytes = bytes }

    /// The next line without its end; nil when no whole one is left.
    @inlinable
    @_lifetime(copy self)
    public mutating func next() -> RawSpan? {
        guard let end = bytes.firstPlace(of: 0x0a, from: place) else { return nil }
        let start = place
        place = end + 1
        let isTwoBytes = end > start && bytes.rawByte(at: end - 1) == 0x0d
        return bytes.extracting(start..<(isTwoBytes ? end - 1 : end))
    }
}

/// The parts of some bytes between separators: one more than there are separators, each of which may be empty.
///
///     var words = line.split(separator: " ")
///     guard let command = words.next(), let argument = words.next() else { … }
@frozen public struct ByteFields: ~Escapable {
    @usableFromInline let bytes: RawSpan
    @usableFromInline let separator: UInt8
    /// Where the next part begins; beyond the end when there is none.
    @usableFromInline var place = 0

    @inlinable
    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, separator: UInt8) {
        self.bytes = bytes
        self.separator = separator
    }

    /// The next part; nil when all were given out.
    @inlinable
    @_lifetime(copy self)
    public mutating func next() -> RawSpan? {
        if place > bytes.byteCount { return nil }
        let start = place
        let end = bytes.firstPlace(of: separator, from: start) ?? bytes.byteCount
        place = end + 1
        return bytes.extracting(start..<end)
    }

    /// The next part that is not empty; nil when there is none.
    @inlinable
    @_lifetime(copy self)
    public mutating func nextWord() -> RawSpan? {
        while place < bytes.byteCount, bytes.rawByte(at: place) == separator { place += 1 }
        return place < bytes.byteCount ? next() : nil
    }

    /// Everything behind the separator of the last part, separators and all.
    @inlinable public var rest: RawSpan {
        @_lifetime(copy self)
        get { bytes.extracting(min(place, bytes.byteCount)..<bytes.byteCount) }
    }
}
