//===----------------------------------------------------------------------===//
// Quartermaster: the receive buffer that all connections share
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import FixedMemory
import SystemCalls

/// Holds the input of the connection that is being worked on. What a service does not consume is put aside by the
/// core, so that the buffer is free for the next connection.
@usableFromInline struct InputBuffer: ~Copyable {
    @usableFromInline var buffer: AppendBuffer

    init(requestLimit: Int) {
        self.init(capacity: StreamBuffers.receiveSize(maximumRequestSize: requestLimit))
    }

    init(capacity: Int) { buffer = AppendBuffer(capacity: capacity) }

    var capacity: Int { buffer.capacity }

    @inlinable var count: Int { buffer.count }

    @inlinable var isFull: Bool { buffer.room == 0 }

    /// The input without its first `start` bytes.
    @inlinable
    @_lifetime(borrow self)
    func bytes(from start: Int) -> RawSpan { buffer.bytes.extracting(start..<buffer.count) }

    /// read(2) behind what is there.
    @inline(__always)
    mutating func fill(from number: DescriptorNumber) throws(SystemError) -> Transfer {
        var result = Transfer.wouldBlock
        _ = try buffer.fill { (room: inout MutableRawSpan) throws(SystemError) -> Int in
            result = try number.read(into: &room)
            if case .bytes(let count) = result { return count }
            return 0
        }
        return result
    }
}
