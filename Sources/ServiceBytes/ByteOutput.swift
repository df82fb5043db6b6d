//===----------------------------------------------------------------------===//
// Quartermaster: what every place that bytes are appended to can do
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import FixedMemory

/// A place that bytes are appended to, one after the other: a `Reply`, an `OutputBuffer`. Something that does not fit
/// is refused whole, and the place remembers that its content is not what was meant.
///
/// Numbers, and messages in their framings, are written by what is said here once for all places; nothing is allocated.
public protocol ByteOutput: ~Copyable {
    /// Bytes that still fit.
    var room: Int { get }
    /// Appends a copy of `bytes`.
    mutating func append(_ bytes: RawSpan)
    /// Appends text that is part of the program.
    mutating func append(_ text: StaticString)
    /// Appends text that was made at run time, as UTF-8.
    mutating func append(utf8 text: String)
    mutating func append(byte: UInt8)
    /// Something does not fit, of which nothing is appended.
    mutating func refuse()
}

extension ByteOutput where Self: ~Copyable {
    @inlinable public mutating func append(_ bytes: [UInt8]) { append(bytes.span) }

    /// Bytes are bytes.
    @inlinable public mutating func append(_ bytes: Span<UInt8>) { append(unsafe bytes.bytes) }

    // MARK: numbers

    /// Appends a number of at most 64 bits in decimal digits.
    ///
    /// - Parameters:
    ///   - width: bytes at least: padding goes before the number, zeros behind its sign.
    @inlinable public mutating func append(
        decimal number: some FixedWidthInteger,
        width: Int = 0,
        padding: NumberPadding = .blanks
    ) {
        var digits = NumberDigits()
        digits.add(UInt64(number.magnitude), base: 10)
        append(digits, isNegative: number < 0, width, padding)
    }

    /// Appends a number of at most 64 bits, which is not negative, in hexadecimal digits.
    @inlinable public mutating func append(
        hexadecimal number: some FixedWidthInteger & UnsignedInteger,
        width: Int = 0,
        padding: NumberPadding = .zeros,
        uppercase: Bool = false
    ) {
        var digits = NumberDigits()
        digits.add(UInt64(number), base: 16, letter: UInt8(ascii: uppercase ? "A" : "a"))
        append(digits, isNegative: false, width, padding)
    }

    @inlinable mutating func append(
        _ digits: borrowing NumberDigits,
        isNegative: Bool,
        _ width: Int,
        _ padding: NumberPadding
    ) {
        let size = digits.count + (isNegative ? 1 : 0)
        if max(size, width) > room { return refuse() }
        if isNegative, padding == .zeros { append(byte: UInt8(ascii: "-")) }
        var missing = width - size
        while missing > 0 {
            append(byte: padding == .zeros ? UInt8(ascii: "0") : UInt8(ascii: " "))
            missing -= 1
        }
        if isNegative, padding == .blanks { append(byte: UInt8(ascii: "-")) }
        for place in digits.first..<NumberDigits.most { append(byte: digits.bytes[place]) }
    }

    // MARK: messages

    /// Appends `5:hello,`.
    @inlinable public mutating func append(netstring content: RawSpan) {
        var digits = NumberDigits()
        digits.add(UInt64(content.byteCount), base: 10)
        if digits.count + content.byteCount + 2 > room { return refuse() }
        append(digits, isNegative: false, 0, .zeros)
        append(byte: UInt8(ascii: ":"))
        append(content)
        append(byte: UInt8(ascii: ","))
    }

    /// Appends `content` behind its length. One that `width` has no room for is refused, as what does not fit is.
    @inlinable public mutating func append(lengthPrefixed content: RawSpan, _ width: LengthFraming.Width) {
        let length = content.byteCount
        // No length takes more bytes in the room for one.
        if length > width.largest || length + width.size(of: length) > room { return refuse() }
        switch width {
        case .oneByte: append(byte: UInt8(length))
        case .twoBytes: append(bigEndian: length, 2)
        case .fourBytes: append(bigEndian: length, 4)
        case .varint:
            var rest = length
            while rest > 0x7f {
                append(byte: UInt8(truncatingIfNeeded: rest) | 0x80)
                rest >>= 7
            }
            append(byte: UInt8(rest))
        }
        append(content)
    }

    @inlinable mutating func append(bigEndian number: Int, _ size: Int) {
        for index in 0..<size { append(byte: UInt8(truncatingIfNeeded: number >> (8 * (size - 1 - index)))) }
    }

