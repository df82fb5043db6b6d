//===----------------------------------------------------------------------===//
// Quartermaster: lists of names and values, as Postfix's programs write them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import FixedMemory

/// How a list of attributes is written.
public enum AttributeForm: Sendable {
    /// `name NUL value NUL … NUL`: "attr0", what Postfix's programs talk to each other in.
    case nullTerminated
    /// `name=value LF … LF`: of anvil, and of policy servers.
    case plain

    @inlinable var end: UInt8 { self == .plain ? 0x0a : 0 }
}

/// Walks through a list of attributes, where it was received. Of each it says where name and value are; what they mean,
/// in which order they come, whether one may be missing or come twice, and whether a table may stand in a table, is for
/// the reader to say.
///
///     var list = Attributes(input, .plain)
///     while list.next() == .attribute { … list.name … list.value … }
@frozen public struct Attributes: ~Escapable {
    /// What comes next in a list.
    @frozen public enum Element: Sendable {
        /// It is not all there: nothing was taken, and the list can be walked through again when there is more.
        case incomplete
        /// `name` and `value` are those of the next one.
        case attribute
        /// What follows belongs to a table, until `tableEnd`.
        case tableBegin, tableEnd
        /// The list is over; what follows `consumed` does not belong to it.
        case end
        /// A line without `=`, or without a name before it.
        case malformed
    }

    @usableFromInline let bytes: RawSpan
    @usableFromInline let form: AttributeForm
    @usableFromInline var place: Int
    @usableFromInline var nameStart = 0
    @usableFromInline var nameEnd = 0
    @usableFromInline var valueStart = 0
    @usableFromInline var valueEnd = 0

    /// - Parameter start: where to begin: the `consumed` of an earlier walk, whose reader has taken what came before.
    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, _ form: AttributeForm, from start: Int = 0) {
        self.bytes = bytes
        self.form = form
        place = start
    }

    /// How many bytes the elements so far took.
    @inlinable public var consumed: Int { place }

    /// Of the last attribute.
    @inlinable public var name: RawSpan {
        @_lifetime(copy self)
        get { bytes.extracting(nameStart..<nameEnd) }
    }

    /// Of the last attribute.
    @inlinable public var value: RawSpan {
        @_lifetime(copy self)
        get { bytes.extracting(valuePlaces) }
    }

    /// Where the value of the last attribute is.
    @inlinable public var valuePlaces: Range<Int> { valueStart..<valueEnd }

    /// Goes on to the next element.
    @inlinable public mutating func next() -> Element {
        let start = place
        guard let end = bytes.firstPlace(of: form.end, from: start) else { return .incomplete }
        if end == start {
            place = end + 1
            return .end
        }
        if isBrace(start, end) {
            place = end + 1
            return bytes[start] == UInt8(ascii: "{") ? .tableBegin : .tableEnd
        }
        return form == .plain ? line(start, end) : pair(start, end)
    }

    @inlinable
    @inline(__always)
    mutating func take(_ start: Int, _ nameEnd: Int, _ valueEnd: Int) {
        nameStart = start
        self.nameEnd = nameEnd
        valueStart = nameEnd + 1
        self.valueEnd = valueEnd
        place = valueEnd + 1
    }

    /// Postfix's plain writer puts a NUL between a brace and its LF.
    @inlinable func isBrace(_ start: Int, _ end: Int) -> Bool {
        let size = end - start
        guard size == 1 || (size == 2 && form == .plain && bytes[start + 1] == 0) else { return false }
        return bytes[start] == UInt8(ascii: "{") || bytes[start] == UInt8(ascii: "}")
    }

    @inlinable mutating func line(_ start: Int, _ end: Int) -> Element {
        guard let equals = bytes.firstPlace(of: UInt8(ascii: "="), from: start), equals < end, equals > start else {
            return .malformed
        }
        take(start, equals, end)
        return .attribute
    }

    @inlinable mutating func pair(_ start: Int, _ end: Int) -> Element {
        guard let valueEnd = bytes.firstPlace(of: 0, from: end + 1) else { return .incomplete }
        take(start, end, valueEnd)
        return .attribute
    }
}

/// What a reader finds who knows the name of the attribute that comes next.
@frozen public enum ExpectedAttribute: Equatable, Sendable {
    /// It is not all there.
    case incomplete
    /// Something else is there.
    case missing
    /// Its value is at these bytes; behind their end is one byte, and then what follows in the list.
    case value(Range<Int>)
}

extension RawSpan {
    /// For a reader whose attributes come in a fixed order: the one at `start`, which has to be `name`.
    @inlinable
    @inline(__always)
    public func attribute(_ name: StaticString, at start: Int, _ form: AttributeForm) -> ExpectedAttribute {
        guard let end = firstPlace(of: form.end, from: start) else { return .incomplete }
        // A name holds no end, so that a name that is there is followed by something.
        let valueStart = start + name.utf8CodeUnitCount + 1
        guard holds(name, at: start), rawByte(at: valueStart - 1) == (form == .plain ? UInt8(ascii: "=") : 0) else {
            return .missing
        }
        if form == .plain { return .value(valueStart..<end) }
        guard let valueEnd = firstPlace(of: 0, from: valueStart) else { return .incomplete }
        return .value(valueStart..<valueEnd)
    }
}

/// Messages are lists of attributes. The content is the list without its last terminator.
public struct AttributeFraming: Framing {
    public let limit: Int
    public let form: AttributeForm

    public init(_ form: AttributeForm, limit: Int) {
        self.form = form
        self.limit = limit
    }

    @inlinable public func next(in input: RawSpan) -> Framed {
        var list = Attributes(input, form)
        while true {
            switch list.next() {
            case .attribute, .tableBegin, .tableEnd: continue
            case .end:
                let end = list.consumed - 1
                return end > limit ? .malformed(.tooLong) : .frame(0..<end, size: end + 1)
            case .incomplete: return input.byteCount > limit ? .malformed(.tooLong) : .incomplete
            case .malformed: return .malformed(.noEnd)
            }
        }
    }
}
