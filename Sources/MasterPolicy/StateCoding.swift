//===----------------------------------------------------------------------===//
// Quartermaster: one list of fields, for writing a value out and for reading it back
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Goes through the fields of a value in their order. A writer takes each field's value, a reader replaces it; because
/// both go through the same list, they cannot disagree.
package protocol StateCoder {
    /// What all states begin with.
    mutating func begin(version: Int64) throws(StateProblem)
    mutating func code(_ value: inout Int64) throws(StateProblem)
}

/// Bytes that are no state of ours.
package enum StateProblem: Error, Equatable, Sendable {
    /// They end too early, or go on too long.
    case wrongLength
    /// They are something else altogether.
    case foreign
    /// Something was changed since they were written.
    case damaged
    /// They were written by a program whose state has other fields.
    case unknownVersion(found: Int64, known: Int64)
    /// A field has a value that it cannot have, or that cannot be beside another.
    case badValue
}

/// How a state begins and ends.
package enum StateFrame {
    /// "QMPOLICY", least significant byte first.
    package static var policyMark: Int64 { 0x5943_494C_4F50_4D51 }

    /// FNV-1a over whole words: any change of one byte changes it.
    static func checksum(_ words: some Sequence<Int64>) -> Int64 {
        ~words.reduce(Int64(bitPattern: 0xCBF2_9CE4_8422_2325)) { ($0 ^ $1) &* 0x0000_0100_0000_01B3 }
    }
}

/// Writes each field as eight bytes, least significant first.
package struct StateWriter: StateCoder {
    private let mark: Int64
    private var words: [Int64] = []

    /// - Parameter mark: what tells this kind of state from others.
    package init(mark: Int64) { self.mark = mark }

    package mutating func begin(version: Int64) throws(StateProblem) { words = [mark, version] }

    package mutating func code(_ value: inout Int64) throws(StateProblem) { words.append(value) }

    /// What was written, with its checksum.
    package var sealed: [UInt8] {
        var bytes = [UInt8](repeating: 0, count: (words.count + 1) * 8)
        var span = bytes.mutableSpan
        // Any bytes may be written over bytes.
        var raw = unsafe span.mutableBytes
        for index in words.indices {
            raw.storeBytes(of: words[index].littleEndian, toByteOffset: index * 8, as: Int64.self)
        }
        let checksum = StateFrame.checksum(words)
        raw.storeBytes(of: checksum.littleEndian, toByteOffset: words.count * 8, as: Int64.self)
        return bytes
    }
}

/// Reads what `StateWriter` wrote.
package struct StateReader: StateCoder {
    /// Without the checksum.
    private let words: [Int64]
    private var place = 0

    package init(_ bytes: [UInt8], mark: Int64) throws(StateProblem) {
        guard bytes.count >= 24, bytes.count % 8 == 0 else { throw .wrongLength }
        // Bytes may be read as bytes.
        let raw = unsafe bytes.span.bytes
        var all: [Int64] = []
        all.reserveCapacity(bytes.count / 8)
        for start in stride(from: 0, to: bytes.count, by: 8) {
            // Every bit pattern is a valid integer, and the range was checked above.
            all.append(Int64(littleEndian: unsafe raw.unsafeLoadUnaligned(fromByteOffset: start, as: Int64.self)))
        }
        guard all[0] == mark else { throw .foreign }
        let checksum = all.removeLast()
        guard checksum == StateFrame.checksum(all) else { throw .damaged }
        words = all
    }

    package var isAtEnd: Bool { place == words.count }

    package mutating func begin(version: Int64) throws(StateProblem) {
        guard words[1] == version else { throw .unknownVersion(found: words[1], known: version) }
        place = 2
    }

    package mutating func code(_ value: inout Int64) throws(StateProblem) {
        guard place < words.count else { throw .wrongLength }
        value = words[place]
        place += 1
    }
}

extension StateCoder {
    package mutating func code<Value: FixedWidthInteger>(_ value: inout Value) throws(StateProblem) {
        var field = Int64(truncatingIfNeeded: value)
        try code(&field)
        guard let read = Value(exactly: field) else { throw .badValue }
        value = read
    }

    /// A moment so far away that arithmetic with it could fail is none.
    package mutating func code(_ value: inout PolicyTime) throws(StateProblem) {
        try code(&value.milliseconds)
        guard -(1 << 60)...(1 << 60) ~= value.milliseconds else { throw .badValue }
    }

    package mutating func code(_ value: inout Bool) throws(StateProblem) {
        var field: Int64 = value ? 1 : 0
        try code(&field)
        guard 0...1 ~= field else { throw .badValue }
        value = field == 1
    }

    package mutating func code<Value: RawRepresentable>(_ value: inout Value) throws(StateProblem)
    where Value.RawValue: FixedWidthInteger {
        var field = value.rawValue
        try code(&field)
        guard let read = Value(rawValue: field) else { throw .badValue }
        value = read
    }

    /// A field that may be absent: whether it is there, and its value or, if it is not, that of `absent`.
    package mutating func code<Value: Equatable>(
        _ value: inout Value?,
        absent: Value,
        _ body: (inout Self, inout Value) throws(StateProblem) -> Void
    ) throws(StateProblem) {
        var isPresent = value != nil
        var inner = value ?? absent
        try code(&isPresent)
        try body(&self, &inner)
        guard isPresent || inner == absent else { throw .badValue }
        value = isPresent ? inner : nil
    }

    package mutating func code(_ value: inout PolicyTime?) throws(StateProblem) {
        try code(&value, absent: PolicyTime(milliseconds: 0)) { coder, time throws(StateProblem) in
            try coder.code(&time)
        }
    }

    /// As many elements as there are, each after the other; a reader makes new ones from `blank`.
    package mutating func code<Element>(
        _ elements: inout [Element],
        blank: Element,
        _ body: (inout Self, inout Element) throws(StateProblem) -> Void
    ) throws(StateProblem) {
        var count = elements.count
        try code(&count)
        guard count >= 0 else { throw .badValue }
        // A reader that was told too many comes to the end of its bytes before it comes to the end of memory.
        for index in 0..<count {
            if index == elements.count { elements.append(blank) }
            try body(&self, &elements[index])
        }
    }
}
