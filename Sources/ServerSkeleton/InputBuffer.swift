//===----------------------------------------------------------------------===//
// Quartermaster: the receive buffer that all connections share
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

public import FixedMemory

/// Holds the input of the connection that is being worked on. What a service does not consume is put aside by the
/// core, so that the buffer is free for the next connection.
@usableFromInline struct InputBuffer: ~Copyable {
    @usableFromInline var buffer: AppendBuffer
    let maximumRequestSize: Int

    init(maximumRequestSize: Int) {
        self.maximumRequestSize = max(maximumRequestSize, 1)
        buffer = AppendBuffer(capacity: StreamBuffers.receiveSize(maximumRequestSize: maximumRequestSize))
    }

    var capacity: Int { buffer.capacity }

    @inlinable var count: Int { buffer.count }

    /// The input without its first `start` bytes.
    @inlinable
    @_lifetime(borrow self)
    func bytes(from start: Int) -> RawSpan { buffer.bytes.extracting(start..<buffer.count) }
}
