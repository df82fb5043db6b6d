//===----------------------------------------------------------------------===//
// Quartermaster: ByteQueues, bytes that wait in many queues over one pool of blocks
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Queues of bytes that share one pool of blocks: what is appended is copied to the end, what is removed leaves at the
/// front, and an empty queue holds no block. A chunk of blocks is allocated when none is free; blocks go back to the
/// pool and not to the system. Fresh memory is not touched.
///
/// It decides nothing about how much may wait: that is for the owner of a queue.
@safe package struct ByteQueues: ~Copyable {
    /// One queue. Give its blocks back with `removeAll` before it is forgotten.
    package struct Queue: Sendable {
        fileprivate var head = ByteQueues.none
        fileprivate var tail = ByteQueues.none
        /// Bytes at the front of the first block that are gone already.
        fileprivate var offset = 0
        package fileprivate(set) var count = 0

        package init() {}

        package var isEmpty: Bool { count == 0 }
    }

    private struct Block {
        var count = 0
        var next = ByteQueues.none
    }

    fileprivate static var none: UInt32 { .max }
    private static var blocksPerChunk: Int { 16 }

    package let blockSize: Int
    private var chunks: [UnsafeMutableRawPointer] = unsafe []
    private var blocks: [Block] = []
    private var firstFree = ByteQueues.none

    /// - Parameter blockSize: bytes of a block, at least 1.
    package init(blockSize: Int) {
        precondition(blockSize > 0)
        self.blockSize = blockSize
    }

    deinit {
        for index in unsafe chunks.indices { unsafe chunks[index].deallocate() }
    }

    /// Bytes that the blocks of all queues, and the free ones, take up.
    package var byteCount: Int { blocks.count * blockSize }

    /// Copies `bytes` to the end of `queue`.
    package mutating func append(_ bytes: borrowing RawSpan, to queue: inout Queue) {
        var done = 0
        while done < bytes.byteCount {
            if queue.tail == Self.none || blocks[Int(queue.tail)].count == blockSize { addBlock(to: &queue) }
            let index = queue.tail
            let used = blocks[Int(index)].count
            let size = min(blockSize - used, bytes.byteCount - done)
            let target = unsafe pointer(index) + used
            unsafe bytes.withUnsafeBytes { source in
                guard let base = source.baseAddress else { return }
                unsafe target.copyMemory(from: base + done, byteCount: size)
            }
            blocks[Int(index)].count = used + size
            done += size
        }
        queue.count += done
    }

    /// The bytes at the front of `queue`: at least one, if there are any, but seldom all.
    @_lifetime(borrow self)
    package func front(of queue: Queue) -> RawSpan {
        guard queue.head != Self.none else { return RawSpan() }
        let span = unsafe RawSpan(
            _unsafeStart: pointer(queue.head) + queue.offset,
            byteCount: blocks[Int(queue.head)].count - queue.offset
        )
        return unsafe _overrideLifetime(span, borrowing: self)
    }

    /// Drops `size` bytes at the front.
    package mutating func removeFirst(_ size: Int, from queue: inout Queue) {
        precondition(size >= 0 && size <= queue.count, "more bytes than there are")
        queue.count -= size
        queue.offset += size
        while queue.head != Self.none, queue.offset >= blocks[Int(queue.head)].count {
            queue.offset -= blocks[Int(queue.head)].count
            let index = queue.head
            queue.head = blocks[Int(index)].next
            release(index)
        }
        if queue.head == Self.none {
            queue.tail = Self.none
            queue.offset = 0
        }
    }

    /// Drops everything, and gives the blocks back.
    package mutating func removeAll(from queue: inout Queue) { removeFirst(queue.count, from: &queue) }

    private mutating func addBlock(to queue: inout Queue) {
        if firstFree == Self.none { grow() }
        let index = firstFree
        firstFree = blocks[Int(index)].next
        blocks[Int(index)] = Block()
        if queue.tail == Self.none { queue.head = index } else { blocks[Int(queue.tail)].next = index }
        queue.tail = index
    }

    private mutating func release(_ index: UInt32) {
        blocks[Int(index)] = Block(count: 0, next: firstFree)
        firstFree = index
    }

    private mutating func grow() {
        let size = blockSize * Self.blocksPerChunk
        unsafe chunks.append(UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16))
        let first = blocks.count
        for _ in 0..<Self.blocksPerChunk { blocks.append(Block()) }
        for index in (first..<blocks.count).reversed() { release(UInt32(index)) }
    }

    private func pointer(_ index: UInt32) -> UnsafeMutableRawPointer {
        let index = Int(index)
        return unsafe chunks[index / Self.blocksPerChunk] + (index % Self.blocksPerChunk) * blockSize
    }
}
