//===----------------------------------------------------------------------===//
// Quartermaster: tests of the state file written anew
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import PolicyDecisions
import SystemCalls
import TestSupport
import Testing

@testable import PolicyJournal

struct JournalRewriteTests {
    // What cannot be copied cannot be looked at within an expectation.
    private func expect(_ journal: borrowing Journal, synchronized expected: Bool) {
        let isSynchronized = !journal.isUnsynchronized
        #expect(isSynchronized == expected)
    }

    private func expect(_ journal: borrowing Journal, isLong expected: Bool, for entries: Int) {
        let isLong = journal.isLong(entries: entries)
        #expect(isLong == expected)
    }

    @Test("a file that is written anew has what counts, and no more")
    func rewriting() throws {
        let scene = try JournalScene()
        var journal = try scene.open()
        var state = PolicyState(Deciding.rules, key: journal.key)
        for round in 0..<50 {
            for sender in 0..<20 {
                _ = Deciding.ask(&state, sender, at: 1000 + Int64(round) * 10)
                try journal.append(state.changes)
            }
        }
        #expect(scene.bytes.count > 64 + 32 * 1000)
        try journal.rewrite(&state)
        expect(journal, synchronized: true)
        // Twenty triplets, twenty senders with two limits each, one client.
        #expect(state.count == 61)
        #expect(scene.bytes.count == 64 + 32 * 61)
        #expect(scene.names == [JournalScene.name])
        _ = Deciding.ask(&state, 100, at: 2000)
        try journal.append(state.changes)
        expect(journal, synchronized: false)
        try journal.synchronize()
        expect(journal, synchronized: true)
        let expected = state.allRecords()
        _ = consume journal
        let found = try scene.contents()
        #expect(Set(found.records.map(\.key)) == Set(expected.map(\.key)))
        #expect(found.records.count == expected.count)
        #expect(expected.allSatisfy { found.records.contains($0) })
    }

    @Test("a file is long when it has twice as many records as there are entries")
    func length() throws {
        let scene = try JournalScene()
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
        try journal.rewrite(&state)
        expect(journal, isLong: false, for: 10)
    }

    @Test("decisions between the pieces are in the new file, and until it is in place in the old one")
    func between() throws {
        let scene = try JournalScene()
        var known = folded(try scene.fill(3000))
        var journal = try scene.open()
        var state = PolicyState(Deciding.rules, key: journal.key)
        try journal.replay { state.restore($0, now: 1010_000_000) }
        var seconds: Int64 = 1020
        func ask(_ senders: [Int], _ journal: inout Journal, _ state: inout PolicyState) throws {
            for sender in senders {
                Deciding.ask(&state, sender, at: seconds)
                try journal.append(state.changes)
                for record in state.changes.all { known[record.key] = record }
                seconds += 1
            }
            #expect(folded(replayed(scene.bytes, key: journal.key)) == known, "killed now, nothing is lost")
        }
        try journal.beginRewrite(&state)
        var pieces = 0
        repeat {
            pieces += 1
            // Known ones, from the oldest to the youngest, and strangers.
            try ask([0, 1500, 2999, 5000 + pieces], &journal, &state)
        } while try !journal.continueRewrite(&state)
        #expect(pieces > 3)
        try ask([1, 2998, 9999], &journal, &state)
        try journal.finishRewrite()
        #expect(folded(replayed(scene.bytes, key: journal.key)) == known)
        Deciding.ask(&state, 77, at: seconds)
        try journal.append(state.changes)
        let expected = folded(state.allRecords())
        _ = consume journal
        let found = try scene.contents()
        #expect(folded(found.records) == expected)
        #expect(found.findings.damaged == 0 && found.findings.outdated == 0 && found.findings.torn == 0)
        #expect(scene.names == [JournalScene.name])
    }

    @Test("a new file that is given up is gone, and the old one goes on")
    func abandoned() throws {
        let scene = try JournalScene()
        try scene.fill(100)
        var journal = try scene.open()
        var state = PolicyState(Deciding.rules, key: journal.key)
        try journal.replay { state.restore($0, now: 1010_000_000) }
        try journal.beginRewrite(&state)
        #expect(scene.names == [JournalScene.name, JournalScene.name + ".new"])
        journal.abandonRewrite()
        #expect(scene.names == [JournalScene.name])
        Deciding.ask(&state, 200, at: 2000)
        try journal.append(state.changes)
        let expected = folded(state.allRecords())
        _ = consume journal
        #expect(folded(try scene.contents().records) == expected)
    }
}

/// What a process would find that opens a file of these bytes.
func replayed(_ bytes: [UInt8], key: HashKey) -> [StateRecord] {
    guard let scene = try? JournalScene() else { return [] }
    scene.bytes = bytes
    guard let found = try? scene.contents(), found.key == key else { return [] }
    return found.records
}
