//===----------------------------------------------------------------------===//
// Quartermaster: the page that workers count in, as others read it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// Reads a page while it is being written, and takes nothing for granted: it may be cut off, foreign, or made to
/// mislead. The file is never mapped, so that nothing can happen to the reader that read(2) would not tell.
package enum WorkerReader {
    private static let attempts = 20

    package static func read(_ path: String) throws(WorkerPageProblem) -> WorkerOverview {
        // A FIFO in its place must not hold us up.
        let file = try calling { () throws(SystemError) in try openFile(path, [.readOnly, .nonBlocking]) }
        let kind = try calling { () throws(SystemError) in try file.number.facts().kind }
        if kind != .file { throw .foreign }
        for _ in 0..<attempts {
            let page = try calling { () throws(SystemError) in
                try file.number.read(atMost: WorkerPage.pageSize, from: 0)
            }
            let again = try calling { () throws(SystemError) in
                try file.number.read(atMost: WorkerPage.holdersOffset, from: 0)
            }
            let overview = try WorkerOverview(decoding: page)
            // Whether counts were moved from a row to a total while we read.
            let folding = page.word(WorkerPage.Header.folding)
            if folding % 2 == 0, folding == again.word(WorkerPage.Header.folding) { return overview }
        }
        throw .restless
    }
}

extension WorkerOverview {
    /// - Parameter page: all bytes of it.
    package init(decoding page: [UInt8]) throws(WorkerPageProblem) {
        guard page.count == WorkerPage.pageSize, page.word(WorkerPage.Header.magic) == WorkerPage.magic,
            page.word(WorkerPage.Header.version) == WorkerPage.version
        else { throw .foreign }
        master = Int32(truncatingIfNeeded: page.word(WorkerPage.Header.master))
        made = Int64(clamping: page.word(WorkerPage.Header.made))
        uncounted = page.word(WorkerPage.Header.uncounted)
        for index in 0..<WorkerPage.totalCount { add(page, WorkerPage.total(index), isLiving: false) }
        for row in 0..<WorkerPage.rowCount where page.word(WorkerPage.holder(row)) != 0 {
            add(page, WorkerPage.row(row), isLiving: true)
            let open = page.open(WorkerPage.row(row))
            if open > 0 { self.open[UInt32(truncatingIfNeeded: page.word(WorkerPage.holder(row)))] = open }
        }
        services.sort { $0.name < $1.name }
    }

    private mutating func add(_ page: [UInt8], _ record: Int, isLiving: Bool) {
        let name = String(decoding: page[record..<record + WorkerRecord.nameSize].prefix { $0 != 0 }, as: UTF8.self)
        // A process that has just taken the row has not written its name yet.
        if name.isEmpty { return }
        let index = services.firstIndex { $0.name == name } ?? services.count
        if index == services.count { services.append(WorkerFigures(name: name)) }
        for counter in WorkerCounter.allCases { services[index][counter] &+= page.word(record + counter.place) }
        for bucket in 0..<HandlerTimes.bucketCount {
            services[index].times[bucket] &+= page.word(record + WorkerRecord.histogramPlace + bucket * 8)
        }
        guard isLiving else { return }
        services[index].processes += 1
        services[index].open &+= page.open(record)
    }
}

extension [UInt8] {
    /// Connections that are open in the process of a record. Only a page that was made to mislead has more that are
    /// over than there were.
    fileprivate func open(_ record: Int) -> UInt64 {
        let (accepted, closed) = (
            word(record + WorkerCounter.accepted.place), word(record + WorkerCounter.closed.place)
        )
        return accepted > closed ? accepted - closed : 0
    }
}
