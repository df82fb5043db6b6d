//===----------------------------------------------------------------------===//
// Quartermaster: where a message begins and ends in a stream of bytes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import FixedMemory

/// What the front of some input comes to, as one framing sees it.
public enum Framed: Equatable, Sendable {
    /// The message is not complete: ask again when there is more.
    case incomplete
    /// A message is complete: its content is at these bytes, and with what belongs to it, it takes `size` bytes at the
    /// front.
    case frame(Range<Int>, size: Int)
    /// The bytes are no message of this framing. What follows cannot be understood.
    case malformed(FrameProblem)
}

/// Why bytes are no message.
public enum FrameProblem: Error, Equatable, Sendable {
    /// The message is longer than the framing's limit, or is going to be.
    case tooLong
    /// What should say how long the message is says something else.
    case noLength
    /// What should stand behind the content does not.
    case noEnd

    public var reason: String {
        switch self {
        case .tooLong: "message is too long"
        case .noLength: "no length where one should be"
        case .noEnd: "no end where it should be"
        }
    }
}

/// Finds the message at the front of a stream's input: pure, without memory of earlier calls, and without a copy. In a
/// handler:
///
///     switch framing.next(in: input) {
///     case .incomplete: return 0
///     case .frame(let content, let size):
///         answer(input.extracting(content))
///         return size
///     case .malformed(let problem): …
///     }
///
/// Let the service's `maximumRequestSize` be larger than the longest message with its framing: a client whose message
/// is longer is disconnected before the framing can say why.
public protocol Framing: Sendable {
    /// Bytes of the longest content.
    var limit: Int { get }

    func next(in input: RawSpan) -> Framed
}

/// Messages are lines, which end with LF or with CR LF.
public struct LineFraming: Framing {
    public let limit: Int

    public init(limit: Int) { self.limit = limit }

    @inlinable public func next(in input: RawSpan) -> Framed {
        guard let end = input.firstPlace(of: 0x0a) else {
            // A CR at the end may belong to the line's end.
            let count = input.byteCount
            let isLonger = count > limit && !(count == limit + 1 && input[count - 1] == 0x0d)
            return isLonger ? .malformed(.tooLong) : .incomplete
        }
        let content = 0..<(end > 0 && input[end - 1] == 0x0d ? end - 1 : end)
        return content.count > limit ? .malformed(.tooLong) : .frame(content, size: end + 1)
    }
}

/// Messages end with a byte that is in none of them, such as NUL.
public struct TerminatedFraming: Framing {
    public let limit: Int
    public let terminator: UInt8

    public init(terminator: UInt8 = 0, limit: Int) {
        self.terminator = terminator
        self.limit = limit
    }

    @inlinable public func next(in input: RawSpan) -> Framed {
        guard let end = input.firstPlace(of: terminator) else {
            return input.byteCount > limit ? .malformed(.tooLong) : .incomplete
        }
        return end > limit ? .malformed(.tooLong) : .frame(0..<end, size: end + 1)
    }
}

/// A message is preceded by its length in bytes.
public struct LengthFraming: Framing {
    /// How a length is written.
    public enum Width: Sendable {
        case oneByte
        /// Most significant byte first.
        case twoBytes, fourBytes
        /// Seven bits a byte, least significant first; all but the last byte have the highest bit set.
        case varint

        /// Of the longest length that fits.
        @inlinable public var largest: Int {
            switch self {
            case .oneByte: 0xff
            case .twoBytes: 0xffff
            case .fourBytes: 0xffff_ffff
            case .varint: .max
            }
        }
    }

    public let limit: Int
    public let width: Width

    public init(_ width: Width, limit: Int) {
        self.width = width
        self.limit = limit
    }

    @inlinable public func next(in input: RawSpan) -> Framed {
        switch width {
        case .oneByte: fixed(input, 1)
        case .twoBytes: fixed(input, 2)
        case .fourBytes: fixed(input, 4)
        case .varint: varint(input)
        }
    }

    @inlinable func fixed(_ input: RawSpan, _ size: Int) -> Framed {
        guard input.byteCount >= size else { return .incomplete }
        var length = 0
        for place in 0..<size { length = length << 8 | Int(input[place]) }
        return frame(input, from: size, length)
    }

    @inlinable func varint(_ input: RawSpan) -> Framed {
        var length: UInt64 = 0
        for place in 0..<min(input.byteCount, 9) {
            length |= UInt64(input[place] & 0x7f) << UInt64(7 * place)
            if input[place] & 0x80 == 0 { return frame(input, from: place + 1, Int(length)) }
        }
        return input.byteCount < 9 ? .incomplete : .malformed(.noLength)
    }

    @inlinable func frame(_ input: RawSpan, from start: Int, _ length: Int) -> Framed {
        if length > limit { return .malformed(.tooLong) }
        guard input.byteCount - start >= length else { return .incomplete }
        return .frame(start..<start + length, size: start + length)
    }
}

/// Messages are netstrings: `5:hello,`.
public struct NetstringFraming: Framing {
    public let limit: Int

    public init(limit: Int) { self.limit = limit }

    @inlinable public func next(in input: RawSpan) -> Framed {
        var length = 0
        var place = 0
        while place < input.byteCount, input[place] != UInt8(ascii: ":") {
            let digit = input[place] &- UInt8(ascii: "0")
            // No number begins with a 0 but 0 itself.
            if digit > 9 || (place > 0 && length == 0) { return .malformed(.noLength) }
            let (tens, isTooLong) = length.multipliedReportingOverflow(by: 10)
            if isTooLong || tens > limit - Int(digit) { return .malformed(.tooLong) }
            length = tens + Int(digit)
            place += 1
        }
        guard place < input.byteCount else { return .incomplete }
        if place == 0 { return .malformed(.noLength) }
        let end = place + 1 + length
        guard end < input.byteCount else { return .incomplete }
        return input[end] == UInt8(ascii: ",") ? .frame(place + 1..<end, size: end + 1) : .malformed(.noEnd)
    }
}
