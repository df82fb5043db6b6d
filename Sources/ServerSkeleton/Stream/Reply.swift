//===----------------------------------------------------------------------===//
// Quartermaster: what a service answers, collected in place
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import FixedMemory
public import ServiceBytes

/// What goes back to a client: handlers append, and the skeleton sends everything of one turn with one write. One
/// buffer serves all clients; nothing is allocated.
///
/// Beside what is here, a reply takes everything that `ByteOutput` knows: arrays and spans, numbers with a width or in
/// hexadecimal digits, netstrings, messages behind their length, attributes.
///
/// A handler is entered with room for at least `maximumReplySize` bytes of its service. Appending more than there is
/// room for does not crash: the client is disconnected with a warning, as its reply would not be whole.
public struct Reply: ~Copyable, ByteOutput {
    @usableFromInline var buffer: AppendBuffer
    /// When the present turn began.
    public internal(set) var time: ServiceTime
    /// Whether something did not fit.
    @usableFromInline var isOverfull = false
    @usableFromInline var mustDisconnect = false

    init(capacity: Int) {
        buffer = AppendBuffer(capacity: capacity)
        time = ServiceTime(milliseconds: 0)
    }

    /// Bytes that still fit.
    @inlinable public var room: Int { buffer.room }

    /// Bytes that wait to be sent.
    public var count: Int { buffer.count }

    /// Appends a copy of `bytes`.
    public mutating func append(_ bytes: RawSpan) {
        if !buffer.append(bytes) { isOverfull = true }
    }

    /// Appends text that is part of the program.
    @inlinable public mutating func append(_ text: StaticString) {
        if !buffer.append(text) { isOverfull = true }
    }

    /// Appends text that was made at run time, as UTF-8. Making such text allocates: where every request passes, append
    /// its parts instead.
    public mutating func append(utf8 text: String) {
        if !buffer.append(utf8: text) { isOverfull = true }
    }

    @inlinable public mutating func append(byte: UInt8) {
        if !buffer.append(byte: byte) { isOverfull = true }
    }

    /// Something does not fit: the client is going to be disconnected.
    @inlinable public mutating func refuse() { isOverfull = true }

    /// Appends a number in decimal digits.
    public mutating func append(decimal number: Int) {
        if number < 0, !buffer.append("-") { isOverfull = true }
        if !buffer.append(decimal: UInt64(number.magnitude)) { isOverfull = true }
    }

    /// Ends the connection once everything that was appended is sent. Input that was not consumed is dropped.
    @inlinable public mutating func disconnect() { mustDisconnect = true }

    /// A turn begins.
    @usableFromInline mutating func begin(_ time: ServiceTime) { self.time = time }

    mutating func reset() {
        buffer.removeAll()
        isOverfull = false
        mustDisconnect = false
    }
}
