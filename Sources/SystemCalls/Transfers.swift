//===----------------------------------------------------------------------===//
// Quartermaster: bytes in and out of a descriptor
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import Glibc

extension DescriptorNumber {
    /// read(2) into `buffer`.
    @inline(__always)
    package func read(into buffer: inout MutableRawSpan) throws(SystemError) -> Transfer {
        let number = rawValue
        return try transferring(.read, zeroIsEnd: true) {
            unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe Int(cposix_read(number, bytes.baseAddress!, bytes.count))
            }
        }
    }

    /// read(2) of at most `limit` bytes, for which `buffer` has room.
    package func read(into buffer: inout MutableRawSpan, atMost limit: Int) throws(SystemError) -> Transfer {
        precondition(limit <= buffer.byteCount)
        let number = rawValue
        return try transferring(.read, zeroIsEnd: limit > 0) {
            unsafe buffer.withUnsafeMutableBytes { unsafe Int(cposix_read(number, $0.baseAddress!, limit)) }
        }
    }

    /// write(2) of all of `bytes`; `.bytes(n)` may be short.
    @inline(__always)
    package func write(_ bytes: borrowing RawSpan) throws(SystemError) -> Transfer {
        if bytes.byteCount == 0 { return .bytes(0) }
        let number = rawValue
        return try transferring(.write, zeroIsEnd: false) {
            unsafe bytes.withUnsafeBytes { bytes in
                writing(number, bytes.count) { unsafe Int(cposix_write(number, bytes.baseAddress!, $0)) }
            }
        }
    }

    /// send(2) with MSG_NOSIGNAL, and MSG_DONTWAIT unless the caller wants to wait.
    @inline(__always)
    package func send(_ bytes: borrowing RawSpan, waiting: Bool = false) throws(SystemError) -> Transfer {
        let number = rawValue
        let flags = Int32(MSG_NOSIGNAL) | (waiting ? 0 : Int32(MSG_DONTWAIT))
        return try transferring(.send, zeroIsEnd: false) {
            unsafe bytes.withUnsafeBytes { bytes in
                writing(number, bytes.count) { unsafe Int(cposix_send(number, bytes.baseAddress!, $0, flags)) }
            }
        }
    }

    /// write(2) of an array, for what is written rarely.
    package func write(_ bytes: [UInt8]) throws(SystemError) -> Transfer {
        try write(unsafe bytes.span.bytes)
    }

    /// send(2) of an array, for what is sent rarely.
    package func send(_ bytes: [UInt8], waiting: Bool = false) throws(SystemError) -> Transfer {
        try send(unsafe bytes.span.bytes, waiting: waiting)
    }

    /// read(2) of at most `limit` bytes into an array, for what is read rarely; empty at end of file, nil when there
    /// is nothing yet.
    package func read(atMost limit: Int) throws(SystemError) -> [UInt8]? {
        var block = [UInt8](repeating: 0, count: limit)
        var span = block.mutableSpan
        var raw = unsafe span.mutableBytes
        switch try read(into: &raw) {
        case .bytes(let count): return Array(block[..<count])
        case .endOfFile: return []
        case .wouldBlock: return nil
        }
    }

    /// recv(2) with MSG_DONTWAIT.
    @inline(__always)
    package func receive(into buffer: inout MutableRawSpan) throws(SystemError) -> Transfer {
        let number = rawValue
        return try transferring(.recv, zeroIsEnd: true) {
            unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe Int(cposix_receive(number, bytes.baseAddress!, bytes.count, Int32(MSG_DONTWAIT)))
            }
        }
    }

    /// recv(2) with MSG_PEEK and MSG_DONTWAIT: what is there stays there.
    package func peek(into buffer: inout MutableRawSpan) throws(SystemError) -> Transfer {
        let number = rawValue
        let flags = Int32(MSG_DONTWAIT) | Int32(MSG_PEEK)
        return try transferring(.recv, zeroIsEnd: true) {
            unsafe buffer.withUnsafeMutableBytes { bytes in
                unsafe Int(cposix_receive(number, bytes.baseAddress!, bytes.count, flags))
            }
        }
    }

    /// ioctl(2) FIONREAD: bytes a read would find (`peekfd` in Postfix).
    package func unreadBytes() throws(SystemError) -> Int {
        Int(try calling(.ioctl) { cposix_unread_bytes(rawValue) })
    }

    /// poll(2) for input: whether there is something (or an end of file) within the limit; negative waits for ever.
    package func waitForInput(milliseconds: CInt) throws(SystemError) -> Bool {
        try wait(for: CShort(POLLIN), milliseconds: milliseconds)
    }

    /// poll(2) for room to write.
    package func waitForOutput(milliseconds: CInt) throws(SystemError) -> Bool {
        try wait(for: CShort(POLLOUT), milliseconds: milliseconds)
    }

    /// poll(2) for nothing but POLLHUP and POLLERR: whether the other side neither sends nor reads any more.
    package func isHungUp() throws(SystemError) -> Bool { try wait(for: 0, milliseconds: 0) }

    /// The limit counts from the call on, however many signals interrupt the wait.
    private func wait(for events: CShort, milliseconds: CInt) throws(SystemError) -> Bool {
        let begun = milliseconds > 0 ? Clock.monotonicNanoseconds() : 0
        var left = milliseconds
        return try calling(.poll) {
            let result = cposix_poll(rawValue, events, left)
            if result == -EINTR, milliseconds > 0 {
                let waited = (Clock.monotonicNanoseconds() - begun) / 1_000_000
                left = CInt(max(Int64(milliseconds) - waited, 0))
            }
            return result
        } != 0
    }
}

extension DescriptorNumber {
    /// poll(2) without waiting: whether a socket that listens, or takes datagrams, was shut down for reading.
    package func isShutDown() throws(SystemError) -> Bool {
        try calling(.poll) { cposix_is_shut_down(rawValue) } != 0
    }
}

/// poll(2), without waiting unless told so: whether a read or accept on any of `numbers` would find something, in one
/// call. Allocates nothing for up to 128 of them. A signal that is caught begins the wait anew.
package func anyReadable(
    _ numbers: [DescriptorNumber],
    withinMilliseconds limit: CInt = 0
) throws(SystemError) -> Bool {
    if numbers.isEmpty { return false }
    return try unsafe withUnsafeTemporaryAllocation(of: pollfd.self, capacity: numbers.count) {
        (records: UnsafeMutableBufferPointer<pollfd>) throws(SystemError) -> Bool in
        for (index, number) in numbers.enumerated() {
            unsafe records.initializeElement(
                at: index,
                to: pollfd(fd: number.rawValue, events: Int16(POLLIN), revents: 0)
            )
        }
        let base = records.baseAddress!
        let count = CUnsignedInt(numbers.count)
        if try calling(.poll, { unsafe cposix_poll_many(base, count, limit) }) == 0 { return false }
        let isClosed = unsafe records.contains { $0.revents & Int16(POLLNVAL) != 0 }
        precondition(!isClosed, "a look at a descriptor that is not open")
        return true
    }
}
