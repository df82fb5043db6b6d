//===----------------------------------------------------------------------===//
// Quartermaster: what a command writes, line by line
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ServerSkeleton
import SystemCalls

/// Brings the output of one run to the log: so many lines, and of each so many bytes; how many more there were is said
/// at the end. Holds one line at most.
struct OutputLines {
    private static let longestLine = 1000
    private static let block = 4096

    private let limit: Int
    private let name: String
    private let log: ServiceLog
    private var line: [UInt8] = []
    /// Whether the present line is longer than what is kept.
    private var isCut = false
    private var count = 0

    init(limit: Int, name: String, _ log: ServiceLog) {
        (self.limit, self.name, self.log) = (limit, name, log)
        line.reserveCapacity(Self.longestLine)
    }

    /// Reads once; false at the end, or when nothing is there at a last look.
    mutating func read(_ pipe: DescriptorNumber, isLast: Bool = false) -> Bool {
        guard let bytes = try? pipe.read(atMost: Self.block) else { return !isLast }
        for byte in bytes { take(byte) }
        return !bytes.isEmpty
    }

    private mutating func take(_ byte: UInt8) {
        if byte == UInt8(ascii: "\n") { return endLine() }
        if line.count < Self.longestLine { line.append(byte) } else { isCut = true }
    }

    private mutating func endLine() {
        count += 1
        if count <= limit { log.info("\(name): \(String(decoding: line, as: UTF8.self))\(isCut ? "..." : "")") }
        line.removeAll(keepingCapacity: true)
        isCut = false
    }

    /// The last line may have no end.
    mutating func finish() {
        if !line.isEmpty { endLine() }
        if count > limit { log.warning("command \(name): \(count - limit) more lines of output are not logged") }
    }
}
