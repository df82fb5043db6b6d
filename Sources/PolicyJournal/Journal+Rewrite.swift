//===----------------------------------------------------------------------===//
// Quartermaster: the state file written anew, a piece at a time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
package import PolicyDecisions
package import SystemCalls

/// A file that shall take the place of the old one. Its owner closes it.
struct NextFile {
    let file: DescriptorNumber
    var end = 0
    /// Why it is good for nothing: a decision is missing in it.
    var problem: SystemError?
}

extension Journal {
    /// Records that are written at once: a millisecond, in which nobody is answered.
    private static var recordsAtOnce: Int { 2048 }
    /// All of a new file are of one attempt: one that does not come to its end leaves no file.
    private static var firstAttempt: UInt32 { 1 }

    package var isBeingRewritten: Bool { next != nil }

    /// Begins a new file with all that `state` remembers. Decisions may come in between: `append` writes them to both
    /// files. When this or what follows throws, the old file is what counts, and the new one is gone.
    package mutating func beginRewrite(_ state: inout PolicyState) throws(SystemError) {
        abandonRewrite()
        let newName = Self.newName(of: name)
        try directory.number.removeFile(named: newName)
        let new = try directory.number.openFile(named: newName, [.readWrite, .create, .exclusive], mode: 0o600)
        // Nobody else knows of it yet.
        next = NextFile(file: new.release())
        state.beginWalk()
        let records = state.count
        try orAbandon { (journal: inout Journal, next: NextFile) throws(SystemError) in
            _ = try next.file.tryExclusiveLock()
            // A disk without room for all of it is not filled up, which others would feel, and our own next records.
            try next.file.reserve(JournalFormat.headSize + records * Block.size)
            journal.buffer.removeAll()
            let head = JournalFormat.head(journal.key)
            journal.put(head)
            journal.put(head)
            return try Self.writeAll(journal.buffer.bytes, to: next.file, at: 0)
        }
    }

    /// Writes the next piece, and has the kernel begin to bring it to the disk.
    ///
    /// - Returns: whether all is written.
    package mutating func continueRewrite(_ state: inout PolicyState) throws(SystemError) -> Bool {
        buffer.removeAll()
        for _ in 0..<Self.recordsAtOnce {
            guard let record = state.nextRecord() else { break }
            put(record, attempt: Self.firstAttempt)
        }
        let isLast = buffer.room >= Block.size
        try orAbandon { (journal: inout Journal, next: NextFile) throws(SystemError) in
            let end = try Self.writeAll(journal.buffer.bytes, to: next.file, at: next.end)
            try? next.file.beginWriting(from: next.end, count: end - next.end)
            return end
        }
        return isLast
    }

    /// Waits until the disk has the new file, which is less the later it comes after the last piece, and puts it in
    /// the place of the old one.
    package mutating func finishRewrite() throws(SystemError) {
        try orAbandon { (journal: inout Journal, next: NextFile) throws(SystemError) in
            try next.file.synchronizeData()
            let replaced = try journal.lockOfWhatIsReplaced()
            try journal.directory.number.renameFile(named: Self.newName(of: journal.name), to: journal.name)
            _ = consume replaced
            return next.end
        }
        guard let new = next else { return }
        next = nil
        file = Descriptor(owning: new.file)
        end = new.end
        attempt = Self.firstAttempt
        // The name may be the old one's after a power failure, and the file with it: that is as good as before, until
        // something newer is said to be on the disk.
        isNameUnsynchronized = (try? directory.number.synchronize()) == nil
        isUnsynchronized = isNameUnsynchronized
        announced = 0
        seen = end
    }

    /// Nil when it is ours, or nothing is. Who has taken our file away may have started another process since, whose
    /// file has the name now: that one's decisions are not replaced.
    private func lockOfWhatIsReplaced() throws(SystemError) -> Descriptor? {
        guard let named = try? directory.number.openFile(named: name, [.readOnly, .nonBlocking]),
            let (facts, own) = try? (named.number.facts(), file.number.facts()),
            facts.kind == .file, facts.inode != own.inode || facts.device != own.device
        else { return nil }
        if try !named.number.tryExclusiveLock() { throw Self.anothersFile }
        return named
    }

    private static var anothersFile: SystemError { SystemError(.flock, .resourceTemporarilyUnavailable) }

    /// Why a new file could not be written, for a message about `path`.
    package static func reason(_ error: SystemError, _ path: String) -> String {
        if error == anothersFile { return "another process writes to it" }
        return "\(error.call.rawValue) \(newName(of: path)): \(error.reason)"
    }

    /// The old file goes on to be used.
    package mutating func abandonRewrite() {
        guard let old = next else { return }
        next = nil
        _ = Descriptor(owning: old.file)
        try? directory.number.removeFile(named: Self.newName(of: name))
    }

    /// What a decision has changed may be behind the walk: it goes to the new file, too.
    mutating func appendToNext(_ changes: borrowing StateChanges) {
        guard let new = next, new.problem == nil else { return }
        buffer.removeAll()
        for index in 0..<changes.count { put(changes[index], attempt: Self.firstAttempt) }
        do throws(SystemError) {
            let end = try Self.writeAll(buffer.bytes, to: new.file, at: new.end)
            next?.end = end
        } catch {
            next?.problem = error
        }
    }

    /// - Parameter work: returns where the new file ends.
    private mutating func orAbandon(
        _ work: (inout Journal, NextFile) throws(SystemError) -> Int
    ) throws(SystemError) {
        guard let next else { return }
        do throws(SystemError) {
            if let problem = next.problem { throw problem }
            let end = try work(&self, next)
            self.next?.end = end
        } catch {
            abandonRewrite()
            throw error
        }
    }
}
