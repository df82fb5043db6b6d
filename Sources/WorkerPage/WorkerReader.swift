//===----------------------------------------------------------------------===//
// Quartermaster: the page that workers count in, as others read it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// As `PageForm.read` does.
package enum WorkerReader {
    package static func read(_ path: String) throws(WorkerPageProblem) -> WorkerOverview {
        try WorkerPage.form.read(path) { read throws(WorkerPageProblem) in
            let page = try read(0, WorkerPage.pageSize)
            return (try WorkerOverview(decoding: page), page.word(PageForm.Header.folding))
        }
    }
}

extension WorkerOverview {
    /// - Parameter page: all bytes of it.
    package init(decoding page: [UInt8]) throws(WorkerPageProblem) {
        guard page.count == WorkerPage.pageSize, WorkerPage.form.isBegun(page) else { throw .foreign }
        master = Int32(truncatingIfNeeded: page.word(PageForm.Header.master))
        made = Int64(clamping: page.word(PageForm.Header.made))
        uncounted = page.word(PageForm.Header.refused)
        for index in 0..<WorkerPage.totalCount { add(page, WorkerPage.total(index), isLiving: false) }
        for row in 0..<WorkerPage.rowCount where page.word(PageForm.holder(row)) != 0 {
            add(page, WorkerPage.row(row), isLiving: true)
            let open = page.open(WorkerPage.row(row))
            if open > 0 { self.open[UInt32(truncatingIfNeeded: page.word(PageForm.holder(row)))] = open }
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
