//===----------------------------------------------------------------------===//
// Quartermaster: the page of what services count themselves, as others read it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// Reads a page while it is being written, and takes nothing for granted: it may be cut off, foreign, or made to
/// mislead. The file is never mapped, so that nothing can happen to the reader that read(2) would not tell.
package enum MetricsReader {
    private static let attempts = 20

    package static func read(_ path: String) throws(WorkerPageProblem) -> MetricsOverview {
        // A FIFO in its place must not hold us up.
        let file = try calling { () throws(SystemError) in try openFile(path, [.readOnly, .nonBlocking]) }
        let facts = try calling { () throws(SystemError) in try file.number.facts() }
        guard facts.kind == .file, facts.size == UInt64(MetricsPage.pageSize) else { throw .foreign }
        for _ in 0..<attempts {
            let (overview, folding) = try MetricsOverview.decode { (offset, count) throws(WorkerPageProblem) in
                try calling { () throws(SystemError) in try file.number.read(atMost: count, from: offset) }
            }
            let again = try calling { () throws(SystemError) in
                try file.number.read(atMost: MetricsPage.holdersOffset, from: 0)
            }
            // Whether counts were moved from a block to a total while we read.
            if folding % 2 == 0, folding == again.word(MetricsPage.Header.folding) { return overview }
        }
        throw .restless
    }
}

extension MetricsOverview {
    /// - Parameter read: up to so many bytes from a place on.
    /// - Returns: what it says, and the number that changes while counts are moved.
    package static func decode(
        _ read: (_ offset: Int, _ count: Int) throws(WorkerPageProblem) -> [UInt8]
    ) throws(WorkerPageProblem) -> (MetricsOverview, UInt64) {
        let head = try read(0, MetricsPage.totalsOffset)
        guard head.word(MetricsPage.Header.magic) == MetricsPage.magic,
            head.word(MetricsPage.Header.version) == MetricsPage.version
        else { throw .foreign }
        var overview = MetricsOverview()
        overview.master = Int32(truncatingIfNeeded: head.word(MetricsPage.Header.master))
        overview.made = Int64(clamping: head.word(MetricsPage.Header.made))
        overview.refused = head.word(MetricsPage.Header.refused)
        overview.dropped = head.word(MetricsPage.Header.dropped)
        for total in 0..<MetricsPage.totalCount {
            // They are taken one after the other, and most are not.
            let first = try read(MetricsPage.total(total), MetricsPage.recordSize)
            if first.word(MetricsPage.Record.kind) != MetricsPage.isNamed { break }
            overview.add(try read(MetricsPage.total(total), MetricsPage.totalSize))
        }
        for block in 0..<MetricsPage.blockCount where head.word(MetricsPage.holder(block)) != 0 {
            overview.add(try read(MetricsPage.block(block), MetricsPage.blockSize))
        }
        overview.sort()
        return (overview, head.word(MetricsPage.Header.folding))
    }

    /// The series of a block or total.
    private mutating func add(_ bytes: [UInt8]) {
        let service = String(decoding: bytes.name(0), as: UTF8.self)
        // A process that has just taken the block has not written its name yet.
        if service.isEmpty || bytes.word(MetricsPage.Record.kind) != MetricsPage.isNamed { return }
        for record in stride(from: MetricsPage.recordSize, to: bytes.count, by: MetricsPage.recordSize) {
            let words = (
                kind: bytes.word(record + MetricsPage.Record.kind),
                value: bytes.word(record + MetricsPage.Record.value),
                count: bytes.word(record + MetricsPage.Record.count)
            )
            add(service, bytes.name(record), words)
        }
    }
}

extension [UInt8] {
    /// The name of the record at `offset`.
    fileprivate func name(_ offset: Int) -> [UInt8] {
        let start = offset + MetricsPage.Record.name
        guard start + MetricsPage.Record.nameSize <= count else { return [] }
        return Array(self[start..<start + MetricsPage.Record.nameSize].prefix { $0 != 0 })
    }

    /// The word at `offset`; 0 behind the end.
    func word(_ offset: Int) -> UInt64 {
        guard offset >= 0, offset + 8 <= count else { return 0 }
        return (0..<8).reduce(0) { $0 | UInt64(self[offset + $1]) << (8 * UInt64($1)) }
    }
}
