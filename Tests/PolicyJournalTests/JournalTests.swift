//===----------------------------------------------------------------------===//
// Quartermaster: tests of what stands in the state file
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import PolicyDecisions
import SystemCalls
import TestSupport
import Testing

@testable import PolicyJournal

struct JournalTests {
    @Test("what was appended is there again, with the same key")
    func roundTrip() throws {
        let scene = try JournalScene()
        let key = try scene.contents().key
        let written = try scene.fill(5)
        #expect(written.count == 25)
        let found = try scene.contents()
        #expect(found.records == written)
        #expect(found.key == key)
        #expect(found.findings.damaged == 0 && found.findings.torn == 0 && found.findings.setAside == nil)
        #expect(scene.bytes.count == 64 + 25 * 32)
        #expect(scene.names == [JournalScene.name])
        let mode = try FileManager.default.attributesOfItem(atPath: scene.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("two files have two keys")
    func keys() throws { #expect(try JournalScene().contents().key != JournalScene().contents().key) }

    @Test("cut off at any byte, it has every record before, and takes new ones")
    func truncation() throws {
        let scene = try JournalScene()
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
        let scene = try JournalScene()
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
        let scene = try JournalScene()
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
        let scene = try JournalScene()
        let written = try scene.fill(1500)
        #expect(scene.bytes.count > 3 * 64 * 1024)
        #expect(try scene.contents().records == written)
    }

    @Test("a hole in the file is passed over, however large it is")
    func hole() throws {
        let scene = try JournalScene()
        let written = try scene.fill(3)
        let size = 64 + 32 * written.count
        #expect(truncate(scene.path, 1 << 42) == 0)
        let atEnd = try scene.contents()
        #expect(atEnd.records == written)
        #expect(atEnd.findings.torn == 1 << 42 - size && atEnd.findings.damaged == 0)
        // A record behind it, as a block that the disk has found again.
        let block = JournalFormat.block(written[0], attempt: 7)
        let file = try openFile(scene.path, .readWrite)
        let bytes = (0..<Block.size).map { block[$0] }
        _ = try file.number.write(bytes.span.bytes, at: 1 << 42)
        let found = try scene.contents()
        #expect(found.records == written + [written[0]])
        #expect(found.findings.damaged == (1 << 42 - size) / 32 && found.findings.torn == 0)
    }

    @Test("records of programs that did not number them count where they stand, and new ones behind them")
    func unnumbered() throws {
        let scene = try JournalScene()
        let written = try scene.fill(3)
        var bytes = Array(scene.bytes[..<64])
        for record in written {
            let block = JournalFormat.block(record, attempt: 0)
            bytes += (0..<Block.size).map { block[$0] }
        }
        scene.bytes = bytes
        var journal = try scene.open()
        var state = PolicyState(Deciding.rules, key: journal.key)
        try journal.replay { state.restore($0, now: 1010_000_000) }
        Deciding.ask(&state, 9, at: 2000)
        try journal.append(state.changes)
        let last = state.changes.all
        _ = consume journal
        // Such a program again, after a return to it, and one of now behind that.
        let block = JournalFormat.block(written[0], attempt: 0)
        scene.bytes += (0..<Block.size).map { block[$0] }
        #expect(try scene.contents().records == written + last + [written[0]])
        #expect(try scene.contents().findings.outdated == 0)
    }

    @Test("whole records that are older than one before them are left out, and new ones go behind them")
    func outdated() throws {
        let scene = try JournalScene()
        let written = try scene.fill(1)
        // Attempts 1 and 2; what a page of before has kept is of attempt 1.
        let old = JournalFormat.block(written[2], attempt: 1)
        scene.bytes += (0..<Block.size).map { old[$0] }
        var journal = try scene.open()
        var found: [StateRecord] = []
        try journal.replayEach { found.append($0) }
        #expect(found == written)
        let outdated = journal.findings.outdated
        #expect(outdated == 1)
        var state = PolicyState(Deciding.rules, key: journal.key)
        Deciding.ask(&state, 9, at: 2000)
        try journal.append(state.changes)
        let last = state.changes.all
        _ = consume journal
        #expect(try scene.contents().records == written + last)
        #expect(scene.bytes.count == 64 + 32 * (written.count + 2))
    }
}
