//===----------------------------------------------------------------------===//
// Quartermaster: tests of the state file
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import PolicyDecisions
import SystemCalls
import TestSupport
import Testing

@testable import PolicyJournal

/// Rules, and decisions under them that change as many records as the test wants.
private enum Deciding {
    static let rules: PolicyRules = {
        let greylist = GreylistRules(delay: 10, retryWindow: 1 << 30, lifetime: 1 << 30, autoAllowAfter: 0)
        var rules = PolicyRules(greylist: greylist, rates: RateRules(timeUnit: 3600))
        for limit in [RateLimit.clientMessages, .senderMessages, .senderRecipients] { rules.rates[limit] = 1_000_000 }
        return rules
    }()

    /// A stranger is one record; the same one later is a record of the triplet and one for each limit.
    static func ask(_ state: inout PolicyState, _ sender: Int, at seconds: Int64) -> PolicyVerdict {
        let text = """
            request=smtpd_access_policy
            protocol_state=RCPT
            client_address=192.0.2.7
            sender=\(sender)@example.com
            recipient=b@example.org
            instance=\(sender).\(seconds)


            """
        let bytes = Array(text.utf8)
        guard case .whole(let request, _) = PolicyRequest.parse(bytes.span.bytes) else { return .unconcerned }
        let lists = AllowLists(key: HashKey(first: 0, second: 0))
        return state.decide(request, bytes.span.bytes, lists, now: seconds * 1_000_000)
    }
}

/// A directory with a state file.
private final class Scene {
    let home: TemporaryDirectory
    static let name = "policyd.state"
    var path: String { home.file(Self.name) }

    init() throws { home = try TemporaryDirectory("qm-journal") }

    func open(waitingAtMost milliseconds: Int = 0) throws(JournalProblem) -> Journal {
        let directory: Descriptor
        do throws(SystemError) {
            directory = try openFile(home.path, [.readOnly, .directory])
        } catch {
            throw .cannot(doing: "open", error)
        }
        return try Journal(in: directory, named: Self.name, waitingAtMost: milliseconds)
    }

    /// Opens it, reads everything, and closes it.
    func contents() throws -> (records: [StateRecord], findings: Journal.Findings, key: HashKey) {
        var journal = try open()
        var records: [StateRecord] = []
        try journal.replay { records.append($0) }
        return (records, journal.findings, journal.key)
    }

    /// A file with the records of so many decisions, each of four records but the first half, of one; returns them.
    @discardableResult
    func fill(_ senders: Int) throws -> [StateRecord] {
        var journal = try open()
        var state = PolicyState(Deciding.rules, key: journal.key)
        try journal.replay { state.restore($0, now: 0) }
        var written: [StateRecord] = []
        for (sender, seconds) in (0..<senders).map({ ($0, Int64(1000)) }) + (0..<senders).map({ ($0, Int64(1010)) }) {
            _ = Deciding.ask(&state, sender, at: seconds)
            try journal.append(state.changes)
            for index in 0..<state.changes.count { written.append(state.changes[index]) }
        }
        return written
    }

    var bytes: [UInt8] {
        get { FileManager.default.contents(atPath: path).map { [UInt8]($0) } ?? [] }
        set {
            _ = FileManager.default.createFile(
                atPath: path,
                contents: Data(newValue),
                attributes: [.posixPermissions: 0o600]
            )
        }
    }

    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: home.path)) ?? []).sorted() }
}

