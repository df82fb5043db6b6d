//===----------------------------------------------------------------------===//
// Quartermaster: tests of slots that never move
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import Testing

/// Inserts into a slab that must have room.
private func put<Element>(_ element: Element, into slab: inout Slab<Element>) throws -> SlotID {
    let name = slab.insert(element)
    return try #require(name)
}

@Suite struct SlabTests {
    @Test("a name that outlived its element finds nothing")
    func staleName() throws {
        var slab = Slab<String>(capacity: 1)
        let first = try put("first", into: &slab)
        #expect(slab.remove(first) == "first")
        let second = try put("second", into: &slab)
        #expect(second.index == first.index, "the slot is used again")
        #expect(second.generation != first.generation, "under another name")
        let stale = slab.withElement(first) { $0 }
        #expect(stale == nil)
        #expect(slab.remove(first) == nil)
        let isThere = slab.contains(second)
        #expect(isThere)
        #expect(slab.id(at: Int(second.index)) == second)
    }

    @Test("a free slot has no name")
    func freeSlot() throws {
        var slab = Slab<String>(capacity: 1)
        for generation: UInt32 in 0...3 {
            let isThere = slab.contains(SlotID(index: 0, generation: generation))
            #expect(!isThere)
        }
        let name = try put("first", into: &slab)
        _ = slab.remove(name)
        for generation: UInt32 in 0...3 {
            #expect(slab.remove(SlotID(index: name.index, generation: generation)) == nil)
        }
        #expect(slab.id(at: Int(name.index)) == nil)
        #expect(slab.id(at: -1) == nil)
        #expect(slab.id(at: slab.capacity) == nil)
    }

    @Test("a full slab refuses")
    func fullSlab() throws {
        var slab = Slab<Int>(capacity: 1)
        let capacity = slab.capacity
        for number in 0..<capacity { _ = try put(number, into: &slab) }
        #expect(slab.insert(capacity) == nil)
        let count = slab.count
        #expect(count == capacity)
    }

    @Test("elements keep their names and values while the slab grows")
    func growth() throws {
        var slab = Slab<Int>(capacity: 64)
        var names: [SlotID] = []
        for number in 0..<1000 {
            if slab.count == slab.capacity { slab.reserve(slab.capacity * 2) }
            names.append(try put(number, into: &slab))
        }
        for (number, name) in names.enumerated() {
            let found = slab.withElement(name) { element -> Int in
                defer { element += 1 }
                return element
            }
            #expect(found == number)
            #expect(slab.remove(name) == number + 1)
        }
        let count = slab.count
        #expect(count == 0)
    }

    private final class Counted {
        private let count: UnsafeMutablePointer<Int>
        init(_ count: UnsafeMutablePointer<Int>) {
            self.count = count
            count.pointee += 1
        }
        deinit { count.pointee -= 1 }
    }

    private struct Owner: ~Copyable { let counted: Counted }

    @Test("elements end with the slab")
    func endOfElements() {
        let alive = UnsafeMutablePointer<Int>.allocate(capacity: 1)
        alive.initialize(to: 0)
        defer { alive.deallocate() }
        do {
            var slab = Slab<Owner>(capacity: 64)
            var names: [SlotID] = []
            for _ in 0..<10 {
                if let name = slab.insert(Owner(counted: Counted(alive))) { names.append(name) }
            }
            #expect(alive.pointee == 10)
            _ = slab.remove(names[3])
            #expect(alive.pointee == 9)
        }
        #expect(alive.pointee == 0)
    }
}

@Suite struct BufferTests {
    private func text(_ bytes: borrowing RawSpan) -> String {
        let copy = bytes.withUnsafeBytes { Array($0) }
        return String(decoding: copy, as: UTF8.self)
    }

    @Test("what does not fit is refused whole")
    func noRoom() {
        var buffer = AppendBuffer(capacity: 10)
        #expect(buffer.append("12345678") == true)
        #expect(buffer.append("abc") == false)
        #expect(text(buffer.bytes) == "12345678")
        #expect(buffer.append(decimal: 90) == true)
        #expect(buffer.append(decimal: 1) == false)
        #expect(text(buffer.bytes) == "1234567890")
        buffer.removeFirst(8)
        #expect(text(buffer.bytes) == "90")
        buffer.removeAll()
        #expect(buffer.append(decimal: .max) == false)
        let room = buffer.room
        #expect(room == 10)
    }

    @Test(
        "numbers have all their digits",
        arguments: [0, 9, 10, 99, 100, 12_345, 9_999_999_999_999_999_999, 10_000_000_000_000_000_000, UInt64.max]
    )
    func decimalDigits(_ number: UInt64) {
        let digits = String(number)
        var buffer = AppendBuffer(capacity: digits.utf8.count)
        #expect(buffer.append(decimal: number) == true)
        #expect(text(buffer.bytes) == digits)
        var small = AppendBuffer(capacity: digits.utf8.count + 3)
        _ = small.append("four")
        #expect(small.append(decimal: number) == false)
        #expect(text(small.bytes) == "four")
    }

    @Test("text is found where it stands and nowhere else")
    func textInPlace() {
        let bytes = Array("ident=x".utf8)
        let span = bytes.span.bytes
        let (front, later, past) = (span.holds("ident="), span.holds("x", at: 6), span.holds("xx", at: 6))
        #expect(front && later && !past)
        let (end, beyond, before) = (span.holds("", at: 7), span.holds("", at: 8), span.holds("i", at: -1))
        #expect(end && !beyond && !before)
        let (whole, part) = (span.isExactly("ident=x"), span.isExactly("ident="))
        #expect(whole && !part)
        let nothing: [UInt8] = []
        let (empty, some) = (nothing.span.bytes.isExactly(""), nothing.span.bytes.holds("i"))
        #expect(empty && !some)
    }

    @Test("bytes move to the front")
    func moving() {
        var block = FixedBytes(count: 8)
        for place in 0..<8 {
            var bytes = block.mutableBytes
            bytes.storeBytes(of: UInt8(place), toByteOffset: place, as: UInt8.self)
        }
        block.moveToFront(from: 5, size: 3)
        let copy = block.bytes.withUnsafeBytes { Array($0) }
        #expect(copy == [5, 6, 7, 3, 4, 5, 6, 7])
    }

    @Test("blocks keep their bytes apart")
    func blocks() {
        var pool = BlockPool(blockSize: 16)
        var names: [BlockPool.BlockID] = []
        for number in 0..<100 {
            let bytes = Array("number \(number)".utf8)
            names.append(pool.store(bytes.span.bytes))
        }
        for (number, name) in names.enumerated() { #expect(text(pool.bytes(name)) == "number \(number)") }
        names.forEach { pool.release($0) }
        let bytes = Array("again".utf8)
        let again = pool.store(bytes.span.bytes)
        #expect(text(pool.bytes(again)) == "again")
    }
}
