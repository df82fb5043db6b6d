//===----------------------------------------------------------------------===//
// Quartermaster: the page that workers count in, as others read it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// What the daemons on our skeletons have counted since master started.
package struct WorkerOverview: Equatable, Sendable {
    /// The pid of the master that made the page.
    package var master: Int32 = 0
    /// When it did, in milliseconds of CLOCK_MONOTONIC.
    package var made: Int64 = 0
    /// Processes that found no row, so that what they did is not in here.
    package var uncounted: UInt64 = 0
    /// In the order of their names.
    package var services: [WorkerFigures] = []

    package init() {}

    /// - Parameter name: `name/type` as in master.cf.
    package func service(_ name: String) -> WorkerFigures? { services.first { $0.name == name } }
}

/// What all processes of a service have done, the living and the gone.
package struct WorkerFigures: Equatable, Sendable {
    /// `name/type` as in master.cf.
    package var name: String
    /// Processes that count now.
    package var processes = 0
    /// Connections that are open now.
    package var open: UInt64 = 0
    /// By `WorkerCounter.rawValue`.
    package var counters = [UInt64](repeating: 0, count: WorkerCounter.allCases.count)
    /// By bucket of `HandlerTimes`: not only of this bucket and all before.
    package var times = [UInt64](repeating: 0, count: HandlerTimes.bucketCount)

    package init(name: String) { self.name = name }

    package subscript(counter: WorkerCounter) -> UInt64 {
        get { counters[counter.rawValue] }
        set { counters[counter.rawValue] = newValue }
    }

    /// How many requests the times are of.
    package var timed: UInt64 { times.reduce(0, &+) }
}

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
                try file.number.read(atMost: WorkerPage.ownersOffset, from: 0)
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
        for row in 0..<WorkerPage.rowCount where page.word(WorkerPage.owner(row)) != 0 {
            add(page, WorkerPage.row(row), isLiving: true)
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
        let (accepted, closed) = (
            page.word(record + WorkerCounter.accepted.place), page.word(record + WorkerCounter.closed.place)
        )
        // Only a page that was made to mislead has more that are over than there were.
        if accepted > closed { services[index].open &+= accepted - closed }
    }
}

extension [UInt8] {
    /// The word at `offset`; 0 behind the end.
    fileprivate func word(_ offset: Int) -> UInt64 {
        guard offset >= 0, offset + 8 <= count else { return 0 }
        return (0..<8).reduce(0) { $0 | UInt64(self[offset + $1]) << (8 * UInt64($1)) }
    }
}
