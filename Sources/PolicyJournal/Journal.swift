//===----------------------------------------------------------------------===//
// Quartermaster: PolicyJournal, decisions in a file that outlives the process
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
package import PolicyDecisions
package import SystemCalls

/// Why a state file cannot be used.
package enum JournalProblem: Error, Equatable, Sendable {
    case cannot(doing: String, SystemError)
    /// Something of somebody else's is in the way, or another process writes there.
    case refused(String)

    package var reason: String {
        switch self {
        case .cannot(let doing, let error): "\(doing): \(error.reason)"
        case .refused(let text): text
        }
    }
}

/// The file that decisions are saved in before anybody hears of them. Records are appended, each with a checksum; now
/// and then all that counts is written to a new file, which takes the place of the old one at once.
///
/// One process writes: it holds flock(2) of the file that bears the name. A new file is locked before it gets the name.
package struct Journal: ~Copyable {
    /// What was found when the file was opened and read.
    package struct Findings: Equatable, Sendable {
        package var records = 0
        /// Records in the middle that are not what was written.
        package var damaged = 0
        /// Bytes behind the last whole record.
        package var torn = 0
        /// Why the file that was there before was given another name.
        package var setAside: String?

        package init() {}
    }

    /// Records are read, and written to a new file, so many bytes at a time.
    static let chunk = 64 * 1024
    /// A file is written anew when it has twice as many records as there are entries, and more than these.
    static let smallest = 16_384

    let directory: Descriptor
    let name: String
    package let key: HashKey
    package internal(set) var findings: Findings
    var file: Descriptor
    /// Where the next record goes. What is behind it is no record, or one that nobody was told of.
    var end = JournalFormat.headSize
    /// Whether something was written that the disk may not have yet.
    package internal(set) var isUnsynchronized = true
    var buffer: AppendBuffer

    /// The name that a file gets which is of no use.
    package static func asideName(of name: String) -> String { name + ".set-aside" }
    static func newName(of name: String) -> String { name + ".new" }

    // MARK: reading

    /// Reads all records, once, before anything is written.
    package mutating func replay(_ body: (StateRecord) -> Void) throws(SystemError) {
        var offset = JournalFormat.headSize
        var bad = 0
        buffer.removeAll()
        while true {
            let number = file.number
            let place = offset + buffer.count
            let count = try buffer.fill { (room: inout MutableRawSpan) throws(SystemError) -> Int in
                try number.read(into: &room, at: place)
            }
            let isEnd = count == 0
            var done = 0
            while done + Block.size <= buffer.count {
                if let record = JournalFormat.record(Block(buffer.bytes, at: done)) {
                    findings.records += 1
                    findings.damaged += bad
                    bad = 0
                    end = offset + done + Block.size
                    body(record)
                } else {
                    bad += 1
                }
                done += Block.size
            }
            offset += done
            buffer.removeFirst(done)
            if isEnd { break }
        }
        findings.torn = offset + buffer.count - end
        buffer.removeAll()
    }

    // MARK: writing

    /// Saves what one decision has changed, in one write. When it throws, nothing of it counts, and the next records
    /// take its place in the file.
    package mutating func append(_ changes: borrowing StateChanges) throws(SystemError) {
        if changes.count == 0 { return }
        buffer.removeAll()
        for index in 0..<changes.count { put(changes[index]) }
        end = try Self.writeAll(buffer.bytes, to: file.number, at: end)
        isUnsynchronized = true
    }

    /// Whether it is time to write the file anew.
    package func isLong(entries: Int) -> Bool {
        (end - JournalFormat.headSize) / Block.size > max(2 * entries, Self.smallest)
    }

    /// Waits until the disk has everything.
    package mutating func synchronize() throws(SystemError) {
        if !isUnsynchronized { return }
        try file.number.synchronizeData()
        isUnsynchronized = false
    }

    /// Writes all that `state` remembers to a new file, and puts it in the place of the old one. When it throws, the
    /// old one is what counts.
    package mutating func rewrite(_ state: borrowing PolicyState) throws(SystemError) {
        let newName = Self.newName(of: name)
        try directory.number.removeFile(named: newName)
        let new = try directory.number.openFile(named: newName, [.readWrite, .create, .exclusive], mode: 0o600)
        let newEnd: Int
        do throws(SystemError) {
            // Nobody else knows of it yet.
            _ = try new.number.tryExclusiveLock()
            newEnd = try fill(new.number, state)
            try new.number.synchronizeData()
            try directory.number.renameFile(named: newName, to: name)
        } catch {
            try? directory.number.removeFile(named: newName)
            throw error
        }
        file = new
        end = newEnd
        isUnsynchronized = false
        // The name may be the old one's after a power failure, and the file with it: that is as good as before.
        try? directory.number.synchronize()
    }

    /// - Returns: where the new file ends.
    private mutating func fill(_ file: DescriptorNumber, _ state: borrowing PolicyState) throws(SystemError) -> Int {
        buffer.removeAll()
        let head = JournalFormat.head(key)
        put(head)
        put(head)
        var written = 0
        try state.forEachRecord { (record: StateRecord) throws(SystemError) in
            if buffer.room < Block.size {
                written = try Self.writeAll(buffer.bytes, to: file, at: written)
                buffer.removeAll()
            }
            put(record)
        }
        return try Self.writeAll(buffer.bytes, to: file, at: written)
    }

    private mutating func put(_ record: StateRecord) { put(JournalFormat.block(record)) }

    private mutating func put(_ block: Block) {
        // All bytes of a block are there.
        let hasRoom = buffer.append(unsafe block.bytes.span.bytes)
        precondition(hasRoom, "a block for which there was no room")
    }

    /// - Returns: where it ended.
    static func writeAll(
        _ bytes: borrowing RawSpan,
        to file: DescriptorNumber,
        at start: Int
    ) throws(SystemError) -> Int {
        var done = 0
        while done < bytes.byteCount {
            let count = try file.write(bytes.extracting(done..<bytes.byteCount), at: start + done)
            if count == 0 { throw SystemError(.pwrite, .noSpace) }
            done += count
        }
        return start + done
    }
}
