//===----------------------------------------------------------------------===//
// Quartermaster: the page of what services count themselves, as master keeps it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// Makes the page, and moves the counts of a process that has ended to those of its service. Whoever is `mail_owner`
/// can write anything into the page: master believes none of it, adds without overflow, and decides nothing by it.
package struct MetricsTable: ~Copyable {
    private let memory: SharedMemory
    private let path: String
    private let file: FileFacts
    /// Whose the totals are.
    private var services: [String] = []
    /// Series of each total.
    private var used: [Int] = []

    /// What became of the counts of a process.
    package enum Outcome: Equatable, Sendable {
        case kept
        /// So many series found no room in the total of their service, or there was none for the service.
        case dropped(Int, service: String)
    }

    /// Makes the file, at once and whole, in the place of an old one.
    package init(
        at path: String = MetricsPage.path,
        owner: UserAccount?,
        master: Int32,
        nowMilliseconds: Int64
    ) throws(SystemError) {
        let fresh = path + ".new"
        let memory = try Self.makeMemory(fresh, owner)
        let file = try facts(ofPath: fresh, followingLinks: false)
        memory.publish(MetricsPage.version, at: MetricsPage.Header.version)
        memory.publish(UInt64(MetricsPage.pageSize), at: MetricsPage.Header.pageSize)
        memory.publish(UInt64(UInt32(bitPattern: master)), at: MetricsPage.Header.master)
        memory.publish(UInt64(max(nowMilliseconds, 0)), at: MetricsPage.Header.made)
        memory.publish(MetricsPage.magic, at: MetricsPage.Header.magic)
        try renameFile(fresh, to: path)
        self.memory = memory
        self.path = path
        self.file = file
    }

    /// The page that a program has made which ran in this process before; nil if the file is no such page. What it says
    /// is all that is handed on. Meanwhile another program may have run that knew nothing of the page: whoever holds a
    /// block and lives no more is buried now.
    package static func continuing(
        _ path: String = MetricsPage.path,
        owner: UserAccount?,
        master: Int32
    ) throws(SystemError) -> MetricsTable? {
        let file = try openFile(path, [.readWrite, .noFollow, .nonBlocking])
        let facts = try file.number.facts()
        guard facts.kind == .file, facts.size == UInt64(MetricsPage.pageSize) else { return nil }
        // It may be another account by now.
        if let owner { try file.number.changeOwner(uid: owner.uid, gid: owner.gid) }
        let memory = try SharedMemory(mapping: file.number, byteCount: MetricsPage.pageSize)
        var table = MetricsTable(memory, at: path, facts)
        guard table.isIntact, table.memory.word(at: MetricsPage.Header.version) == MetricsPage.version,
            table.memory.word(at: MetricsPage.Header.master) == UInt64(UInt32(bitPattern: master))
        else { return nil }
        table.findTotals()
        table.buryTheForgotten()
        return table
    }

    private init(_ memory: consuming SharedMemory, at path: String, _ file: FileFacts) {
        self.memory = memory
        self.path = path
        self.file = file
    }

    private static func makeMemory(_ path: String, _ owner: UserAccount?) throws(SystemError) -> SharedMemory {
        try removeFile(path)
        let file = try openFile(path, [.readWrite, .create, .exclusive, .noFollow], mode: 0o600)
        do throws(SystemError) {
            try file.number.setSize(byteCount: MetricsPage.pageSize)
            try file.number.allocate(byteCount: MetricsPage.totalsOffset)
            if let owner { try file.number.changeOwner(uid: owner.uid, gid: owner.gid) }
            return try SharedMemory(mapping: file.number, byteCount: MetricsPage.pageSize)
        } catch {
            try? removeFile(path)
            throw error
        }
    }

    private mutating func findTotals() {
        for total in 0..<MetricsPage.totalCount {
            let start = MetricsPage.total(total)
            let name = MetricsPage.bytes(ofName: self.name(at: start))
            if memory.word(at: start) != MetricsPage.isNamed || name.isEmpty { return }
            services.append(String(decoding: name, as: UTF8.self))
            var series = 0
            while series < MetricsPage.seriesPerTotal,
                memory.word(at: start + (series + 1) * MetricsPage.recordSize) != 0
            { series += 1 }
            used.append(series)
        }
    }

    private mutating func buryTheForgotten() {
        for block in 0..<MetricsPage.blockCount {
            let holder = memory.word(at: MetricsPage.holder(block))
            if holder == 0 { continue }
            let pid = Int32(truncatingIfNeeded: holder)
            if pid <= 0 || !isThere(process: pid) { _ = processEnded(pid, of: nil) }
        }
    }

    /// Whether the file still is what was made: somebody may have cut it off, and made it longer again.
    package var isIntact: Bool {
        memory.word(at: MetricsPage.Header.magic) == MetricsPage.magic && !memory.isLost
    }

    /// Whether the file is still found under its name: somebody may have removed it, or put another in its place.
    package var isInPlace: Bool {
        let found = try? facts(ofPath: path, followingLinks: false)
        return found.map { $0.device == file.device && $0.inode == file.inode } ?? false
    }

    // MARK: moving

    /// The process is gone: what it counted is its service's, and its blocks are free. Gauges end with it.
    ///
    /// - Parameter service: `name/type` as in master.cf; nil for what the process itself said.
    package mutating func processEnded(_ pid: Int32, of service: String?) -> Outcome {
        let holder = UInt64(UInt32(bitPattern: pid))
        var sum = 0
        var last = ""
        for block in 0..<MetricsPage.blockCount where memory.word(at: MetricsPage.holder(block)) == holder {
            memory.countTogether(1, at: MetricsPage.Header.folding)
            let start = MetricsPage.block(block)
            let service = service ?? String(decoding: MetricsPage.bytes(ofName: name(at: start)), as: UTF8.self)
            let dropped = move(start, service)
            for place in stride(from: 0, to: MetricsPage.blockSize, by: 8) { memory.publish(0, at: start + place) }
            memory.publish(0, at: MetricsPage.holder(block))
            memory.countTogether(UInt64(dropped), at: MetricsPage.Header.dropped)
            memory.countTogether(1, at: MetricsPage.Header.folding)
            if dropped > 0 { (sum, last) = (sum + dropped, service) }
        }
        return sum > 0 ? .dropped(sum, service: last) : .kept
    }

    /// How many series found no room.
    private mutating func move(_ block: Int, _ service: String) -> Int {
        var dropped = 0
        for series in 1...MetricsPage.seriesPerBlock {
            let source = block + series * MetricsPage.recordSize
            guard let kind = MetricKind(rawValue: memory.word(at: source + MetricsPage.Record.kind)), kind != .gauge
            else { continue }
            let name = name(at: source)
            guard SeriesName(reading: MetricsPage.bytes(ofName: name)) != nil else { continue }
            if let target = record(of: service, name, kind) { add(source, to: target, kind) } else { dropped += 1 }
        }
        return dropped
    }

    private func add(_ source: Int, to target: Int, _ kind: MetricKind) {
        let value = memory.word(at: source + MetricsPage.Record.value)
        let place = target + MetricsPage.Record.value
        switch kind {
        case .gauge: return
        case .counter: return memory.count(value, at: place)
        case .sum, .summary: break
        }
        let sum = Double(bitPattern: memory.word(at: place)) + Double(bitPattern: value)
        // One that is no number would stay so for ever.
        if sum.isFinite { memory.publish(sum.bitPattern, at: place) }
        let count = memory.word(at: source + MetricsPage.Record.count)
        if kind == .summary { memory.count(count, at: target + MetricsPage.Record.count) }
    }

    /// Where a series of a service is counted together; nil where there is no room.
    private mutating func record(of service: String, _ name: [UInt64], _ kind: MetricKind) -> Int? {
        guard let total = total(of: service) else { return nil }
        let start = MetricsPage.total(total)
        for series in 0..<used[total] {
            let record = start + (series + 1) * MetricsPage.recordSize
            if memory.word(at: record) == kind.rawValue, has(record, name) { return record }
        }
        if used[total] == MetricsPage.seriesPerTotal { return nil }
        used[total] += 1
        let record = start + used[total] * MetricsPage.recordSize
        write(name, at: record)
        memory.publish(0, at: record + MetricsPage.Record.value)
        memory.publish(0, at: record + MetricsPage.Record.count)
        memory.publish(kind.rawValue, at: record + MetricsPage.Record.kind)
        return record
    }

    private mutating func total(of service: String) -> Int? {
        if let index = services.firstIndex(of: service) { return index }
        if services.count == MetricsPage.totalCount || service.isEmpty { return nil }
        services.append(service)
        used.append(0)
        let start = MetricsPage.total(services.count - 1)
        write(MetricsPage.words(ofName: service), at: start)
        memory.publish(MetricsPage.isNamed, at: start + MetricsPage.Record.kind)
        return services.count - 1
    }

    // MARK: names

    private func name(at record: Int) -> [UInt64] {
        let start = record + MetricsPage.Record.name
        return stride(from: 0, to: MetricsPage.Record.nameSize, by: 8).map { memory.word(at: start + $0) }
    }

    private func has(_ record: Int, _ name: [UInt64]) -> Bool {
        let start = record + MetricsPage.Record.name
        return name.indices.allSatisfy { memory.word(at: start + $0 * 8) == name[$0] }
    }

    private func write(_ name: [UInt64], at record: Int) {
        for (index, word) in name.enumerated() {
            memory.publish(word, at: record + MetricsPage.Record.name + index * 8)
        }
    }
}
