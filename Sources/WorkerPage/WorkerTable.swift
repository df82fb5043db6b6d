//===----------------------------------------------------------------------===//
// Quartermaster: the page that workers count in, as master keeps it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// Keeps `WorkerPage`. The disk has room for all of it from the start. One thing is decided by what it says: whom
/// master follows as the heir of a process, see `Master+Draining.swift`.
package struct WorkerTable: ~Copyable, CountsTable {
    private let page: KeptPage
    /// The names of the totals, which are not read back from the page.
    package private(set) var totals: [String]

    package static var path: String { WorkerPage.path }

    /// For services for which there was no total left.
    package static var others: String { "other services" }

    package init(
        at path: String,
        owner: UserAccount?,
        master: Int32,
        nowMilliseconds: Int64
    ) throws(SystemError) {
        self.init(
            try KeptPage(
                making: WorkerPage.form,
                at: path,
                owner: owner,
                master: master,
                nowMilliseconds: nowMilliseconds
            ),
            totals: []
        )
    }

    private init(_ page: consuming KeptPage, totals: [String]) {
        self.page = page
        self.totals = totals
    }

    package static func continuing(
        at path: String,
        owner: UserAccount?,
        master: Int32,
        totals: [String]
    ) throws(SystemError) -> WorkerTable? {
        guard totals.count <= WorkerPage.totalCount,
            let page = try KeptPage.continuing(WorkerPage.form, at: path, owner: owner, master: master)
        else { return nil }
        var table = WorkerTable(page, totals: totals)
        table.buryTheForgotten()
        return table
    }

    /// A row whose process has named a living heir is not given to another one.
    private mutating func buryTheForgotten() {
        for row in page.forgotten {
            if let heir = heir(of: row), isThere(process: heir) { pass(row, to: heir) } else { move(row, of: nil) }
        }
    }

    package var isIntact: Bool { page.isIntact }
    package var isInPlace: Bool { page.isInPlace }

    @discardableResult
    package mutating func processEnded(_ pid: Int32, of service: String?) -> CountsOutcome {
        for row in page.records(of: pid) { move(row, of: service) }
        return .moved
    }

    @discardableResult
    package mutating func tidy() -> CountsOutcome {
        buryTheForgotten()
        return .moved
    }

    // MARK: heirs

    /// Who goes on in the row of a process that is gone, as the page says; nil for nobody.
    package func heir(ofProcess pid: Int32) -> Int32? { page.records(of: pid).first.flatMap { heir(of: $0) } }

    /// The row of a process that is gone is its heir's from now on, with all that was counted in it.
    package func pass(from pid: Int32, to heir: Int32) {
        if let row = page.records(of: pid).first { pass(row, to: heir) }
    }

    private func heir(of row: Int) -> Int32? {
        let heir = page.memory.word(at: WorkerPage.row(row) + WorkerRecord.heirPlace)
        return heir == 0 ? nil : Int32(exactly: heir)
    }

    private func pass(_ row: Int, to heir: Int32) {
        page.memory.publish(0, at: WorkerPage.row(row) + WorkerRecord.heirPlace)
        page.give(row, to: heir)
    }

    // MARK: moving

    private func name(_ row: Int) -> String {
        PageText.string(page.memory.words(from: WorkerPage.row(row), byteCount: WorkerRecord.nameSize))
    }

    private mutating func move(_ row: Int, of service: String?) {
        let (source, target) = (WorkerPage.row(row), WorkerPage.total(total(of: service ?? name(row))))
        page.beginMoving()
        for counter in WorkerCounter.allCases {
            // Its connections ended with it.
            let kept = counter == .closed ? WorkerCounter.accepted : counter
            page.memory.count(page.memory.word(at: source + kept.place), at: target + counter.place)
        }
        for place in (0..<WorkerRecord.bucketCount).map({ WorkerRecord.histogramPlace + $0 * 8 }) {
            page.memory.count(page.memory.word(at: source + place), at: target + place)
        }
        page.memory.clear(from: source, byteCount: WorkerPage.recordSize)
        page.setFree(row)
        page.endMoving()
    }

    private mutating func total(of service: String) -> Int {
        if let index = totals.firstIndex(of: service) { return index }
        if totals.count == WorkerPage.totalCount { return totals.count - 1 }
        totals.append(totals.count == WorkerPage.totalCount - 1 ? Self.others : service)
        let index = totals.count - 1
        let words = PageText.words(totals[index], byteCount: WorkerRecord.nameSize)
        page.memory.publish(words, from: WorkerPage.total(index))
        return index
    }
}
