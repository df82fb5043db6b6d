//===----------------------------------------------------------------------===//
// Quartermaster: the list of attributes that comes with a passed connection
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory

/// Reads a NUL-terminated list of attributes, in whatever pieces it comes, and finds its end:
///
///     list   := (simple | table)* NUL
///     simple := name NUL value NUL
///     table  := "{" NUL simple* "}" NUL
///
/// Keeps the attributes only; a list without any allocates nothing.
struct PassList {
    private enum Expecting { case name, value }

    private var expecting = Expecting.name
    private var name: [UInt8] = []
    private var value: [UInt8] = []
    private var found = PassAttributes()
    private(set) var isComplete = false
    /// Bytes of the list so far.
    private(set) var byteCount = 0

    /// The content, also of tables; nil for a list without attributes.
    var attributes: PassAttributes? { found.isEmpty ? nil : found }

    /// Reads on, as far as the list goes.
    ///
    /// - Returns: how many of `bytes` belong to it.
    mutating func read(_ bytes: borrowing RawSpan) -> Int {
        var count = 0
        while count < bytes.byteCount, !isComplete {
            read(bytes.rawByte(at: count))
            count += 1
        }
        byteCount += count
        return count
    }

    /// Whether the name begins or ends a table.
    private var isBrace: Bool { name.count == 1 && (name[0] == UInt8(ascii: "{") || name[0] == UInt8(ascii: "}")) }

    private mutating func read(_ byte: UInt8) {
        switch expecting {
        case .name where byte != 0: name.append(byte)
        case .value where byte != 0: value.append(byte)
        case .name where name.isEmpty: isComplete = true
        case .name where isBrace: name.removeAll(keepingCapacity: true)
        case .name: expecting = .value
        case .value:
            found.append(String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self))
            name.removeAll(keepingCapacity: true)
            value.removeAll(keepingCapacity: true)
            expecting = .name
        }
    }
}
