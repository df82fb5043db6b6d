//===----------------------------------------------------------------------===//
// Quartermaster: bytes and texts among the fields of a state
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// More bytes than any single field has.
private let longestField = 64 << 20

extension StateCoder {
    /// The number of bytes, and then the bytes, eight to a field; the last field is filled up with zeros.
    package mutating func code(_ bytes: inout [UInt8]) throws(StateProblem) {
        var count = bytes.count
        try code(&count)
        guard 0...longestField ~= count else { throw .badValue }
        let written = bytes
        bytes = []
        for start in stride(from: 0, to: count, by: 8) {
            var field: Int64 = 0
            for (place, byte) in written.dropFirst(start).prefix(8).enumerated() { field |= Int64(byte) << (8 * place) }
            try code(&field)
            for place in 0..<min(8, count - start) { bytes.append(UInt8(truncatingIfNeeded: field >> (8 * place))) }
        }
    }

    /// As UTF-8. A text holds bytes that are no UTF-8 by characters of their own (`ByteText`), which are UTF-8.
    package mutating func code(_ text: inout String) throws(StateProblem) {
        var bytes = Array(text.utf8)
        try code(&bytes)
        guard let read = String(validating: bytes, as: UTF8.self) else { throw .badValue }
        text = read
    }

    package mutating func code(_ text: inout String?) throws(StateProblem) {
        try code(&text, absent: "") { coder, text throws(StateProblem) in try coder.code(&text) }
    }

    package mutating func code(_ texts: inout [String]) throws(StateProblem) {
        try code(&texts, blank: "") { coder, text throws(StateProblem) in try coder.code(&text) }
    }
}
