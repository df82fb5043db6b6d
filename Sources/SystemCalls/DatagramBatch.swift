//===----------------------------------------------------------------------===//
// Quartermaster: many datagrams with one system call
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import FixedMemory
import Glibc

/// A ring of receive buffers and the vectors that recvmmsg(2) wants, wired once. The buffers belong to this value;
/// a span of a datagram lives until the next `receive`.
package struct DatagramBatch: ~Copyable {
    /// Bytes kept of one datagram; the rest is cut off.
    package let datagramSize: Int
    package let capacity: Int
    private var buffers: FixedBytes
    private var vectors: FixedBytes
    private var records: FixedBytes
    /// Addresses of the senders, and what the kernel says about their datagrams; nil where nobody asks.
    private var names: FixedBytes?
    private var controls: FixedBytes?
    /// The vectors of `writeLines`: what is left to write of each datagram.
    private var outgoing: FixedBytes
    package private(set) var count = 0
    /// Where the last batch came from.
    package private(set) var socket = DescriptorNumber(-1)
    /// Whether the last thing written was a part of a line.
    private var endsInsideLine = false

    /// The byte that `writeLines` puts behind every datagram lives in the buffer, one place after the longest.
    private let stride: Int

    /// - Parameters:
    ///   - capacity: datagrams a batch, 1...1024. With the kernel's default queue of 10 a batch never exceeds 11.
    ///   - datagramSize: bytes kept of each.
    ///   - keepsOrigins: whether `origin` may be asked.
    package init(capacity: Int, datagramSize: Int, keepsOrigins: Bool = false) {
        precondition((1...1024).contains(capacity) && datagramSize > 0)
        self.capacity = capacity
        self.datagramSize = datagramSize
        stride = (datagramSize + 16) & ~15
        buffers = FixedBytes(count: capacity * stride)
        vectors = unsafe FixedBytes(count: capacity * MemoryLayout<iovec>.stride)
        outgoing = unsafe FixedBytes(count: capacity * MemoryLayout<iovec>.stride)
        records = FixedBytes(count: capacity * cposix_message_record_size())
        for index in 0..<capacity {
            unsafe vectorPointer(index).initialize(
                to: unsafe iovec(iov_base: buffers.unsafeBase + index * stride, iov_len: datagramSize)
            )
        }
        unsafe cposix_wire_messages(records.unsafeBase, vectorPointer(0), CUnsignedInt(capacity))
        guard keepsOrigins else { return }
        let names = FixedBytes(count: capacity * cposix_message_name_size())
        let controls = FixedBytes(count: capacity * cposix_message_control_size())
        unsafe cposix_wire_names(records.unsafeBase, names.unsafeBase, controls.unsafeBase, CUnsignedInt(capacity))
        self.names = consume names
        self.controls = consume controls
    }

    /// recvmmsg(2) without waiting: the datagrams that were there, at most `capacity`; 0 when there was none.
    package mutating func receive(from socket: DescriptorNumber) throws(SystemError) -> Int {
        // The kernel has shortened the room of those that it has filled.
        if unsafe namesBase != nil { unsafe cposix_rearm_messages(records.unsafeBase, CUnsignedInt(count)) }
        count = 0
        self.socket = socket
        do throws(SystemError) {
            count = Int(
                try calling(.recvmmsg) {
                    unsafe cposix_receive_many(socket.rawValue, records.unsafeBase, CUnsignedInt(capacity))
                }
            )
        } catch {
            if error.code != .resourceTemporarilyUnavailable { throw error }
        }
        return count
    }

    /// Bytes of datagram `index` of the last batch, and whether more was cut off.
    package func length(_ index: Int) -> (bytes: Int, isTruncated: Bool) {
        precondition(index < count)
        var truncated: CInt = 0
        let length = unsafe cposix_message_length(records.unsafeBase, CUnsignedInt(index), &truncated)
        return (min(Int(length), datagramSize), truncated != 0)
    }

    /// Where datagram `index` of the last batch came from; nil where the sender has no address, or none was kept.
    package func origin(_ index: Int) -> DatagramOrigin? {
        precondition(index < count)
        guard let names = unsafe namesBase else { return nil }
        let size = Int(unsafe cposix_message_name_length(records.unsafeBase, CUnsignedInt(index)))
        // Some kernels give a UNIX socket without a name its family.
        guard size > MemoryLayout<sa_family_t>.size, size <= DatagramOrigin.longestName else { return nil }
        var origin = DatagramOrigin(socket: socket)
        unsafe origin.take(
            name: UnsafeRawBufferPointer(start: names + index * cposix_message_name_size(), count: size)
        ) { unsafe cposix_message_asked(records.unsafeBase, CUnsignedInt(index), $0) }
        return origin
    }

    /// Of all datagrams of the last batch.
    package var byteCount: Int { (0..<count).reduce(0) { $0 + length($1).bytes } }

    /// Datagram `index` of the last batch.
    package subscript(index: Int) -> RawSpan {
        @_lifetime(borrow self)
        get { buffers.bytes.extracting(index * stride..<index * stride + length(index).bytes) }
    }

    /// writev(2) of the whole batch from the memory it was received in, each datagram with one newline behind it.
    /// A short write is carried on until everything is written.
    package mutating func writeLines(to file: DescriptorNumber) throws(SystemError) {
        for index in 0..<count {
            let length = length(index).bytes
            let start = unsafe buffers.unsafeBase + index * stride
            unsafe start.storeBytes(of: UInt8(ascii: "\n"), toByteOffset: length, as: UInt8.self)
            unsafe outgoingPointer(index).initialize(to: iovec(iov_base: start, iov_len: length + 1))
        }
        if endsInsideLine { try endBrokenLine(of: file) }
        var first = 0
        var isInsideLine = false
        while first < count {
            let next = unsafe outgoingPointer(first)
            let left = CInt(count - first)
            var written = 0
            do throws(SystemError) {
                written = try calling(.writev) { unsafe cposix_writev(file.rawValue, next, left) }
            } catch {
                // A pipe that another process made non-blocking: its reader gets a moment.
                guard error.code == .resourceTemporarilyUnavailable, try file.waitForOutput(milliseconds: 1000) else {
                    endsInsideLine = endsInsideLine || isInsideLine
                    throw error
                }
            }
            let hasProgress = written > 0
            while first < count, unsafe written >= outgoingPointer(first).pointee.iov_len {
                unsafe written -= Int(outgoingPointer(first).pointee.iov_len)
                first += 1
            }
            if hasProgress { isInsideLine = written > 0 }
            if first < count, written > 0 {
                unsafe outgoingPointer(first).pointee.iov_base += written
                unsafe outgoingPointer(first).pointee.iov_len -= written
            }
        }
    }

    /// An earlier batch broke off in the middle of a line, for want of space: that line ends here.
    private mutating func endBrokenLine(of file: DescriptorNumber) throws(SystemError) {
        while try file.write([UInt8(ascii: "\n")]) != .bytes(1) {
            if try file.waitForOutput(milliseconds: 1000) { continue }
            throw SystemError(.write, .resourceTemporarilyUnavailable)
        }
        endsInsideLine = false
    }

    private var namesBase: UnsafeMutableRawPointer? {
        switch names {
        case .some(let names): unsafe names.unsafeBase
        case .none: nil
        }
    }

    private func vectorPointer(_ index: Int) -> UnsafeMutablePointer<iovec> {
        unsafe vectors.unsafeBase.assumingMemoryBound(to: iovec.self) + index
    }

    private func outgoingPointer(_ index: Int) -> UnsafeMutablePointer<iovec> {
        unsafe outgoing.unsafeBase.assumingMemoryBound(to: iovec.self) + index
    }
}
