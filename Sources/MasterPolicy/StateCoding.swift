//===----------------------------------------------------------------------===//
// Quartermaster: one list of fields, for writing a value out and for reading it back
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Goes through the fields of a value in their order. A writer takes each field's value, a reader replaces it; because
/// both go through the same list, they cannot disagree.
protocol StateCoder {
    mutating func code(_ value: inout Int64) throws(StateProblem)
}

/// Bytes that are no state of ours.
package enum StateProblem: Error, Equatable, Sendable {
    /// They end too early, or go on too long.
    case wrongLength
    /// They were written by a program whose state has other fields.
    case unknownVersion(Int64)
    /// A field has a value that it cannot have.
    case badValue
}

/// Writes each field as eight bytes, least significant first.
struct StateWriter: StateCoder {
    private(set) var bytes: [UInt8] = []

    mutating func code(_ value: inout Int64) throws(StateProblem) {
        for shift in stride(from: Int64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }
}

/// Reads what `StateWriter` wrote.
struct StateReader: StateCoder {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }

    mutating func code(_ value: inout Int64) throws(StateProblem) {
        guard bytes.count - place >= 8 else { throw .wrongLength }
        value = bytes[place..<place + 8].reversed().reduce(0) { $0 << 8 | Int64($1) }
        place += 8
    }
}

extension StateCoder {
    mutating func code<Value: FixedWidthInteger>(_ value: inout Value) throws(StateProblem) {
        var field = Int64(truncatingIfNeeded: value)
        try code(&field)
        guard let read = Value(exactly: field) ?? Value(exactly: UInt64(bitPattern: field)) else { throw .badValue }
        value = read
    }

    mutating func code(_ value: inout Bool) throws(StateProblem) {
        var field: Int64 = value ? 1 : 0
        try code(&field)
        guard 0...1 ~= field else { throw .badValue }
        value = field == 1
    }

    mutating func code<Value: RawRepresentable>(_ value: inout Value) throws(StateProblem)
    where Value.RawValue: FixedWidthInteger {
        var field = value.rawValue
        try code(&field)
        guard let read = Value(rawValue: field) else { throw .badValue }
        value = read
    }

    /// A field that may be absent: whether it is there, and its value or, if it is not, that of `absent`.
    mutating func code<Value>(
        _ value: inout Value?,
        absent: Value,
        _ body: (inout Self, inout Value) throws(StateProblem) -> Void
    ) throws(StateProblem) {
        var isPresent = value != nil
        var inner = value ?? absent
        try code(&isPresent)
        try body(&self, &inner)
        value = isPresent ? inner : nil
    }

    mutating func code(_ value: inout PolicyTime?) throws(StateProblem) {
        try code(&value, absent: PolicyTime(milliseconds: 0)) { coder, time throws(StateProblem) in
            try coder.code(&time.milliseconds)
        }
    }

    /// As many elements as there are, each after the other; a reader makes new ones from `blank`.
    mutating func code<Element>(
        _ elements: inout [Element],
        blank: Element,
        _ body: (inout Self, inout Element) throws(StateProblem) -> Void
    ) throws(StateProblem) {
        var count = elements.count
        try code(&count)
        guard 0...1_000_000 ~= count else { throw .badValue }
        while elements.count < count { elements.append(blank) }
        for index in 0..<count { try body(&self, &elements[index]) }
    }
}
