//===----------------------------------------------------------------------===//
// Quartermaster: reading bytes, for handlers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import FixedMemory

/// What a handler needs to look at its input where it was received. Nothing is copied but by `String(utf8:)`.
///
/// A service with lines for requests finds their ends so:
///
///     guard let end = input.firstIndex(of: UInt8(ascii: "\n")) else { return 0 }  // not complete yet
///     let line = input.extracting(0..<end)
///     if line.equals("quit") { reply.disconnect() }
///     return end + 1
extension RawSpan {
    /// The byte at `index`; traps outside of the span.
    @inlinable
    @inline(__always)
    public func byte(at index: Int) -> UInt8 { rawByte(at: index) }

    /// The first place of `byte` from `start` on; nil when there is none.
    @inlinable public func firstIndex(of byte: UInt8, from start: Int = 0) -> Int? {
        firstPlace(of: byte, from: start)
    }

    /// Whether `text`, which is part of the program, stands at the beginning.
    @inlinable
    @inline(__always)
    public func starts(with text: StaticString) -> Bool { holds(text) }

    /// Whether these bytes are those of `text`, which is part of the program.
    @inlinable
    @inline(__always)
    public func equals(_ text: StaticString) -> Bool { isExactly(text) }
}

extension String {
    /// A copy of the bytes as text; what is no UTF-8 becomes U+FFFD.
    public init(utf8 bytes: borrowing RawSpan) { self.init(decoding: bytes.array, as: UTF8.self) }
}
