//===----------------------------------------------------------------------===//
// Quartermaster: AppendBuffer, bytes collected front to back in one block
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// A block of fixed capacity that fills from the front: by appending, or by a system call that writes into `free`.
/// What does not fit is refused whole, and the caller is told; nothing is ever cut off in silence.
///
/// Memory is touched when it is filled, so that a buffer nobody uses costs address space only.
@safe package struct AppendBuffer: ~Copyable {
    private let base: UnsafeMutableRawPointer
    package let capacity: Int
    package private(set) var count = 0

    package init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        unsafe base.deallocate()
    }

    package var room: Int { capacity - count }

    /// What was collected.
    package var bytes: RawSpan {
        @_lifetime(borrow self)
        get {
            let span = unsafe RawSpan(_unsafeStart: base, byteCount: count)
            return unsafe _overrideLifetime(span, borrowing: self)
        }
    }

    /// Lends the room behind the collected bytes to `body`, which says how many bytes it put there.
    @inline(__always)
    package mutating func fill<Failure: Error>(
        _ body: (inout MutableRawSpan) throws(Failure) -> Int
    ) throws(Failure) -> Int {
        let room = self.room
        var free = unsafe MutableRawSpan(_unsafeStart: base + count, byteCount: room)
        let added = try body(&free)
        precondition(added >= 0 && added <= room)
        count += added
        return added
    }

    package mutating func removeAll() { count = 0 }

    /// Drops `size` bytes at the front; the rest moves up.
    package mutating func removeFirst(_ size: Int) {
        precondition(size >= 0 && size <= count)
        if size == count { return count = 0 }
        unsafe base.copyMemory(from: base + size, byteCount: count - size)
        count -= size
    }

    /// False: there was no room, and nothing was appended.
    package mutating func append(_ bytes: borrowing RawSpan) -> Bool {
        guard bytes.byteCount <= room else { return false }
        let target = unsafe base + count
        unsafe bytes.withUnsafeBytes { source in
            if let base = source.baseAddress { unsafe target.copyMemory(from: base, byteCount: source.count) }
        }
        count += bytes.byteCount
        return true
    }

    /// Appends text that is part of the program.
    package mutating func append(_ text: StaticString) -> Bool {
        guard text.utf8CodeUnitCount <= room else { return false }
        let target = unsafe base + count
        unsafe target.copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        count += text.utf8CodeUnitCount
        return true
    }

    /// Appends a number in decimal digits.
    package mutating func append(decimal number: UInt64) -> Bool {
        if number < 10 {
            guard room > 0 else { return false }
            unsafe base.storeBytes(of: UInt8(ascii: "0") + UInt8(number), toByteOffset: count, as: UInt8.self)
            count += 1
            return true
        }
        var digits = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            digits += 1
        }
        guard digits <= room else { return false }
        let target = unsafe base + count
        rest = number
        for place in (0..<digits).reversed() {
            unsafe target.storeBytes(of: UInt8(ascii: "0") + UInt8(rest % 10), toByteOffset: place, as: UInt8.self)
            rest /= 10
        }
        count += digits
        return true
    }
}
