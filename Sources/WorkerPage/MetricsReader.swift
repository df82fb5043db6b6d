//===----------------------------------------------------------------------===//
// Quartermaster: the page of what services count themselves, as others read it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// As `PageForm.read` does.
package enum MetricsReader {
    package static func read(_ path: String) throws(WorkerPageProblem) -> MetricsOverview {
        try MetricsPage.form.read(path) { read throws(WorkerPageProblem) in try MetricsOverview.decode(read) }
    }
}

extension MetricsOverview {
    /// - Parameter read: up to so many bytes from a place on.
    /// - Returns: what it says, and the number that changes while counts are moved.
    package static func decode(
        _ read: (_ offset: Int, _ count: Int) throws(WorkerPageProblem) -> [UInt8]
    ) throws(WorkerPageProblem) -> (MetricsOverview, UInt64) {
        let head = try read(0, MetricsPage.totalsOffset)
        guard MetricsPage.form.isBegun(head) else { throw .foreign }
        var overview = MetricsOverview()
        overview.master = Int32(truncatingIfNeeded: head.word(PageForm.Header.master))
        overview.made = Int64(clamping: head.word(PageForm.Header.made))
        overview.refused = head.word(PageForm.Header.refused)
        overview.dropped = head.word(MetricsPage.dropped)
        for total in 0..<MetricsPage.totalCount {
            // They are taken one after the other, and most are not.
            let first = try read(MetricsPage.total(total), MetricsPage.recordSize)
            if first.word(MetricsPage.Record.kind) != MetricsPage.isNamed { break }
            overview.add(try read(MetricsPage.total(total), MetricsPage.totalSize))
        }
        for block in 0..<MetricsPage.blockCount where head.word(PageForm.holder(block)) != 0 {
            overview.add(try read(MetricsPage.block(block), MetricsPage.blockSize))
        }
        overview.sort()
        return (overview, head.word(PageForm.Header.folding))
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
    func name(_ offset: Int) -> [UInt8] {
        let start = offset + MetricsPage.Record.name
        guard start + MetricsPage.Record.nameSize <= count else { return [] }
        return Array(self[start..<start + MetricsPage.Record.nameSize].prefix { $0 != 0 })
    }
}
