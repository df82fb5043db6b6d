//===----------------------------------------------------------------------===//
// Quartermaster: opening the state file, or making it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import FixedMemory
import PolicyDecisions
package import SystemCalls

extension Journal {
    /// Milliseconds between two looks at a lock that another process holds.
    private static let pauseMilliseconds: UInt32 = 5
    /// A file that loses its name while it is opened does so because its owner writes a new one: not again and again.
    private static let attempts = 100

    /// Opens the file, or makes it, and waits for a process that still writes to it.
    ///
    /// - Parameters:
    ///   - directory: an open one.
    ///   - milliseconds: how long to wait at most.
    package init(
        in directory: consuming Descriptor,
        named name: String,
        waitingAtMost milliseconds: Int
    ) throws(JournalProblem) {
        let deadline = Clock.monotonicNanoseconds() + Int64(milliseconds) * 1_000_000
        var findings = Findings()
        let number = directory.number
        for _ in 0..<Self.attempts {
            guard let file = try Self.openLocked(number, name, deadline) else { continue }
            switch try Self.readHead(file.number) {
            case .ours(let key):
                // What a process has left behind that was killed while it wrote a new one: perhaps much.
                try? number.removeFile(named: Self.newName(of: name))
                self.init(directory: directory, name: name, key: key, findings: findings, file: file)
                return
            case .otherVersion(let version):
                findings.setAside = "another version of policyd has written it (\(version))"
            case .unreadable:
                findings.setAside = "it is no state file, or its beginning is damaged"
            }
            try Self.attempting("rename to \(Self.asideName(of: name))") { () throws(SystemError) in
                try number.renameFile(named: name, to: Self.asideName(of: name))
            }
        }
        throw .refused("it is replaced again and again")
    }

    private init(
        directory: consuming Descriptor,
        name: String,
        key: HashKey,
        findings: Findings,
        file: consuming Descriptor
    ) {
        self.directory = directory
        self.name = name
        self.key = key
        self.findings = findings
        self.file = file
        buffer = AppendBuffer(capacity: Self.chunk)
        next = nil
    }

    /// The file that bears the name, with its lock; nil when it has lost the name meanwhile.
    private static func openLocked(
        _ directory: DescriptorNumber,
        _ name: String,
        _ deadline: Int64
    ) throws(JournalProblem) -> Descriptor? {
        let file: Descriptor
        do throws(SystemError) {
            file = try directory.openFile(named: name, [.readWrite, .create, .nonBlocking], mode: 0o600)
        } catch {
            if error.code == .tooManySymbolicLinks { throw .refused("it is a symbolic link") }
            throw .cannot(doing: "open", error)
        }
        let number = file.number
        let facts = try attempting("fstat") { () throws(SystemError) in try number.facts() }
        // It had the name as it was opened.
        if facts.links == 0 { return nil }
        if let objection = objection(to: facts) { throw .refused(objection) }
        while try !attempting("flock", { () throws(SystemError) in try number.tryExclusiveLock() }) {
            if Clock.monotonicNanoseconds() >= deadline { throw .refused("another process writes to it") }
            pause(milliseconds: pauseMilliseconds)
        }
        guard let named = try? directory.facts(ofFileNamed: name), named.inode == facts.inode,
            named.device == facts.device
        else { return nil }
        return file
    }

    /// Who may write to the file may make us believe anything.
    private static func objection(to facts: FileFacts) -> String? {
        if facts.kind != .file { return "it is no file" }
        if facts.links != 1 { return "it has \(facts.links) names" }
        if facts.owner != Identity.effectiveUser { return "it belongs to another user (\(facts.owner))" }
        return facts.isWritableByOthers ? "others may write to it" : nil
    }

    /// An empty file gets a head: it was made just now.
    private static func readHead(_ file: DescriptorNumber) throws(JournalProblem) -> JournalFormat.Head {
        var bytes = AppendBuffer(capacity: JournalFormat.headSize)
        try attempting("read") { () throws(SystemError) in
            _ = try bytes.fill { (room: inout MutableRawSpan) throws(SystemError) -> Int in
                try file.read(into: &room, at: 0)
            }
        }
        if bytes.count > 0 { return JournalFormat.head(bytes.bytes) }
        let key = HashKey.random()
        let head = JournalFormat.head(key)
        for _ in 0..<2 { head.append(to: &bytes) }
        return try attempting("write") { () throws(SystemError) in
            _ = try writeAll(bytes.bytes, to: file, at: 0)
            return .ours(key)
        }
    }

    private static func attempting<Value: ~Copyable>(
        _ what: String,
        _ body: () throws(SystemError) -> Value
    ) throws(JournalProblem) -> Value {
        do throws(SystemError) {
            return try body()
        } catch {
            throw .cannot(doing: what, error)
        }
    }
}
