//===----------------------------------------------------------------------===//
// Quartermaster: tests of whose the state file is, and who writes to it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import PolicyDecisions
import SystemCalls
import TestSupport
import Testing

@testable import PolicyJournal

struct JournalOpeningTests {
    @Test(
        "what is no file of this version is kept under another name",
        arguments: [
            "of another version", "of another program", "whose heads are both damaged", "of zeros",
        ]
    )
    func setAside(_ what: String) throws {
        let scene = try JournalScene()
        try scene.fill(1)
        var bytes = scene.bytes
        switch what {
        case "of another version":
            let head = JournalFormat.head(HashKey(first: 1, second: 2), version: 7)
            for index in 0..<64 { bytes[index] = head[index % 32] }
        case "of another program": bytes = Array("SQLite format 3\0".utf8) + bytes
        case "of zeros": bytes = [UInt8](repeating: 0, count: bytes.count)
        default:
            bytes[20] ^= 1
            bytes[52] ^= 1
        }
        scene.bytes = bytes
        let found = try scene.contents()
        #expect(found.records == [])
        let isVersion = what == "of another version"
        #expect(
            found.findings.setAside
                == (isVersion
                    ? "another version of policyd has written it (7)"
                    : "it is no state file, or its beginning is damaged")
        )
        #expect(scene.names == [JournalScene.name, JournalScene.name + ".set-aside"])
        #expect(FileManager.default.contents(atPath: scene.path + ".set-aside") == Data(bytes))
        #expect(try scene.contents().findings.setAside == nil, "once")
    }

    @Test("what others may have planted is refused, and nothing behind it is touched")
    func planted() throws {
        let scene = try JournalScene()
        let victim = try scene.home.write("precious", to: "victim")
        func refusal() -> String? {
            do throws(JournalProblem) {
                _ = try scene.open()
                return nil
            } catch {
                return error.reason
            }
        }
        #expect(symlink(victim, scene.path) == 0)
        #expect(refusal() == "it is a symbolic link")
        unlink(scene.path)
        #expect(link(victim, scene.path) == 0)
        #expect(refusal() == "it has 2 names")
        unlink(scene.path)
        #expect(mkfifo(scene.path, 0o600) == 0)
        #expect(refusal() == "it is no file")
        unlink(scene.path)
        #expect(mkdir(scene.path, 0o700) == 0)
        #expect(refusal() == "open: Is a directory")
        rmdir(scene.path)
        try scene.fill(1)
        chmod(scene.path, 0o666)
        #expect(refusal() == "others may write to it")
        chmod(scene.path, 0o600)
        if geteuid() == 0 {
            chown(scene.path, 12345, 12345)
            #expect(refusal() == "it belongs to another user (12345)")
        }
        #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
    }

    @Test("a planted name for the new file is removed, not followed")
    func plantedNew() throws {
        let scene = try JournalScene()
        let victim = try scene.home.write("precious", to: "victim")
        #expect(symlink(victim, scene.path + ".new") == 0)
        var journal = try scene.open()
        var state = PolicyState(Deciding.rules, key: journal.key)
        try journal.rewrite(&state)
        #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
        #expect(scene.names == [JournalScene.name, "victim"])
    }

    @Test("what a process has left behind that was killed while it wrote a new file is gone after the next start")
    func leftover() throws {
        let scene = try JournalScene()
        try scene.fill(1)
        _ = try scene.home.write("half of it", to: JournalScene.name + ".new")
        _ = try scene.open()
        #expect(scene.names == [JournalScene.name])
    }

    @Test("a directory in the place of the new file or of the one set aside is named, and costs nothing else")
    func directories() throws {
        let scene = try JournalScene()
        try scene.fill(3)
        var journal = try scene.open()
        var state = PolicyState(Deciding.rules, key: journal.key)
        #expect(mkdir(scene.path + ".new", 0o700) == 0)
        do throws(SystemError) {
            try journal.rewrite(&state)
            Issue.record("a directory was replaced")
        } catch {
            #expect(Journal.reason(error, "/d/s") == "unlinkat /d/s.new: Is a directory")
        }
        rmdir(scene.path + ".new")
        try journal.rewrite(&state)
        _ = consume journal
        scene.bytes = [UInt8](repeating: 1, count: 100)
        #expect(mkdir(scene.path + ".set-aside", 0o700) == 0)
        do throws(JournalProblem) {
            _ = try scene.open()
            Issue.record("a directory was replaced")
        } catch {
            #expect(error.reason == "rename to policyd.state.set-aside: Is a directory")
        }
        #expect(scene.bytes == [UInt8](repeating: 1, count: 100))
    }

    @Test("who has lost its file does not take the place of another process that has one by now")
    func anothersFile() throws {
        let scene = try JournalScene()
        try scene.fill(1)
        var first = try scene.open()
        var state = PolicyState(Deciding.rules, key: first.key)
        try first.replay { state.restore($0, now: 1010_000_000) }
        unlink(scene.path)
        var second = try scene.open()
        var other = PolicyState(Deciding.rules, key: second.key)
        Deciding.ask(&other, 7, at: 2000)
        try second.append(other.changes)
        let isInPlace = first.isInPlace()
        #expect(!isInPlace)
        do throws(SystemError) {
            try first.rewrite(&state)
            Issue.record("it was replaced")
        } catch {
            #expect(Journal.reason(error, scene.path) == "another process writes to it")
        }
        #expect(scene.names == [JournalScene.name])
        let isStillInPlace = second.isInPlace()
        #expect(isStillInPlace)
        Deciding.ask(&other, 8, at: 2000)
        try second.append(other.changes)
        _ = consume second
        #expect(try scene.contents().records.count == 2)
        // The other one has left.
        try first.rewrite(&state)
        let isBack = first.isInPlace()
        #expect(isBack)
    }

    // MARK: one writer

    @Test("a second process waits, and gives up when its time is over")
    func lock() throws {
        let scene = try JournalScene()
        let first = try scene.open()
        do throws(JournalProblem) {
            _ = try scene.open(waitingAtMost: 30)
            Issue.record("two writers")
        } catch {
            #expect(error == .refused("another process writes to it"))
        }
        _ = consume first
        _ = try scene.open()
    }

    @Test("who waited for a file that was replaced meanwhile opens the new one", arguments: [false, true])
    func handOver(_ isReplaced: Bool) throws {
        let scene = try JournalScene()
        var first = try scene.open()
        var state = PolicyState(Deciding.rules, key: first.key)
        let second = Waiting(scene)
        _ = Deciding.ask(&state, 1, at: 1000)
        try first.append(state.changes)
        if isReplaced { try first.rewrite(&state) }
        _ = Deciding.ask(&state, 2, at: 1000)
        try first.append(state.changes)
        #expect(second.records == nil, "there is one writer")
        _ = consume first
        #expect(eventually { second.records?.count == 2 }, "and nothing is lost")
    }

    private final class Waiting: @unchecked Sendable {
        private let lock = NSLock()
        private var found: Int?
        private var list: [StateRecord]?
        var records: [StateRecord]? { lock.withLock { list } }

        init(_ scene: JournalScene) {
            let path = scene.home.path
            Thread.detachNewThread {
                guard let directory = try? openFile(path, [.readOnly, .directory]),
                    var journal = try? Journal(in: directory, named: JournalScene.name, waitingAtMost: 30_000)
                else { return }
                var records: [StateRecord] = []
                try? journal.replayEach { records.append($0) }
                self.lock.withLock { self.list = records }
            }
        }
    }

    // MARK: the file is taken away

    @Test(
        "a file that lost its name, its end, or its place to another is missed",
        arguments: ["name", "end", "hole", "place"]
    )
    func misplaced(_ what: String) throws {
        let scene = try JournalScene()
        try scene.fill(2)
        var journal = try scene.open()
        var state = PolicyState(Deciding.rules, key: journal.key)
        try journal.replay { state.restore($0, now: 1010_000_000) }
        var isInPlace = journal.isInPlace()
        #expect(isInPlace)
        switch what {
        case "name": unlink(scene.path)
        case "end": truncate(scene.path, 100)
        case "hole":
            truncate(scene.path, 100)
            Deciding.ask(&state, 7, at: 2000)
            try journal.append(state.changes)
        default:
            #expect(rename(scene.path, scene.path + ".old") == 0)
            scene.bytes = []
        }
        isInPlace = journal.isInPlace()
        #expect(!isInPlace)
        try journal.rewrite(&state)
        isInPlace = journal.isInPlace()
        #expect(isInPlace)
        let expected = folded(state.allRecords())
        _ = consume journal
        #expect(folded(try scene.contents().records) == expected)
    }
}
