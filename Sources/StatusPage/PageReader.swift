//===----------------------------------------------------------------------===//
// Quartermaster: the status page as others read it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

/// What a page says, as far as it could be read.
package struct Overview: Equatable, Sendable {
    /// When master was awake last, in milliseconds of CLOCK_MONOTONIC.
    package var heartbeat: Int64 = 0
    package var master = MasterFigures()
    /// In the order of their rows, which is that of master.cf at the start.
    package var services: [ServiceOverview] = []
    /// By pid.
    package var processes: [ProcessOverview] = []
    /// By number.
    package var events: [EventEntry] = []
    /// Records that changed each time they were read: "master", "service 3", …
    package var unreadable: [String] = []

    package init() {}

    /// The service that a process or event belongs to; nil when it is gone.
    package func service(row: UInt32) -> ServiceOverview? { services.first { $0.row == Int(row) } }
}

/// Reads a page while it is being written. It takes nothing for granted: the page may be cut off, foreign, or made to
/// mislead; what comes out is within `PageBounds`, so that it can be counted with.
///
/// The file is read twice. A record whose number is even, and which is the same in both readings, is whole: master
/// changes the number before it changes anything else, and never uses one again. What is not whole is read again, at
/// most `attempts` times.
package struct PageReader: Sendable {
    package static let attempts = 20

    /// What is wanted of a page.
    package struct Parts: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        package static let services = Parts(rawValue: 1)
        package static let processes = Parts(rawValue: 2)
        package static let events = Parts(rawValue: 4)
        package static let all: Parts = [.services, .processes, .events]
    }

    private let parts: Parts

    package init(_ parts: Parts = .all) { self.parts = parts }

    /// - Parameter read: so many bytes from a place on, or fewer where the file ends.
    /// - Returns: nil when a newer page has taken the place of this one.
    package func read<Failure: Error>(
        _ read: (_ offset: Int, _ count: Int) throws(Failure) -> [UInt8]
    ) throws(Failure) -> Result<Overview?, PageProblem> {
        let start = try read(0, PageLayout.headerSize)
        if start.count < PageLayout.headerSize { return .failure(.cutOff) }
        let header = WordReader(start[...])
        let layout: PageLayout
        do throws(PageProblem) {
            layout = try PageLayout(header: header)
        } catch {
            return .failure(error)
        }
        if header[PageLayout.supersededPlace / 8] != 0 { return .success(nil) }
        var collection = Collection(layout, parts)
        collection.overview.heartbeat = Int64(clamping: header[PageLayout.heartbeatPlace / 8])
        collection.overview.bound()
        for _ in 0..<Self.attempts where !collection.isComplete {
            for (table, range) in collection.missingRanges {
                let first = try read(range.lowerBound, range.count)
                let second = try read(range.lowerBound, range.count)
                if first.count < range.count || second.count < range.count { return .failure(.cutOff) }
                collection.take(table, range, first, second)
            }
        }
        return .success(collection.finish())
    }
}

/// Gathers whole records.
private struct Collection {
    private enum Kind: Int, CaseIterable { case master, services, processes, events }

    private let tables: [(kind: Kind, table: PageLayout.Table)]
    /// Rows that were not read yet, of each table.
    private var missing: [[Int]]
    var overview = Overview()

    init(_ layout: PageLayout, _ parts: PageReader.Parts) {
        var tables: [(kind: Kind, table: PageLayout.Table)] = [(.master, layout.master)]
        if parts.contains(.services) { tables.append((.services, layout.services)) }
        if parts.contains(.processes) { tables.append((.processes, layout.processes)) }
        if parts.contains(.events) { tables.append((.events, layout.events)) }
        self.tables = tables
        missing = tables.map { Array(0..<$0.table.count) }
    }

    var isComplete: Bool { missing.allSatisfy(\.isEmpty) }

    /// What has to be read of each table for the rows that are missing.
    var missingRanges: [(table: Int, range: Range<Int>)] {
        tables.indices.compactMap { index in
            guard let first = missing[index].first, let last = missing[index].last else { return nil }
            let table = tables[index].table
            return (index, table.place(first)..<table.place(last) + table.size)
        }
    }

    mutating func take(_ index: Int, _ range: Range<Int>, _ first: [UInt8], _ second: [UInt8]) {
        let (kind, table) = tables[index]
        var whole: [(row: Int, record: ArraySlice<UInt8>)] = []
        missing[index].removeAll { row in
            let start = table.place(row) - range.lowerBound
            let record = first[start..<start + table.size]
            guard first[start] & 1 == 0, record == second[start..<start + table.size] else { return false }
            whole.append((row, record))
            return true
        }
        for (row, record) in whole { add(kind, row, record) }
    }

    private mutating func add(_ kind: Kind, _ row: Int, _ record: ArraySlice<UInt8>) {
        // Its number is 0: it was never written.
        if record.prefix(8).allSatisfy({ $0 == 0 }) { return }
        var reader = WordReader(record.dropFirst(8))
        switch kind {
        case .master:
            overview.master.code(with: &reader)
            overview.master.bound()
        case .services:
            var service = ServiceOverview()
            service.row = row
            service.code(with: &reader)
            service.bound()
            if service.texts.life != 0 { overview.services.append(service) }
        case .processes:
            var process = ProcessOverview()
            process.code(with: &reader)
            process.bound()
            if process.pid != 0 { overview.processes.append(process) }
        case .events:
            var event = EventEntry()
            event.code(with: &reader)
            event.bound()
            if event.number != 0 { overview.events.append(event) }
        }
    }

    func finish() -> Overview {
        var overview = overview
        overview.services.sort { $0.row < $1.row }
        overview.processes.sort { $0.pid < $1.pid }
        overview.events.sort { $0.number < $1.number }
        let names = ["master", "service", "process", "event"]
        for (index, entry) in tables.enumerated() {
            overview.unreadable += missing[index].map { "\(names[entry.kind.rawValue]) \($0)" }
        }
        return overview
    }
}
