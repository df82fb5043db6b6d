//===----------------------------------------------------------------------===//
// Quartermaster: the list of attributes that comes with a passed connection
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServiceBytes

/// Reads a NUL-terminated list of attributes, in whatever pieces it comes, and finds its end. A table in it counts for
/// the attributes that it holds.
///
/// Keeps the attributes only, and the beginning of one that is not complete; a list without any allocates nothing.
struct PassList {
    /// The beginning of an attribute whose rest is to come.
    private var kept: [UInt8] = []
    private var found = PassAttributes()
    private(set) var isComplete = false
    /// Bytes of the list so far.
    private(set) var byteCount = 0

    /// The content, also of tables; nil for a list without attributes.
    var attributes: PassAttributes? { found.isEmpty ? nil : found }

    /// Reads on, as far as the list goes.
    ///
    /// - Returns: how many of `bytes` belong to it.
    mutating func read(_ bytes: RawSpan) -> Int {
        if isComplete { return 0 }
        let count = kept.isEmpty ? readInPlace(bytes) : readBehindKept(bytes)
        byteCount += count
        return count
    }

    private mutating func readInPlace(_ bytes: RawSpan) -> Int {
        let taken = take(bytes)
        if isComplete { return taken }
        keep(bytes.extracting(taken..<bytes.byteCount))
        return bytes.byteCount
    }

    private mutating func readBehindKept(_ bytes: RawSpan) -> Int {
        let before = kept.count
        keep(bytes)
        var whole: [UInt8] = []
        swap(&whole, &kept)
        let taken = take(unsafe whole.span.bytes)
        // What is left stays where it is.
        swap(&whole, &kept)
        if isComplete { return taken - before }
        kept.removeFirst(taken)
        return bytes.byteCount
    }

    private mutating func keep(_ bytes: RawSpan) {
        if bytes.byteCount == 0 { return }
        kept.reserveCapacity(kept.isEmpty ? Self.spare : kept.count + bytes.byteCount)
        for index in 0..<bytes.byteCount { kept.append(bytes[index]) }
    }

    /// More than an attribute that comes in pieces is likely to have.
    private static let spare = 512

    /// Takes the whole attributes at the front; how many bytes those are.
    private mutating func take(_ bytes: RawSpan) -> Int {
        var list = Attributes(bytes, .nullTerminated)
        while true {
            switch list.next() {
            case .attribute: found.append(String(utf8: list.name), String(utf8: list.value))
            case .tableBegin, .tableEnd: continue
            case .end:
                isComplete = true
                return list.consumed
            case .incomplete, .malformed: return list.consumed
            }
        }
    }
}