    /// Appends `content` and the byte that ends it. Content with that byte in it is refused, as what does not fit is:
    /// the peer would take it for two.
    @inlinable public mutating func append(terminated content: RawSpan, by terminator: UInt8 = 0) {
        if content.byteCount + 1 > room || content.firstPlace(of: terminator) != nil { return refuse() }
        append(content)
        append(byte: terminator)
    }

    // MARK: attributes

    /// Appends one attribute of a list. A value with the byte in it that ends it is refused, as what does not fit is.
    @inlinable public mutating func append(
        attribute name: StaticString,
        _ value: RawSpan,
        _ form: AttributeForm
    ) {
        if name.utf8CodeUnitCount + value.byteCount + 2 > room { return refuse() }
        if value.firstPlace(of: form.end) != nil { return refuse() }
        begin(name, form)
        append(value)
        append(byte: form.end)
    }

    /// Appends one attribute of a list, whose value is a number.
    @inlinable public mutating func append(
        attribute name: StaticString,
        decimal value: some FixedWidthInteger,
        _ form: AttributeForm
    ) {
        var digits = NumberDigits()
        digits.add(UInt64(value.magnitude), base: 10)
        if name.utf8CodeUnitCount + digits.count + 3 > room { return refuse() }
        begin(name, form)
        append(digits, isNegative: value < 0, 0, .zeros)
        append(byte: form.end)
    }

    @inlinable mutating func begin(_ name: StaticString, _ form: AttributeForm) {
        append(name)
        append(byte: form == .plain ? UInt8(ascii: "=") : 0)
    }

    /// The attributes that follow belong to a table.
    @inlinable public mutating func beginTable(_ form: AttributeForm) { brace(UInt8(ascii: "{"), form) }

    @inlinable public mutating func endTable(_ form: AttributeForm) { brace(UInt8(ascii: "}"), form) }

    /// Without the NUL that Postfix's plain writer puts behind a brace: its readers do not need it.
    @inlinable mutating func brace(_ byte: UInt8, _ form: AttributeForm) {
        if room < 2 { return refuse() }
        append(byte: byte)
        append(byte: form.end)
    }

    /// The list is over.
    @inlinable public mutating func endAttributes(_ form: AttributeForm) { append(byte: form.end) }
}

/// What fills a number up to its width.
public enum NumberPadding: Sendable { case blanks, zeros }

/// The digits of a number, written from the last to the first.
@usableFromInline struct NumberDigits {
    @usableFromInline static var most: Int { 20 }
    @usableFromInline var bytes = InlineArray<20, UInt8>(repeating: 0)
    @usableFromInline var first = NumberDigits.most

    @inlinable init() {}

    @inlinable var count: Int { Self.most - first }

    /// Nothing is longer than 2^64 in decimal digits.
    @inlinable mutating func add(_ number: UInt64, base: UInt64, letter: UInt8 = 0) {
        var rest = number
        repeat {
            let digit = UInt8(truncatingIfNeeded: rest % base)
            first -= 1
            bytes[first] = digit < 10 ? UInt8(ascii: "0") + digit : letter + (digit - 10)
            rest /= base
        } while rest > 0
    }
}

extension LengthFraming.Width {
    /// Bytes that the length itself takes.
    @inlinable func size(of length: Int) -> Int {
        switch self {
        case .oneByte: return 1
        case .twoBytes: return 2
        case .fourBytes: return 4
        case .varint:
            var size = 1
            var rest = length >> 7
            while rest > 0 {
                size += 1
                rest >>= 7
            }
            return size
        }
    }
}

/// Bytes collected in one block of fixed size: for a service that writes them itself, as blocking ones do. Made once,
/// it allocates nothing afterwards.
public struct OutputBuffer: ~Copyable, ByteOutput {
    @usableFromInline var buffer: AppendBuffer
    /// Whether something did not fit since it was emptied last.
    public private(set) var isOverfull = false

    /// - Parameter capacity: bytes, at least 1.
    public init(capacity: Int) { buffer = AppendBuffer(capacity: capacity) }

    public var room: Int { buffer.room }
    public var count: Int { buffer.count }

    /// What was appended.
    public var bytes: RawSpan {
        @_lifetime(borrow self)
        get { buffer.bytes }
    }

    public mutating func append(_ bytes: RawSpan) { if !buffer.append(bytes) { refuse() } }
    public mutating func append(_ text: StaticString) { if !buffer.append(text) { refuse() } }
    public mutating func append(utf8 text: String) { if !buffer.append(utf8: text) { refuse() } }
    public mutating func append(byte: UInt8) { if !buffer.append(byte: byte) { refuse() } }
    public mutating func refuse() { isOverfull = true }

    public mutating func removeAll() {
        buffer.removeAll()
        isOverfull = false
    }
}
