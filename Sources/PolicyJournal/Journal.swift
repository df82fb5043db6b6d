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
/// and then all that counts is written to a new file, piece by piece, which takes the place of the old one at once.
///
/// One process writes: it holds flock(2) of the file that bears the name. A new file is locked before it gets the name.
///
/// What may go wrong on the way, and what is left of it:
///
///     a write is cut off or fails       the next one takes its place; what it leaves behind that is out of date, as
///                                       the numbers of the records say
///     the process dies, anywhere        the records of whole writes, and perhaps some of the last one's
///     power fails                       what was written before the last `synchronize` that did not throw
///     `synchronize` throws              the kernel may have forgotten what it could not write: write the file anew
///     the file is removed, cut off      `isInPlace` says so: write it anew
///     or replaced by somebody
package struct Journal: ~Copyable {
    /// What was found when the file was opened and read.
    package struct Findings: Equatable, Sendable {
        package var records = 0
        /// Records in the middle that are not what was written.
        package var damaged = 0
        /// Whole records that a write has left behind which did not come to its end, older than one before them.
        package var outdated = 0
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
    /// The number of the last attempt to write.
    var attempt: UInt32 = 0
    /// Whether something was written that the disk may not have yet.
    package internal(set) var isUnsynchronized = true
    /// Up to where the file was, the last time that it was looked at.
    var seen = JournalFormat.headSize
    /// Up to where the kernel was asked to write.
    var announced = 0
    /// Whether the disk may not know yet that the file bears the name.
    var isNameUnsynchronized = true
    var buffer: AppendBuffer
    /// The file that is being written in place of this one.
    var next: NextFile?

    deinit {
        if let next { _ = Descriptor(owning: next.file) }
    }

    /// The name that a file gets which is of no use.
    package static func asideName(of name: String) -> String { name + ".set-aside" }
    static func newName(of name: String) -> String { name + ".new" }

    // MARK: reading

    /// Reads all records, once, before anything is written.
    package mutating func replay(_ body: (borrowing StateRecords) -> Void) throws(SystemError) {
        var records = StateRecords()
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
            let badBefore = bad
            while done + Block.size <= buffer.count {
                if let (record, number) = JournalFormat.record(Block(buffer.bytes, at: done)) {
                    findings.damaged += bad
                    bad = 0
                    end = offset + done + Block.size
                    if number == 0 || number >= attempt {
                        findings.records += 1
                        attempt = max(attempt, number)
                        records.append(record)
                        if records.isFull {
                            body(records)
                            records.removeAll()
                        }
                    } else {
                        findings.outdated += 1
                    }
                } else {
                    bad += 1
                }
                done += Block.size
            }
            offset += done
            buffer.removeFirst(done)
            if isEnd { break }
            // Nothing of a whole piece is a record. A hole may be larger than anybody can wait for.
            if buffer.count == 0, bad - badBefore == Self.chunk / Block.size {
                let next = try file.number.nextData(from: offset) / Block.size * Block.size
                bad += max(next - offset, 0) / Block.size
                offset = max(next, offset)
            }
        }
        if records.count > 0 { body(records) }
        findings.torn = offset + buffer.count - end
        seen = end
        buffer.removeAll()
    }

    // MARK: writing

    /// Saves what one decision has changed, in one write. When it throws, the next records take its place in the file.
    package mutating func append(_ changes: borrowing StateChanges) throws(SystemError) {
        if changes.count == 0 { return }
        if next != nil { appendToNext(changes) }
        // A number for those that fail, too. After four billion of them, which a new file comes before, they are equal.
        if attempt < .max { attempt += 1 }
        buffer.removeAll()
        for index in 0..<changes.count { put(changes[index], attempt: attempt) }
        end = try Self.writeAll(buffer.bytes, to: file.number, at: end)
        isUnsynchronized = true
    }

    /// Whether it is time to write the file anew.
    package func isLong(entries: Int) -> Bool {
        (end - JournalFormat.headSize) / Block.size > max(2 * entries, Self.smallest) || attempt > .max / 2
    }

    /// Asks the kernel to write what it has, so that `synchronize` has less to wait for a second later.
    package mutating func announceSynchronization() {
        let start = min(announced, end)
        try? file.number.beginWriting(from: start, count: end - start)
        announced = end
    }

    /// Waits until the disk has everything. When it throws, the disk may never get what was written before, whatever
    /// the next attempt says.
    package mutating func synchronize() throws(SystemError) {
        if isUnsynchronized {
            try file.number.synchronizeData()
            isUnsynchronized = false
        }
        if isNameUnsynchronized {
            try directory.number.synchronize()
            isNameUnsynchronized = false
        }
    }

    /// Whether the file still bears the name, and has what was written before the last time this was asked, and first
    /// after it.
    package mutating func isInPlace() -> Bool {
        guard let facts = try? file.number.facts(), let named = try? directory.number.facts(ofFileNamed: name),
            named.inode == facts.inode, named.device == facts.device, facts.size >= UInt64(end)
        else { return false }
        // A file that was cut off and written to since has a hole.
        let number = file.number
        let (place, hasMore) = (seen - Block.size, seen < end)
        seen = end
        buffer.removeAll()
        let count = try? buffer.fill { (room: inout MutableRawSpan) throws(SystemError) -> Int in
            try number.read(into: &room, at: place)
        }
        guard count ?? 0 >= (hasMore ? 2 : 1) * Block.size else { return false }
        return !Block(buffer.bytes, at: 0).isBlank && !(hasMore && Block(buffer.bytes, at: Block.size).isBlank)
    }

    mutating func put(_ record: StateRecord, attempt: UInt32) { put(JournalFormat.block(record, attempt: attempt)) }

    mutating func put(_ block: Block) { block.append(to: &buffer) }

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
