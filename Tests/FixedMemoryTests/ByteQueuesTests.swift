//===----------------------------------------------------------------------===//
// Quartermaster: tests of bytes that wait in queues
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Testing

@testable import FixedMemory

struct ByteQueuesTests {
    /// Everything that a queue holds, taken out of it in pieces of at most `size` bytes.
    private func drain(_ queues: inout ByteQueues, _ queue: inout ByteQueues.Queue, by size: Int = .max) -> [UInt8] {
        var found: [UInt8] = []
        while !queue.isEmpty {
            let piece = front(queues, queue, atMost: size)
            found += piece
            queues.removeFirst(piece.count, from: &queue)
        }
        return found
    }

    private func front(_ queues: borrowing ByteQueues, _ queue: ByteQueues.Queue, atMost size: Int) -> [UInt8] {
        let front = queues.front(of: queue)
        var bytes: [UInt8] = []
        for index in 0..<min(size, front.byteCount) { bytes.append(front.rawByte(at: index)) }
        return bytes
    }

    private func bytes(_ count: Int, from first: UInt8) -> [UInt8] { (0..<count).map { first &+ UInt8($0 % 100) } }

    @Test("bytes come out in the order in which they went in, whatever the pieces", arguments: [1, 3, 7, 8, 9, 100])
    func order(_ size: Int) {
        var queues = ByteQueues(blockSize: 8)
        var (first, second) = (ByteQueues.Queue(), ByteQueues.Queue())
        var (whole, other): ([UInt8], [UInt8]) = ([], [])
        for count in [1, 7, 8, 9, 0, 30] {
            let piece = bytes(count, from: UInt8(count))
            let reversed = [UInt8](piece.reversed())
            queues.append(piece.span.bytes, to: &first)
            queues.append(reversed.span.bytes, to: &second)
            whole += piece
            other += reversed
        }
        #expect(first.count == whole.count)
        #expect(drain(&queues, &first, by: size) == whole)
        #expect(first.isEmpty)
        #expect(drain(&queues, &second) == other)
    }

    @Test("blocks come back, so that memory does not grow with what went through")
    func reuse() {
        var queues = ByteQueues(blockSize: 16)
        var queue = ByteQueues.Queue()
        let piece = bytes(100, from: 1)
        queues.append(piece.span.bytes, to: &queue)
        let size = queues.byteCount
        for _ in 0..<1000 {
            queues.append(piece.span.bytes, to: &queue)
            queues.removeFirst(100, from: &queue)
        }
        #expect(queue.count == 100)
        #expect(queues.byteCount == size)
        queues.removeAll(from: &queue)
        #expect(queue.isEmpty)
        #expect(queues.front(of: queue).byteCount == 0)
        queues.append(piece.span.bytes, to: &queue)
        #expect(drain(&queues, &queue) == piece)
        #expect(queues.byteCount == size)
    }

    @Test("a block that is taken in part is filled up again at its end")
    func partlyTaken() {
        var queues = ByteQueues(blockSize: 8)
        var queue = ByteQueues.Queue()
        let (first, second) = (bytes(6, from: 0), bytes(3, from: 6))
        queues.append(first.span.bytes, to: &queue)
        queues.removeFirst(5, from: &queue)
        queues.append(second.span.bytes, to: &queue)
        #expect(drain(&queues, &queue) == [5, 6, 7, 8])
    }
}
