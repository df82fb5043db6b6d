//===----------------------------------------------------------------------===//
// Quartermaster: tests of the state file where the kernel fails
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import PolicyDecisions
import SystemCalls
import TestSupport
import Testing

@testable import PolicyJournal

#if DEBUG
/// In processes of their own: the kernel fails there for everybody.
struct FailingJournalTests {
    @Test("a write for which there is no room leaves no trace")
    func noSpace() async {
        await #expect(processExitsWith: .success) {
            let scene = try JournalScene()
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
            let scene = try JournalScene()
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
            // Whole records of the one that was cut off are there, behind the last one, and do not count.
            exit(found == written + [first, last] ? 0 : 5)
        }
    }

    @Test("what a write that was cut off has left behind does not win over what was decided later")
    func stale() async {
        await #expect(processExitsWith: .success) {
            signal(SIGXFSZ, SIG_IGN)
            let scene = try JournalScene()
            var journal = try scene.open()
            // Back in time: triplet, network, client and sender.
            var state = PolicyState(
                Deciding.rules([.clientMessages, .senderMessages], autoAllowAfter: 9),
                key: journal.key
            )
            Deciding.ask(&state, 5, at: 2000)
            try journal.append(state.changes)
            let first = state.changes.all
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            let before = limit
            // The first three of the four.
            limit.rlim_cur = rlim_t(scene.bytes.count + 100)
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            Deciding.ask(&state, 5, at: 2010)
            let cutOff = state.changes.all
            if cutOff.count != 4 { exit(2) }
            do throws(SystemError) {
                try journal.append(state.changes)
                exit(3)
            } catch {}
            var free = before
            setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &free)
            // Client and sender: the client's record of before stands behind them.
            Deciding.ask(&state, 5, at: 2020)
            try journal.append(state.changes)
            let last = state.changes.all
            if last.map(\.key) != cutOff.suffix(2).map(\.key) { exit(4) }
            // The process dies before it can write all of it anew.
            _ = consume journal
            let found = try scene.contents()
            if found.records != first + last { exit(5) }
            exit(found.findings.outdated == 1 && found.findings.damaged == 0 ? 0 : 6)
        }
    }

    /// How often what fails, drawn by lot.
    @Test(
        "whatever fails and wherever it ends, nothing that was saved is forgotten for something older",
        arguments: 1...8
    )
    func anyFaults(_ seed: Int) async {
        await #expect(processExitsWith: .success) { [seed] in
            signal(SIGXFSZ, SIG_IGN)
            let scene = try JournalScene()
            var journal = try scene.open()
            var state = PolicyState(
                Deciding.rules([.clientMessages, .senderMessages], autoAllowAfter: 9),
                key: journal.key
            )
            var free = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &free)
            var random = Numbers(seed: UInt64(seed))
            let key = journal.key
            // Of each key all records in order, and the place of the last one that was saved, and on the disk.
            var history: [UInt64: [StateRecord]] = [:]
            var saved: [UInt64: Int] = [:]
            var onDisk: [UInt64: Int] = [:]
            // The pages of the file as they were at any moment since the disk had all of them.
            var versions: [[UInt8]] = [scene.bytes]
            for step in 0..<250 {
                Deciding.ask(&state, Int(random.next() % 6), at: 1000 + Int64(step) * 3)
                var limit = free
                switch random.next() % 4 {
                case 0:
                    limit.rlim_cur = rlim_t(Int(random.next() % 130) + journal.end)
                    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
                case 1: FaultPlan.fail(.pwrite, with: .ioError)
                default: break
                }
                let changed = state.changes.all
                for record in changed { history[record.key, default: []].append(record) }
                do throws(SystemError) {
                    try journal.append(state.changes)
                    for record in changed { saved[record.key] = (history[record.key]?.count ?? 0) - 1 }
                } catch {}
                FaultPlan.clear()
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &free)
                versions.append(scene.bytes)
                if random.next() % 10 == 0 {
                    try journal.synchronize()
                    onDisk = saved
                    versions = [scene.bytes]
                }
                func isGood(_ bytes: [UInt8], _ least: [UInt64: Int]) -> Bool {
                    let found = folded(replayed(bytes, key: key))
                    return least.allSatisfy { key, place in
                        found[key].flatMap { history[key]?.lastIndex(of: $0) }.map { $0 >= place } ?? false
                    }
                }
                // The process dies; or power fails, and of each page the disk has any version since.
                if !isGood(scene.bytes, saved) { exit(2) }
                if step % 5 == 0 {
                    var mixed = versions.randomElement(using: &random) ?? []
                    for start in stride(from: 0, to: mixed.count, by: 512) {
                        let other = versions.randomElement(using: &random) ?? []
                        for place in start..<min(start + 512, mixed.count) where place < other.count {
                            mixed[place] = other[place]
                        }
                    }
                    if !isGood(mixed, onDisk) { exit(3) }
                }
            }
            exit(0)
        }
    }

    @Test("a decision that the new file cannot take costs the new file, not the decision")
    func failedBetween() async {
        await #expect(processExitsWith: .success) {
            let scene = try JournalScene()
            try scene.fill(100)
            var journal = try scene.open()
            var state = PolicyState(Deciding.rules, key: journal.key)
            try journal.replay { state.restore($0, now: 1010_000_000) }
            try journal.beginRewrite(&state)
            FaultPlan.fail(.pwrite, with: .noSpace)
            Deciding.ask(&state, 500, at: 2000)
            try journal.append(state.changes)
            do throws(SystemError) {
                _ = try journal.continueRewrite(&state)
                exit(2)
            } catch {
                if error.code != .noSpace { exit(3) }
            }
            if journal.isBeingRewritten || scene.names != [JournalScene.name] { exit(4) }
            let expected = folded(state.allRecords())
            _ = consume journal
            exit(folded(try scene.contents().records) == expected ? 0 : 5)
        }
    }

    @Test(
        "a new file that fails changes nothing",
        arguments: [
            ("unlinkat", 0), ("openat", 0), ("fallocate", 0), ("pwrite", 0), ("pwrite", 1), ("fdatasync", 0),
            ("renameat", 0),
        ]
    )
    func failedRewrite(_ call: String, _ passing: Int) async {
        await #expect(processExitsWith: .success) { [call, passing] in
            let scene = try JournalScene()
            try scene.fill(3000)
            var journal = try scene.open()
            var state = PolicyState(Deciding.rules, key: journal.key)
            try journal.replay { state.restore($0, now: 1010_000_000) }
            let before = scene.bytes
            guard let call = SystemCall(rawValue: call) else { exit(2) }
            FaultPlan.fail(call, with: .ioError, afterPassing: passing)
            do throws(SystemError) {
                try journal.rewrite(&state)
                exit(3)
            } catch {
                if error.call != call { exit(4) }
            }
            if scene.bytes != before || scene.names != [JournalScene.name] { exit(5) }
            _ = Deciding.ask(&state, 9999, at: 2000)
            try journal.append(state.changes)
            if scene.bytes.count != before.count + 32 { exit(6) }
            try journal.rewrite(&state)
            if scene.bytes.count != 64 + 32 * state.count { exit(7) }
            exit(0)
        }
    }

    @Test("what cannot be opened, locked or read says so", arguments: ["openat", "fstat", "flock", "pread"])
    func failedOpening(_ name: String) async {
        await #expect(processExitsWith: .success) { [name] in
            let scene = try JournalScene()
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

/// Numbers that are the same in every run.
struct Numbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 &+ 1 }

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
#endif