struct JournalTests {
    @Test("what was appended is there again, with the same key")
    func roundTrip() throws {
        let scene = try Scene()
        let key = try scene.contents().key
        let written = try scene.fill(5)
        #expect(written.count == 25)
        let found = try scene.contents()
        #expect(found.records == written)
        #expect(found.key == key)
        #expect(found.findings.damaged == 0 && found.findings.torn == 0 && found.findings.setAside == nil)
        #expect(scene.bytes.count == 64 + 25 * 32)
        #expect(scene.names == [Scene.name])
        let mode = try FileManager.default.attributesOfItem(atPath: scene.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("two files have two keys")
    func keys() throws { #expect(try Scene().contents().key != Scene().contents().key) }

    @Test("cut off at any byte, it has every record before, and takes new ones")
    func truncation() throws {
        let scene = try Scene()
        let written = try scene.fill(2)
        let whole = scene.bytes
        let key = try scene.contents().key
        for size in 0...whole.count {
            for name in scene.names { try FileManager.default.removeItem(atPath: scene.home.file(name)) }
            scene.bytes = Array(whole[..<size])
            let found = try scene.contents()
            let count = max(size - 64, 0) / 32
            #expect(found.records == Array(written.prefix(count)))
            #expect(found.findings.damaged == 0)
            #expect((found.key == key) == (size >= 32), "a head is enough")
            #expect((found.findings.setAside != nil) == (1..<32).contains(size), "\(size)")
            if size >= 64 { #expect(found.findings.torn == (size - 64) % 32) }
            // What is appended now counts, and what was cut off does not come back.
            var journal = try scene.open()
            try journal.replay { _ in }
            var state = PolicyState(Deciding.rules, key: journal.key)
            _ = Deciding.ask(&state, 77, at: 2000)
            try journal.append(state.changes)
            let last = state.changes[0]
            _ = consume journal
            #expect(try scene.contents().records == Array(written.prefix(count)) + [last])
        }
    }

    @Test("a bit that is wrong costs the record that it is in, and one in the head nothing")
    func bitFlips() throws {
        let scene = try Scene()
        let written = try scene.fill(1)
        let whole = scene.bytes
        for place in whole.indices {
            for bit in 0..<8 {
                var bytes = whole
                bytes[place] ^= 1 << UInt8(bit)
                scene.bytes = bytes
                let found = try scene.contents()
                var expected = written
                if place >= 64 { expected.remove(at: (place - 64) / 32) }
                guard found.records == expected, found.findings.setAside == nil else {
                    Issue.record("bit \(bit) of byte \(place)")
                    continue
                }
                let isLast = place >= whole.count - 32
                #expect(found.findings.damaged == (place >= 64 && !isLast ? 1 : 0))
                #expect(found.findings.torn == (isLast ? 32 : 0))
            }
        }
    }

    @Test("zeros, and anything else behind the last record, are no records")
    func trailing() throws {
        let scene = try Scene()
        let written = try scene.fill(1)
        let whole = scene.bytes
        for tail in [[UInt8](repeating: 0, count: 4096), [UInt8](repeating: 0xff, count: 31), Array(whole[0..<64])] {
            scene.bytes = whole + tail
            let found = try scene.contents()
            #expect(found.records == written)
            #expect(found.findings.torn == tail.count)
        }
    }

    @Test("a file longer than what is read at a time")
    func long() throws {
        let scene = try Scene()
        let written = try scene.fill(1500)
        #expect(scene.bytes.count > 3 * 64 * 1024)
        #expect(try scene.contents().records == written)
    }

    @Test(
        "what is no file of this version is kept under another name",
        arguments: [
            "of another version", "of another program", "whose heads are both damaged", "of zeros",
        ]
    )
    func setAside(_ what: String) throws {
        let scene = try Scene()
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
        #expect(scene.names == [Scene.name, Scene.name + ".set-aside"])
        #expect(FileManager.default.contents(atPath: scene.path + ".set-aside") == Data(bytes))
        #expect(try scene.contents().findings.setAside == nil, "once")
    }

    @Test("what others may have planted is refused, and nothing behind it is touched")
    func planted() throws {
        let scene = try Scene()
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
        let scene = try Scene()
        let victim = try scene.home.write("precious", to: "victim")
        #expect(symlink(victim, scene.path + ".new") == 0)
        var journal = try scene.open()
        let state = PolicyState(Deciding.rules, key: journal.key)
        try journal.rewrite(state)
        #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
        #expect(scene.names == [Scene.name, "victim"])
    }

    // What cannot be copied cannot be looked at within an expectation.
    private func expect(_ journal: borrowing Journal, synchronized expected: Bool) {
        let isSynchronized = !journal.isUnsynchronized
        #expect(isSynchronized == expected)
    }

    private func expect(_ journal: borrowing Journal, isLong expected: Bool, for entries: Int) {
        let isLong = journal.isLong(entries: entries)
        #expect(isLong == expected)
    }

    // MARK: one writer

    @Test("a second process waits, and gives up when its time is over")
    func lock() throws {
        let scene = try Scene()
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
        let scene = try Scene()
        var first = try scene.open()
        var state = PolicyState(Deciding.rules, key: first.key)
        let second = Waiting(scene)
        _ = Deciding.ask(&state, 1, at: 1000)
        try first.append(state.changes)
        if isReplaced { try first.rewrite(state) }
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

        init(_ scene: Scene) {
            let path = scene.home.path
            Thread.detachNewThread {
                guard let directory = try? openFile(path, [.readOnly, .directory]),
                    var journal = try? Journal(in: directory, named: Scene.name, waitingAtMost: 30_000)
                else { return }
                var records: [StateRecord] = []
                try? journal.replay { records.append($0) }
                self.lock.withLock { self.list = records }
            }
        }
    }

    // MARK: writing anew

    @Test("a file that is written anew has what counts, and no more")
    func rewriting() throws {
        let scene = try Scene()
        var journal = try scene.open()
        var state = PolicyState(Deciding.rules, key: journal.key)
        for round in 0..<50 {
            for sender in 0..<20 {
                _ = Deciding.ask(&state, sender, at: 1000 + Int64(round) * 10)
                try journal.append(state.changes)
            }
        }
        #expect(scene.bytes.count > 64 + 32 * 1000)
        try journal.rewrite(state)
        expect(journal, synchronized: true)
        // Twenty triplets, twenty senders with two limits each, one client.
        #expect(state.count == 61)
        #expect(scene.bytes.count == 64 + 32 * 61)
        #expect(scene.names == [Scene.name])
        _ = Deciding.ask(&state, 100, at: 2000)
        try journal.append(state.changes)
        expect(journal, synchronized: false)
        try journal.synchronize()
        expect(journal, synchronized: true)
        var expected: [StateRecord] = []
        state.forEachRecord { expected.append($0) }
        _ = consume journal
        let found = try scene.contents()
        #expect(Set(found.records.map(\.key)) == Set(expected.map(\.key)))
        #expect(found.records.count == expected.count)
        #expect(expected.allSatisfy { found.records.contains($0) })
    }

    @Test("a file is long when it has twice as many records as there are entries")
    func length() throws {
        let scene = try Scene()
        var journal = try scene.open()
        var state = PolicyState(Deciding.rules, key: journal.key)
        var written = 0
        var seconds: Int64 = 1000
        while written <= Journal.smallest {
            expect(journal, isLong: false, for: 10)
            _ = Deciding.ask(&state, 1, at: seconds)
            seconds += 10
            try journal.append(state.changes)
            try #require(state.changes.count > 0)
            written += state.changes.count
        }
        expect(journal, isLong: true, for: 10)
        expect(journal, isLong: false, for: Journal.smallest)
        try journal.rewrite(state)
        expect(journal, isLong: false, for: 10)
    }
}

#if DEBUG
/// In processes of their own: the kernel fails there for everybody.
struct FailingJournalTests {
    @Test("a write for which there is no room leaves no trace")
    func noSpace() async {
        await #expect(processExitsWith: .success) {
            let scene = try Scene()
            let written = try scene.fill(1)
            var journal = try scene.open()
            var state = PolicyState(Deciding.rules, key: journal.key)
            try journal.replay { state.restore($0, now: 1010_000_000) }
            FaultPlan.fail(.pwrite, with: .noSpace)
            _ = Deciding.ask(&state, 5, at: 2000)
            do throws(SystemError) {
                try journal.append(state.changes)
                exit(3)
            } catch {
                if error.code != .noSpace { exit(4) }
            }
            _ = Deciding.ask(&state, 6, at: 2000)
            try journal.append(state.changes)
            let last = state.changes[0]
            _ = consume journal
            let found = try scene.contents()
            exit(found.records == written + [last] && found.findings.torn == 0 ? 0 : 5)
        }
    }

    @Test("a write that is cut off is overwritten by the next one", arguments: [1, 31, 32, 33, 63, 64, 100, 127])
    func shortWrite(_ size: Int) async {
        await #expect(processExitsWith: .success) { [size] in
            signal(SIGXFSZ, SIG_IGN)
            let scene = try Scene()
            let written = try scene.fill(1)
            var journal = try scene.open()
            var state = PolicyState(Deciding.rules, key: journal.key)
            try journal.replay { state.restore($0, now: 1010_000_000) }
            _ = Deciding.ask(&state, 5, at: 2000)
            try journal.append(state.changes)
            let first = state.changes[0]
            // Its second attempt has four records, of which so many bytes fit.
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            let before = limit
            limit.rlim_cur = rlim_t(scene.bytes.count + size)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            _ = Deciding.ask(&state, 5, at: 2010)
            if state.changes.count != 4 { exit(2) }
            do throws(SystemError) {
                try journal.append(state.changes)
                exit(3)
            } catch {}
            if scene.bytes.count != 64 + 32 * (written.count + 1) + size { exit(4) }
            var free = before
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &free)
            _ = Deciding.ask(&state, 6, at: 2020)
            try journal.append(state.changes)
            let last = state.changes[0]
            _ = consume journal
            let found = try scene.contents().records
            // Whole records of the one that was cut off may be there, behind the last one; nobody was told of them.
            exit(Array(found.prefix(written.count + 2)) == written + [first, last] ? 0 : 5)
        }
    }

    @Test(
        "a new file that fails changes nothing",
        arguments: [
            ("unlinkat", 0), ("openat", 0), ("pwrite", 0), ("pwrite", 1), ("fdatasync", 0), ("renameat", 0),
        ]
    )
    func failedRewrite(_ call: String, _ passing: Int) async {
        await #expect(processExitsWith: .success) { [call, passing] in
            let scene = try Scene()
            try scene.fill(3000)
            var journal = try scene.open()
            var state = PolicyState(Deciding.rules, key: journal.key)
            try journal.replay { state.restore($0, now: 1010_000_000) }
            let before = scene.bytes
            guard let call = SystemCall(rawValue: call) else { exit(2) }
            FaultPlan.fail(call, with: .ioError, afterPassing: passing)
            do throws(SystemError) {
                try journal.rewrite(state)
                exit(3)
            } catch {
                if error.call != call { exit(4) }
            }
            if scene.bytes != before || scene.names != [Scene.name] { exit(5) }
            _ = Deciding.ask(&state, 9999, at: 2000)
            try journal.append(state.changes)
            if scene.bytes.count != before.count + 32 { exit(6) }
            try journal.rewrite(state)
            if scene.bytes.count != 64 + 32 * state.count { exit(7) }
            exit(0)
        }
    }

    @Test("what cannot be opened, locked or read says so", arguments: ["openat", "fstat", "flock", "pread"])
    func failedOpening(_ name: String) async {
        await #expect(processExitsWith: .success) { [name] in
            let scene = try Scene()
            try scene.fill(1)
            guard let call = SystemCall(rawValue: name) else { exit(2) }
            FaultPlan.fail(call, with: .ioError)
            do throws(JournalProblem) {
                _ = try scene.open()
                exit(3)
            } catch {
                let doing = ["openat": "open", "pread": "read"][name] ?? name
                exit(error.reason == "\(doing): Input/output error" ? 0 : 4)
            }
        }
    }
}
#endif
