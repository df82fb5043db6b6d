//===----------------------------------------------------------------------===//
// Quartermaster: the page that workers count in, as master keeps it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import SystemCalls

/// Makes the page, and moves the counts of a process that has ended to those of its service. Whoever is `mail_owner`
/// can write anything into the page: master believes none of it, adds without overflow, and decides nothing by it.
package struct WorkerTable: ~Copyable {
    private let memory: SharedMemory
    private let path: String
    private let file: FileFacts
    /// The names of the totals, which are not read back from the page.
    package private(set) var services: [String] = []

    /// For services for which there was no total left.
    package static var others: String { "other services" }

    /// Makes the file, at once and whole, in the place of an old one.
    package init(
        at path: String = WorkerPage.path,
        owner: UserAccount?,
        master: Int32,
        nowMilliseconds: Int64
    ) throws(SystemError) {
        let fresh = path + ".new"
        let memory = try Self.makeMemory(fresh, owner)
        let file = try facts(ofPath: fresh, followingLinks: false)
        memory.publish(WorkerPage.version, at: WorkerPage.Header.version)
        memory.publish(UInt64(WorkerPage.pageSize), at: WorkerPage.Header.pageSize)
        memory.publish(UInt64(UInt32(bitPattern: master)), at: WorkerPage.Header.master)
        memory.publish(UInt64(max(nowMilliseconds, 0)), at: WorkerPage.Header.made)
        memory.publish(1, at: WorkerPage.Header.followsHeirs)
        memory.publish(WorkerPage.magic, at: WorkerPage.Header.magic)
        try renameFile(fresh, to: path)
        self.memory = memory
        self.path = path
        self.file = file
    }

    /// The page that a program has made which ran in this process before; nil if the file is not that page any more.
    ///
    /// - Parameter services: what it had as `services`.
    package static func continuing(
        _ path: String = WorkerPage.path,
        owner: UserAccount?,
        master: Int32,
        services: [String]
    ) throws(SystemError) -> WorkerTable? {
        let file = try openFile(path, [.readWrite, .noFollow, .nonBlocking])
        let facts = try file.number.facts()
        guard facts.kind == .file, facts.size == UInt64(WorkerPage.pageSize), services.count <= WorkerPage.totalCount
        else { return nil }
        // It may be another account by now.
        if let owner { try file.number.changeOwner(uid: owner.uid, gid: owner.gid) }
        let table = WorkerTable(
            try SharedMemory(mapping: file.number, byteCount: WorkerPage.pageSize),
            at: path,
            facts,
            services: services
        )
        guard table.isIntact, table.memory.word(at: WorkerPage.Header.version) == WorkerPage.version,
            table.memory.word(at: WorkerPage.Header.master) == UInt64(UInt32(bitPattern: master))
        else { return nil }
        // The program before may have been one that did not.
        table.memory.publish(1, at: WorkerPage.Header.followsHeirs)
        return table
    }

    private init(_ memory: consuming SharedMemory, at path: String, _ file: FileFacts, services: [String]) {
        self.memory = memory
        self.path = path
        self.file = file
        self.services = services
    }

    private static func makeMemory(_ path: String, _ owner: UserAccount?) throws(SystemError) -> SharedMemory {
        try removeFile(path)
        let file = try openFile(path, [.readWrite, .create, .exclusive, .noFollow], mode: 0o600)
        do throws(SystemError) {
            try file.number.allocate(byteCount: WorkerPage.pageSize)
            if let owner { try file.number.changeOwner(uid: owner.uid, gid: owner.gid) }
            return try SharedMemory(mapping: file.number, byteCount: WorkerPage.pageSize)
        } catch {
            try? removeFile(path)
            throw error
        }
    }

    /// Whether the file still is what was made: somebody may have cut it off, and made it longer again.
    package var isIntact: Bool {
        memory.word(at: WorkerPage.Header.magic) == WorkerPage.magic && !memory.isLost
    }

    /// Whether the file is still found under its name: somebody may have removed it, or put another in its place.
    package var isInPlace: Bool {
        let found = try? facts(ofPath: path, followingLinks: false)
        return found.map { $0.device == file.device && $0.inode == file.inode } ?? false
    }

    /// The process is gone: what it counted is its service's, and its row is free. A process without a row is none of
    /// ours.
    ///
    /// - Parameter service: `name/type` as in master.cf; nil for what the process itself said.
    package mutating func processEnded(_ pid: Int32, of service: String?) {
        let holder = UInt64(UInt32(bitPattern: pid))
        for row in 0..<WorkerPage.rowCount where memory.word(at: WorkerPage.holder(row)) == holder {
            memory.countTogether(1, at: WorkerPage.Header.folding)
            move(row, to: total(of: service ?? name(row)))
            memory.publish(0, at: WorkerPage.holder(row))
            memory.countTogether(1, at: WorkerPage.Header.folding)
        }
    }

    /// Who goes on in the row of a process that is gone, as the page says; nil for nobody.
    package func heir(ofProcess pid: Int32) -> Int32? {
        guard let row = row(of: pid) else { return nil }
        let heir = memory.word(at: WorkerPage.row(row) + WorkerRecord.heirPlace)
        return heir == 0 ? nil : Int32(exactly: heir)
    }

    /// The row of a process that is gone is its heir's from now on, with all that was counted in it.
    package func pass(from pid: Int32, to heir: Int32) {
        guard let row = row(of: pid) else { return }
        memory.publish(0, at: WorkerPage.row(row) + WorkerRecord.heirPlace)
        memory.publish(UInt64(UInt32(bitPattern: heir)), at: WorkerPage.holder(row))
    }

    private func row(of pid: Int32) -> Int? {
        let holder = UInt64(UInt32(bitPattern: pid))
        return (0..<WorkerPage.rowCount).first { memory.word(at: WorkerPage.holder($0)) == holder }
    }

    private func name(_ row: Int) -> String {
        let words = stride(from: 0, to: WorkerRecord.nameSize, by: 8).map { memory.word(at: WorkerPage.row(row) + $0) }
        return WorkerRecord.name(words)
    }

    private func move(_ row: Int, to total: Int) {
        let (source, target) = (WorkerPage.row(row), WorkerPage.total(total))
        for counter in WorkerCounter.allCases {
            // Its connections ended with it.
            let kept = counter == .closed ? WorkerCounter.accepted : counter
            memory.count(memory.word(at: source + kept.place), at: target + counter.place)
        }
        for place in (0..<WorkerRecord.bucketCount).map({ WorkerRecord.histogramPlace + $0 * 8 }) {
            memory.count(memory.word(at: source + place), at: target + place)
        }
        for place in stride(from: 0, to: WorkerPage.recordSize, by: 8) { memory.publish(0, at: source + place) }
    }

    private mutating func total(of service: String) -> Int {
        if let index = services.firstIndex(of: service) { return index }
        if services.count == WorkerPage.totalCount { return services.count - 1 }
        services.append(services.count == WorkerPage.totalCount - 1 ? Self.others : service)
        let index = services.count - 1
        for (place, word) in WorkerRecord.words(ofName: services[index]).enumerated() {
            memory.publish(word, at: WorkerPage.total(index) + place * 8)
        }
        return index
    }
}
