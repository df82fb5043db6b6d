//===----------------------------------------------------------------------===//
// Quartermaster: reading bytes where they are, for handlers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import FixedMemory

/// What a handler needs to look at its input where it was received. Nothing is copied but by `String(utf8:)`, and
/// nothing is allocated.
///
/// A service with lines for requests takes them so:
///
///     var lines = input.lines
///     guard let line = lines.next() else { return 0 }  // not complete yet
///     switch line {
///     case "quit": reply.disconnect()
///     default: reply.append("what?\n")
///     }
///     return lines.consumed
extension RawSpan {
    /// The byte at `index`; traps outside of the span.
    @inlinable
    @inline(__always)
    public subscript(index: Int) -> UInt8 { rawByte(at: index) }

    /// The same as `self[index]`.
    @inlinable
    @inline(__always)
    public func byte(at index: Int) -> UInt8 { rawByte(at: index) }

    // MARK: finding

    /// The first place of `byte` from `start` on; nil when there is none.
    @inlinable public func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        firstPlace(of: byte, from: start)
    }

    /// The first place of `text`, which is part of the program, from `start` on; nil when there is none.
    @inlinable public func firstIndex(of text: StaticString, from start: Int = 0) -> Int? {
        firstPlace(of: text, from: start)
    }

    // MARK: comparing

    /// Whether `text`, which is part of the program, stands at the beginning.
    @inlinable
    @inline(__always)
    public func hasPrefix(_ text: StaticString) -> Bool { holds(text) }

    /// Whether `text`, which is part of the program, stands at the end.
    @inlinable
    @inline(__always)
    public func hasSuffix(_ text: StaticString) -> Bool { holds(text, at: byteCount - text.utf8CodeUnitCount) }

    /// The same as `hasPrefix`.
    @inlinable
    @inline(__always)
    public func starts(with text: StaticString) -> Bool { holds(text) }

    /// The same as `self == text`.
    @inlinable
    @inline(__always)
    public func equals(_ text: StaticString) -> Bool { isExactly(text) }

    /// Whether these bytes are those of `text`, which is part of the program, when the case of the letters A to Z does
    /// not count.
    public func equalsIgnoringCase(_ text: StaticString) -> Bool { isExactlyIgnoringCase(text) }

    /// Whether the bytes are those of `text`, which is part of the program.
    @inlinable
    @inline(__always)
    public static func == (bytes: RawSpan, text: StaticString) -> Bool { bytes.isExactly(text) }

    @inlinable
    @inline(__always)
    public static func != (bytes: RawSpan, text: StaticString) -> Bool { !bytes.isExactly(text) }

    /// Whether both have the same bytes.
    @inlinable public static func == (left: RawSpan, right: RawSpan) -> Bool { left.holdsTheSame(as: right) }

    @inlinable public static func != (left: RawSpan, right: RawSpan) -> Bool { !left.holdsTheSame(as: right) }

    /// For `switch`: the bytes are those of a text that is part of the program.
    @inlinable
    @inline(__always)
    public static func ~= (text: StaticString, bytes: RawSpan) -> Bool { bytes.isExactly(text) }

    // MARK: parts

    /// Without the blanks, tabs, CR and LF around it.
    @inlinable public var trimmed: RawSpan {
        @_lifetime(copy self)
        get {
            var start = 0
            var end = byteCount
            while start < end, isBlank(self[start]) { start += 1 }
            while end > start, isBlank(self[end - 1]) { end -= 1 }
            return extracting(start..<end)
        }
    }

    /// The complete lines at the front, one after the other.
    @inlinable public var lines: ByteLines {
        @_lifetime(copy self)
        get { ByteLines(self) }
    }

    /// The parts between separators, one after the other.
    @inlinable
    @_lifetime(copy self)
    public func split(separator: UInt8) -> ByteFields { ByteFields(self, separator: separator) }

    /// The parts between separators, one after the other. `separator` is one byte long: `" "`.
    @inlinable
    @_lifetime(copy self)
    public func split(separator: StaticString) -> ByteFields {
        precondition(separator.utf8CodeUnitCount == 1, "a separator is one byte")
        // One byte is there.
        return ByteFields(self, separator: unsafe separator.utf8Start.pointee)
    }
}

/// Blank, tab, CR and LF.
@inlinable
@inline(__always)
func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d || byte == 0x0a }

extension String {
    /// A copy of the bytes as text; what is no UTF-8 becomes U+FFFD.
    public init(utf8 bytes: borrowing RawSpan) { self = bytes.text }
}

extension FixedWidthInteger {
    /// The number that the bytes are the decimal digits of, with a `-` before them for a negative one. Nil for anything
    /// else, for no digits at all, and for a number that the type cannot hold.
    @inlinable public init?(decimal bytes: RawSpan) {
        let isNegative = Self.isSigned && bytes.byteCount > 0 && bytes[0] == UInt8(ascii: "-")
        var value: Self = 0
        var place = isNegative ? 1 : 0
        if place == bytes.byteCount { return nil }
        while place < bytes.byteCount {
            let digit = bytes[place] &- UInt8(ascii: "0")
            if digit > 9 { return nil }
            let (shifted, isTooLarge) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflows) =
                isNegative
                ? shifted.subtractingReportingOverflow(Self(digit)) : shifted.addingReportingOverflow(Self(digit))
            if isTooLarge || overflows { return nil }
            value = sum
            place += 1
        }
        self = value
    }

    /// The number that the bytes are the hexadecimal digits of, in either case and without `0x`. Nil for anything else,
    /// for no digits at all, and for a number that the type cannot hold.
    @inlinable public init?(hexadecimal bytes: RawSpan) {
        var value: Self = 0
        if bytes.byteCount == 0 { return nil }
        for place in 0..<bytes.byteCount {
            guard let digit = hexadecimalDigit(bytes[place]) else { return nil }
            let (shifted, isTooLarge) = value.multipliedReportingOverflow(by: 16)
            let (sum, overflows) = shifted.addingReportingOverflow(Self(digit))
            if isTooLarge || overflows { return nil }
            value = sum
        }
        self = value
    }
}

@inlinable
func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
