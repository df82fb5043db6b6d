//===----------------------------------------------------------------------===//
// Quartermaster: the page of what services count themselves, as master keeps it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// Keeps `MetricsPage`. The file has holes where nothing is counted, and a store to a hole of a file on a full disk is
/// a fault: so each part of a total gets its room before anything is stored there. Where there is none, master keeps
/// the block of the process that is gone, in its own name, and moves it when there is.
package struct MetricsTable: ~Copyable, CountsTable {
    private let page: KeptPage
    private let master: Int32
    private var accounts: [Account] = []
    private var totalsUsed = 0

    /// Where the counts of a service are that its processes have left.
    fileprivate struct Account {
        let service: String
        /// The number of its total; nil: there was no room on the disk for one yet.
        var total: Int?
        /// Series of the total.
        var used = 0
        /// Blocks that wait for room in it.
        var blocks: [Int] = []
    }

    package static var path: String { MetricsPage.path }

    package init(
        at path: String,
        owner: UserAccount?,
        master: Int32,
        nowMilliseconds: Int64
    ) throws(SystemError) {
        self.init(
            try KeptPage(
                making: MetricsPage.form,
                at: path,
                owner: owner,
                master: master,
                nowMilliseconds: nowMilliseconds
            ),
            master
        )
    }

    private init(_ page: consuming KeptPage, _ master: Int32) {
        self.page = page
        self.master = master
    }

    /// What the page says is all that is handed on. Meanwhile another program may have run that knew nothing of it.
    package static func continuing(
        at path: String,
        owner: UserAccount?,
        master: Int32,
        totals: [String] = []
    ) throws(SystemError) -> MetricsTable? {
        guard let page = try KeptPage.continuing(MetricsPage.form, at: path, owner: owner, master: master) else {
            return nil
        }
        var table = MetricsTable(page, master)
        try table.findTotals()
        table.tidy()
        return table
    }

    private mutating func findTotals() throws(SystemError) {
        while totalsUsed < MetricsPage.totalCount {
            let total = try page.bytes(from: MetricsPage.total(totalsUsed), count: MetricsPage.totalSize)
            let name = total.name(0)
            if total.word(MetricsPage.Record.kind) != MetricsPage.isNamed || name.isEmpty { return }
            var account = Account(service: String(decoding: name, as: UTF8.self), total: totalsUsed)
            while total.word((account.used + 1) * MetricsPage.recordSize) != 0 { account.used += 1 }
            accounts.append(account)
            totalsUsed += 1
        }
    }

    /// None: what the page says is enough.
    package var totals: [String] { [] }
    package var isIntact: Bool { page.isIntact }
    package var isInPlace: Bool { page.isInPlace }

    // MARK: moving

    /// Gauges end with their process.
    @discardableResult
    package mutating func processEnded(_ pid: Int32, of service: String?) -> CountsOutcome {
        var outcome = CountsOutcome.moved
        for block in page.records(of: pid) { outcome.add(move(block, of: service)) }
        return outcome
    }

    @discardableResult
    package mutating func tidy() -> CountsOutcome {
        var outcome = CountsOutcome.moved
        // Those that wait are master's own.
        for block in page.forgotten { outcome.add(move(block, of: nil)) }
        accounts.removeAll { $0.total == nil && $0.blocks.isEmpty }
        return outcome
    }

    private mutating func move(_ block: Int, of service: String?) -> CountsOutcome {
        let start = MetricsPage.block(block)
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try page.bytes(from: start, count: MetricsPage.blockSize)
        } catch {
            page.give(block, to: master)
            return .waiting(error)
        }
        // A process that was killed when it had the number, and no room yet, has left a hole.
        if bytes.allSatisfy({ $0 == 0 }) {
            page.setFree(block)
            return .moved
        }
        let service = service ?? String(decoding: bytes.name(0), as: UTF8.self)
        for account in accounts.indices { accounts[account].blocks.removeAll { $0 == block } }
        page.beginMoving()
        defer { page.endMoving() }
        var dropped: UInt64 = 0
        var problem: SystemError?
        for series in 1...MetricsPage.seriesPerBlock {
            let record = start + series * MetricsPage.recordSize
            do throws(SystemError) {
                if try !move(record, to: service) { dropped += 1 }
                page.memory.clear(from: record, byteCount: MetricsPage.recordSize)
            } catch {
                problem = error
            }
        }
        page.memory.countTogether(dropped, at: MetricsPage.dropped)
        if let problem {
            keep(block, of: service)
            return .waiting(problem)
        }
        page.memory.clear(from: start, byteCount: MetricsPage.recordSize)
        page.setFree(block)
        return dropped > 0 ? .dropped(service: service) : .moved
    }

    private mutating func keep(_ block: Int, of service: String) {
        let name = PageText.words(service, byteCount: MetricsPage.Record.nameSize)
        page.memory.publish(name, from: MetricsPage.block(block) + MetricsPage.Record.name)
        page.memory.publish(MetricsPage.isNamed, at: MetricsPage.block(block) + MetricsPage.Record.kind)
        page.give(block, to: master)
        let account = accounts.firstIndex { $0.service == service } ?? accounts.count
        if account == accounts.count { accounts.append(Account(service: service)) }
        accounts[account].blocks.append(block)
    }

    /// - Returns: false for a series that finds no place. One that is none has nothing to move.
    private mutating func move(_ record: Int, to service: String) throws(SystemError) -> Bool {
        guard let kind = MetricKind(rawValue: page.memory.word(at: record + MetricsPage.Record.kind)), kind != .gauge
        else { return true }
        let name = page.memory.words(
            from: record + MetricsPage.Record.name,
            byteCount: MetricsPage.Record.nameSize
        )
        if SeriesName(reading: PageText.bytes(name)) == nil { return true }
        guard let target = try place(of: service, name, kind) else { return false }
        add(record, to: target, kind)
        return true
    }

    private func add(_ source: Int, to target: Int, _ kind: MetricKind) {
        let value = page.memory.word(at: source + MetricsPage.Record.value)
        let place = target + MetricsPage.Record.value
        switch kind {
        case .gauge: return
        case .counter: return page.memory.count(value, at: place)
        case .sum, .summary: break
        }
        let sum = Double(bitPattern: page.memory.word(at: place)) + Double(bitPattern: value)
        // One that is no number would stay so for ever.
        if sum.isFinite { page.memory.publish(sum.bitPattern, at: place) }
        let count = page.memory.word(at: source + MetricsPage.Record.count)
        if kind == .summary { page.memory.count(count, at: target + MetricsPage.Record.count) }
    }

    // MARK: places

    /// The record in which a series of a service is counted together; nil where there is no room in the page. Where it
    /// is the disk that has none, a block that waits already may have.
    private mutating func place(
        of service: String,
        _ name: [UInt64],
        _ kind: MetricKind
    ) throws(SystemError) -> Int? {
        let known = accounts.firstIndex { $0.service == service }
        if let known, let record = accounts[known].records.first(where: { has($0, name, kind) }) { return record }
        let record: Int
        do throws(SystemError) {
            guard let fresh = try freshRecord(of: service, known) else { return nil }
            record = fresh
        } catch {
            guard let known, let free = accounts[known].blockRecords.first(where: { isFree($0) }) else { throw error }
            record = free
        }
        page.memory.publish(name, from: record + MetricsPage.Record.name)
        page.memory.publish(0, at: record + MetricsPage.Record.value)
        page.memory.publish(0, at: record + MetricsPage.Record.count)
        page.memory.publish(kind.rawValue, at: record + MetricsPage.Record.kind)
        return record
    }

    /// The next one of the service's total, with room on the disk.
    private mutating func freshRecord(of service: String, _ known: Int?) throws(SystemError) -> Int? {
        let index: Int
        if let known, accounts[known].total != nil {
            index = known
        } else {
            guard let total = try freshTotal(for: service) else { return nil }
            index = known ?? accounts.count
            if known == nil { accounts.append(Account(service: service)) }
            accounts[index].total = total
        }
        guard let total = accounts[index].total, accounts[index].used < MetricsPage.seriesPerTotal else { return nil }
        let record = MetricsPage.total(total) + (accounts[index].used + 1) * MetricsPage.recordSize
        if record % MetricsPage.blockSize == 0 {
            try page.makeRoom(from: record, byteCount: MetricsPage.blockSize)
        }
        accounts[index].used += 1
        return record
    }

    private mutating func freshTotal(for service: String) throws(SystemError) -> Int? {
        if totalsUsed == MetricsPage.totalCount || service.isEmpty { return nil }
        let start = MetricsPage.total(totalsUsed)
        try page.makeRoom(from: start, byteCount: MetricsPage.blockSize)
        let name = PageText.words(service, byteCount: MetricsPage.Record.nameSize)
        page.memory.publish(name, from: start + MetricsPage.Record.name)
        page.memory.publish(MetricsPage.isNamed, at: start + MetricsPage.Record.kind)
        totalsUsed += 1
        return totalsUsed - 1
    }

    private func has(_ record: Int, _ name: [UInt64], _ kind: MetricKind) -> Bool {
        let start = record + MetricsPage.Record.name
        return page.memory.word(at: record + MetricsPage.Record.kind) == kind.rawValue
            && name.indices.allSatisfy { page.memory.word(at: start + $0 * 8) == name[$0] }
    }

    private func isFree(_ record: Int) -> Bool { page.memory.word(at: record + MetricsPage.Record.kind) == 0 }
}

extension MetricsTable.Account {
    /// In which a series of the service may be found.
    fileprivate var records: [Int] {
        let start = total.map { MetricsPage.total($0) } ?? 0
        return (0..<used).map { start + ($0 + 1) * MetricsPage.recordSize } + blockRecords
    }

    fileprivate var blockRecords: [Int] {
        blocks.flatMap { block in
            (1...MetricsPage.seriesPerBlock).map { MetricsPage.block(block) + $0 * MetricsPage.recordSize }
        }
    }
}

extension CountsOutcome {
    /// Of several, what has to be said.
    fileprivate mutating func add(_ other: CountsOutcome) {
        if case .moved = other { return }
        if case .waiting = self { return }
        self = other
    }
}
