//===----------------------------------------------------------------------===//
// Quartermaster: the file of a page of counts, as master keeps it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import SystemCalls

/// The file, mapped, and who holds which record of it. What is counted in them, it does not know.
struct KeptPage: ~Copyable {
    let memory: SharedMemory
    private let form: PageForm
    private let path: String
    private let file: Descriptor
    private let facts: FileFacts
    private let master: Int32

    /// Makes the file, at once and whole, in the place of an old one. An old one stays where that fails.
    init(
        making form: PageForm,
        at path: String,
        owner: UserAccount?,
        master: Int32,
        nowMilliseconds: Int64
    ) throws(SystemError) {
        let fresh = path + ".new"
        try removeFile(fresh)
        let file = try openFile(fresh, [.readWrite, .create, .exclusive, .noFollow], mode: 0o600)
        do throws(SystemError) {
            try file.number.setSize(byteCount: form.byteCount)
            try file.number.allocate(byteCount: form.allocatedCount)
            if let owner { try file.number.changeOwner(uid: owner.uid, gid: owner.gid) }
            let memory = try SharedMemory(mapping: file.number, byteCount: form.byteCount)
            memory.publish(form.version, at: PageForm.Header.version)
            memory.publish(UInt64(form.byteCount), at: PageForm.Header.pageSize)
            memory.publish(Self.word(master), at: PageForm.Header.master)
            memory.publish(UInt64(max(nowMilliseconds, 0)), at: PageForm.Header.made)
            memory.publish(form.ownWord, at: PageForm.Header.own)
            memory.publish(form.magic, at: PageForm.Header.magic)
            let facts = try file.number.facts()
            try renameFile(fresh, to: path)
            self.init(memory, form, path, file, facts, master)
        } catch {
            try? removeFile(fresh)
            throw error
        }
    }

    private init(
        _ memory: consuming SharedMemory,
        _ form: PageForm,
        _ path: String,
        _ file: consuming Descriptor,
        _ facts: FileFacts,
        _ master: Int32
    ) {
        self.memory = memory
        self.form = form
        self.path = path
        self.file = file
        self.facts = facts
        self.master = master
    }

    /// The page that this process has made, maybe with another program in it; nil if the file is not that page any
    /// more. Nobody counts in it as master: a move that was cut short is over.
    static func continuing(
        _ form: PageForm,
        at path: String,
        owner: UserAccount?,
        master: Int32
    ) throws(SystemError) -> KeptPage? {
        let file = try openFile(path, [.readWrite, .noFollow, .nonBlocking])
        let facts = try file.number.facts()
        guard facts.kind == .file, facts.size == UInt64(form.byteCount) else { return nil }
        let head = try file.number.read(atMost: PageForm.holdersOffset, from: 0)
        guard form.isBegun(head), head.word(PageForm.Header.master) == word(master) else { return nil }
        // It may be another account by now.
        if let owner { try file.number.changeOwner(uid: owner.uid, gid: owner.gid) }
        let memory = try SharedMemory(mapping: file.number, byteCount: form.byteCount)
        if head.word(PageForm.Header.folding) % 2 == 1 { memory.countTogether(1, at: PageForm.Header.folding) }
        return KeptPage(memory, form, path, file, facts, master)
    }

    /// Whether the file still is what was made: somebody may have cut it off, and made it longer again, or a store may
    /// have found no room on its disk.
    var isIntact: Bool { memory.word(at: PageForm.Header.magic) == form.magic && !memory.isLost }

    /// Whether the file is still found under its name: somebody may have removed it, or put another in its place.
    var isInPlace: Bool {
        guard let found = try? SystemCalls.facts(ofPath: path, followingLinks: false) else { return false }
        return found.device == facts.device && found.inode == facts.inode
    }

    /// What is there now, read without the mapping: where the file has a hole, as zeros, and without making it one of
    /// the disk's.
    func bytes(from offset: Int, count: Int) throws(SystemError) -> [UInt8] {
        try file.number.read(atMost: count, from: offset)
    }

    /// Whoever stores to a hole of a file on a full disk loses the mapping, so there is room before anything is stored.
    func makeRoom(from offset: Int, byteCount: Int) throws(SystemError) {
        try file.number.allocate(from: offset, byteCount: byteCount)
    }

    // MARK: holders

    private static func word(_ pid: Int32) -> UInt64 { UInt64(UInt32(bitPattern: pid)) }

    func records(of pid: Int32) -> [Int] {
        let holder = Self.word(pid)
        return (0..<form.holderCount).filter { memory.word(at: PageForm.holder($0)) == holder }
    }

    func give(_ record: Int, to pid: Int32) { memory.publish(Self.word(pid), at: PageForm.holder(record)) }

    func setFree(_ record: Int) { give(record, to: 0) }

    /// Records whose process is gone, and nobody has said so: it was reaped while nobody kept the page. Also those of
    /// what can be no process, and of master itself, which counts in none.
    var forgotten: [Int] {
        (0..<form.holderCount).filter { record in
            let holder = memory.word(at: PageForm.holder(record))
            if holder == 0 { return false }
            guard let pid = Int32(exactly: holder), pid > 0, pid != master else { return true }
            return !isThere(process: pid)
        }
    }

    // MARK: moving

    /// Readers read again until `endMoving`.
    func beginMoving() { memory.countTogether(1, at: PageForm.Header.folding) }

    func endMoving() { memory.countTogether(1, at: PageForm.Header.folding) }
}
