//===----------------------------------------------------------------------===//
// Quartermaster: an answer as it comes in, in whatever pieces
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// Cuts what comes from a control socket into lines. Who answers there need not be master: of a line that is longer
/// than any of master's, nothing is kept.
package struct ReplyLines: Sendable {
    /// As much as master keeps for a client.
    package static let longestLine = 64 * 1024

    private var rest: [UInt8] = []
    private var isTooLong = false

    package init() {}

    /// Takes the next bytes; the lines that are whole with them, without their ends.
    package mutating func take(_ piece: some Sequence<UInt8>) -> [String] {
        var lines: [String] = []
        for byte in piece {
            if byte == UInt8(ascii: "\n") {
                if !isTooLong { lines.append(String(decoding: rest, as: UTF8.self)) }
                rest.removeAll(keepingCapacity: true)
                isTooLong = false
            } else if rest.count < Self.longestLine {
                rest.append(byte)
            } else {
                isTooLong = true
            }
        }
        return lines
    }
}
