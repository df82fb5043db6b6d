//===----------------------------------------------------------------------===//
// Quartermaster: BlockPool, blocks of one size for bytes that wait
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Lends out blocks of one size. A chunk of blocks is allocated when none is free; blocks go back to the pool and not
/// to the system. Fresh memory is not touched, so that an unused pool costs address space only.
///
/// Only bytes that were put into a block can be read back from it.
@safe package struct BlockPool: ~Copyable {
    /// The name of a borrowed block.
    package struct BlockID: Sendable {
        fileprivate let index: UInt32
    }

    private static var blocksPerChunk: Int { 16 }

    package let blockSize: Int
    private var chunks: [UnsafeMutableRawPointer] = unsafe []
    /// Bytes that are in each block; -1 for a free one.
    private var counts: [Int] = []
    private var free: [UInt32] = []

    /// - Parameter blockSize: bytes of a block, at least 1.
    package init(blockSize: Int) {
        precondition(blockSize > 0)
        self.blockSize = blockSize
        grow()
    }

    deinit {
        for index in unsafe chunks.indices { unsafe chunks[index].deallocate() }
    }

    /// A block that holds a copy of `bytes`, at most `blockSize` of them.
    package mutating func store(_ bytes: borrowing RawSpan) -> BlockID {
        precondition(bytes.byteCount <= blockSize)
        if free.isEmpty { grow() }
        let index = free.removeLast()
        counts[Int(index)] = bytes.byteCount
        let target = unsafe pointer(index)
        unsafe bytes.withUnsafeBytes { source in
            if let base = source.baseAddress { unsafe target.copyMemory(from: base, byteCount: source.count) }
        }
        return BlockID(index: index)
    }

    /// The bytes in a borrowed block.
    @_lifetime(borrow self)
    package func bytes(_ id: BlockID) -> RawSpan {
        let count = counts[Int(id.index)]
        precondition(count >= 0, "block that was given back")
        let span = unsafe RawSpan(_unsafeStart: pointer(id.index), byteCount: count)
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Gives a block back.
    package mutating func release(_ id: BlockID) {
        precondition(counts[Int(id.index)] >= 0, "block given back twice")
        counts[Int(id.index)] = -1
        free.append(id.index)
    }

    private mutating func grow() {
        let first = UInt32(counts.count)
        let size = blockSize * Self.blocksPerChunk
        unsafe chunks.append(UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16))
        counts.append(contentsOf: repeatElement(-1, count: Self.blocksPerChunk))
        free.reserveCapacity(counts.count)
        for index in (0..<UInt32(Self.blocksPerChunk)).reversed() { free.append(first + index) }
    }

    private func pointer(_ index: UInt32) -> UnsafeMutableRawPointer {
        let index = Int(index)
        return unsafe chunks[index / Self.blocksPerChunk] + (index % Self.blocksPerChunk) * blockSize
    }
}
