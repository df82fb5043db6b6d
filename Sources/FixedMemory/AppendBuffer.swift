//===----------------------------------------------------------------------===//
// Quartermaster: AppendBuffer, bytes collected front to back in one block
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A block of fixed capacity that fills from the front: by appending, or by a system call that writes into `free`.
/// What does not fit is refused whole, and the caller is told; nothing is ever cut off in silence.
///
/// Memory is touched when it is filled, so that an unused buffer costs address space only.
@safe public struct AppendBuffer: ~Copyable {
    @usableFromInline let base: UnsafeMutableRawPointer
    public let capacity: Int
    @usableFromInline var filled = 0

    public init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        unsafe base.deallocate()
    }

    @inlinable public var count: Int { filled }

    @inlinable public var room: Int { capacity - filled }

    /// What was collected.
    @inlinable public var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: filled)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Lends the room behind the collected bytes to `body`, which says how many bytes it put there.
    @inlinable
    @inline(__always)
    public mutating func fill<Failure: Error>(
        _ body: (inout MutableRawSpan) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        let room = self.room
        var free = unsafe MutableRawSpan(_unsafeStart: base + filled, byteCount: room)
        let added = try body(&free)
        precondition(added >= 0 && added <= room)
        filled += added
        return added
    }

    @inlinable public mutating func removeAll() { filled = 0 }

    /// Drops `size` bytes at the front; the rest moves up.
    public mutating func removeFirst(_ size: Int) {
        precondition(size >= 0 && size <= filled)
        if size == filled { return filled = 0 }
        unsafe base.copyMemory(from: base + size, byteCount: filled - size)
        filled -= size
    }

    /// False: there was no room, and nothing was appended.
    public mutating func append(_ bytes: borrowing RawSpan) -> Bool {
        guard bytes.byteCount <= room else { return false }
        let target = unsafe base + filled
        unsafe bytes.withUnsafeBytes { source in
            if let base = source.baseAddress { unsafe target.copyMemory(from: base, byteCount: source.count) }
        }
        filled += bytes.byteCount
        return true
    }

    /// Appends one byte.
    @inlinable
    @inline(__always)
    public mutating func append(byte: UInt8) -> Bool {
        guard room > 0 else { return false }
        unsafe base.storeBytes(of: byte, toByteOffset: filled, as: UInt8.self)
        filled += 1
        return true
    }

    /// Appends text that is part of the program.
    @inlinable
    @inline(__always)
    public mutating func append(_ text: StaticString) -> Bool {
        guard text.utf8CodeUnitCount <= room else { return false }
        let target = unsafe base + filled
        unsafe target.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        filled += text.utf8CodeUnitCount
        return true
    }

    /// Appends text that was made at run time, as UTF-8.
    public mutating func append(utf8 text: String) -> Bool {
        var text = text
        return text.withUTF8 { unsafe append(UnsafeRawBufferPointer($0).bytes) }
    }

    /// Appends a number in decimal digits.
    public mutating func append(decimal number: UInt64) -> Bool {
        var digits = 1
        var limit: UInt64 = 10
        while number >= limit {
            digits += 1
            let (next, isTooLarge) = limit.multipliedReportingOverflow(by: 10)
            if isTooLarge { break }
            limit = next
        }
        guard digits <= room else { return false }
        filled += digits
        var place = filled
        var rest = number
        repeat {
            place -= 1
            unsafe base.storeBytes(
                of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10),
                toByteOffset: place,
                as: UInt8.self
            )
            rest /= 10
        } while rest > 0
        return true
    }
}
