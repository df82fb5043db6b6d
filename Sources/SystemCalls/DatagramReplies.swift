//===----------------------------------------------------------------------===//
// Quartermaster: many answers with one system call
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CPosix
import FixedMemory
import Glibc

/// Datagrams that are collected and then sent together with sendmmsg(2). It never waits: what the kernel does not take
/// is given up, and counted.
package struct DatagramReplies: ~Copyable {
    /// What became of those that were given up since `takeLosses`.
    package struct Losses {
        package var count = 0
        /// Of the last one.
        package var reason = Errno(rawValue: 0)
        package var origin: DatagramOrigin?
    }

    /// Datagrams that are sent with one call.
    package let capacity: Int
    /// Bytes of one at most.
    package let datagramSize: Int
    private var buffers: FixedBytes
    private var vectors: FixedBytes
    private var records: FixedBytes
    private var names: FixedBytes
    private var controls: FixedBytes
    package private(set) var count = 0
    /// Where all of them leave from.
    private var socket = DescriptorNumber(-1)
    private var losses = Losses()
    /// Bytes that were sent since `takeSentBytes`.
    private var sentBytes = 0

    /// - Parameter capacity: 1...1024.
    package init(capacity: Int, datagramSize: Int) {
        precondition((1...1024).contains(capacity) && datagramSize > 0)
        self.capacity = capacity
        self.datagramSize = datagramSize
        buffers = FixedBytes(count: capacity * datagramSize)
        vectors = unsafe FixedBytes(count: capacity * MemoryLayout<iovec>.stride)
        records = FixedBytes(count: capacity * cposix_message_record_size())
        names = FixedBytes(count: capacity * cposix_message_name_size())
        controls = FixedBytes(count: capacity * cposix_message_control_size())
    }

    /// Adds a copy of `bytes`, at most `datagramSize`, as an answer to `origin`. What was there before is sent first
    /// when there is no more room, or when it leaves from another socket.
    package mutating func append(_ bytes: borrowing RawSpan, to origin: DatagramOrigin) {
        precondition(bytes.byteCount <= datagramSize)
        if count == capacity || (count > 0 && origin.socket != socket) { send() }
        socket = origin.socket
        let place = unsafe buffers.unsafeBase + count * datagramSize
        let size = bytes.byteCount
        unsafe bytes.withUnsafeBytes { source in
            if let base = source.baseAddress { unsafe place.copyMemory(from: base, byteCount: size) }
        }
        unsafe vectorPointer(count).initialize(to: iovec(iov_base: place, iov_len: size))
        address(count, to: origin)
        count += 1
    }

    private func address(_ index: Int, to origin: DatagramOrigin) {
        let namePlace = unsafe self.namePlace(index)
        let controlPlace = unsafe controls.unsafeBase + index * cposix_message_control_size()
        unsafe origin.withPlaces { name, control in
            // Both have room for the longest.
            if let base = name.baseAddress { unsafe namePlace.copyMemory(from: base, byteCount: name.count) }
            if let base = control.baseAddress { unsafe controlPlace.copyMemory(from: base, byteCount: control.count) }
            unsafe cposix_set_message(
                records.unsafeBase,
                CUnsignedInt(index),
                vectorPointer(index),
                namePlace,
                CUnsignedInt(name.count),
                controlPlace,
                CUnsignedInt(control.count)
            )
        }
    }

    /// Sends all of them. An error concerns one datagram; a shortage of memory may be over at the second try.
    package mutating func send() {
        var first = 0
        var hasTried = false
        while first < count {
            do throws(SystemError) {
                let sent = try sendOnce(from: first)
                for index in first..<first + sent { sentBytes += unsafe vectorPointer(index).pointee.iov_len }
                first += sent
                hasTried = false
            } catch {
                if !hasTried, error.code == .noBufferSpace || error.code == .noMemory {
                    hasTried = true
                    continue
                }
                giveUp(to: target(first), error.code)
                first += 1
                hasTried = false
            }
        }
        count = 0
    }

    /// Counts one that was not even added.
    package mutating func giveUp(to origin: DatagramOrigin?, _ reason: Errno) {
        losses.count += 1
        losses.reason = reason
        losses.origin = origin
    }

    /// Nil when nothing was given up.
    package mutating func takeLosses() -> Losses? {
        if losses.count == 0 { return nil }
        defer { losses = Losses() }
        return losses
    }

    package mutating func takeSentBytes() -> Int {
        defer { sentBytes = 0 }
        return sentBytes
    }

    private func sendOnce(from first: Int) throws(SystemError) -> Int {
        let left = CUnsignedInt(try countOfPassing(from: first))
        return Int(
            try calling(.sendmmsg) {
                unsafe cposix_send_many(socket.rawValue, records.unsafeBase, CUnsignedInt(first), left)
            }
        )
    }

    /// How many from `first` on may be sent with one call: all of them, but in a test that has one of them fail.
    private func countOfPassing(from first: Int) throws(SystemError) -> Int {
        #if DEBUG
        // One by one: what fails is told of the first.
        if !WritePlan.isEmpty {
            let result = WritePlan.sending(name(first), unsafe vectorPointer(first).pointee.iov_len)
            if result < 0 { throw SystemError(.sendmmsg, Errno(rawValue: CInt(-result))) }
            return 1
        }
        #endif
        return count - first
    }

    private func target(_ index: Int) -> DatagramOrigin? {
        SocketAddress(copying: name(index)).flatMap { DatagramOrigin($0, socket: socket) }
    }

    /// The address that one of them goes to.
    private func name(_ index: Int) -> [UInt8] {
        let size = Int(unsafe cposix_message_name_length(records.unsafeBase, CUnsignedInt(index)))
        return unsafe Array(UnsafeRawBufferPointer(start: namePlace(index), count: size))
    }

    private func namePlace(_ index: Int) -> UnsafeMutableRawPointer {
        unsafe names.unsafeBase + index * cposix_message_name_size()
    }

    private func vectorPointer(_ index: Int) -> UnsafeMutablePointer<iovec> {
        unsafe vectors.unsafeBase.assumingMemoryBound(to: iovec.self) + index
    }
}
