//===----------------------------------------------------------------------===//
// Quartermaster: tests of the status page: what was written is read, and nothing else
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import StatusPage

@Suite("The status page", .serialized) struct PageTests {
    let home: TemporaryDirectory
    var path: String { home.file("page") }

    init() throws { home = try TemporaryDirectory("qm-page") }

    func writer() throws -> PageWriter {
        try PageWriter(PageLayout(services: 4, processes: 8, events: 16), at: path)
    }

    @Test("every field of every record comes back as it was written")
    func roundTrip() throws {
        var writer = try writer()
        let sample = Overview.sample
        writer.write(all: sample)
        writer.appear(now: sample.heartbeat)
        #expect(try PageFile.read(path) == sample)
        #expect(try facts(ofPath: path).mode & 0o777 == 0o644)
    }

    @Test("parts that are not wanted are not read")
    func parts() throws {
        var writer = try writer()
        writer.write(all: .sample)
        writer.appear(now: 5)
        let overview = try PageFile.read(path, .services)
        #expect(overview.services == Overview.sample.services)
        #expect(overview.processes.isEmpty && overview.events.isEmpty)
        #expect(overview.master == Overview.sample.master)
    }

    @Test("the words are where master.status(5) says they are")
    func places() throws {
        var writer = try writer()
        writer.write(all: .sample)
        writer.appear(now: 77)
        let words = try readFile(path).bytes.words
        #expect(words[0..<6] == [0x5355_5441_5453_4d51, 1, 256, UInt64(words.count * 8), 0, 77])
        #expect(words[6..<18] == [256, 2048, 1, 2304, 1024, 4, 6400, 64, 8, 6912, 128, 16])
        let master = Array(words[32...])
        #expect(master[0] % 2 == 0 && master[0] > 0)
        #expect(master[1..<3] == [1, 4711])
        #expect(master[16] == Overview.sample.master[.taken])
        #expect(master[16 + 37] == Overview.sample.master[.reloadsRefused])
        #expect(text(master[80..<88]) == "0.7.0-dev")
        #expect(text(master[104..<168]) == "/etc/postfix")
        let service = Array(words[(2304 / 8)...])
        #expect(service[1...12] == [6, 1, 2, 3, 4, 5, 6000, 7, 8000, 9000, 10_000, 11_000])
        #expect(service[16...18] == [100, 2, 1500])
        #expect(service[39] == 1234)
        #expect(service[40...42] == [1, 0, 3])
        #expect(service[64] == 1)
        #expect(text(service[65..<67]) == "inet")
        #expect(text(service[67..<81]) == "smtp")
        #expect(text(service[108..<128]) == "process 42 killed by signal 9")
        let process = Array(words[(6400 / 8)...])
        #expect(process[1] == 4242 | 1 << 32)
        #expect(process[2...6] == [7 | 9 << 32, 3, 100, 200, 55])
        let event = Array(words[((6912 + 5 * 128) / 8)...])
        #expect(event[1...5] == [5, 1_700_000_000_000, 5 | 0 << 32, 99, 60])
        #expect(text(event[6..<16]) == "smtp/inet")
    }

    private func text(_ words: ArraySlice<UInt64>) -> String {
        var bytes: [UInt8] = []
        for word in words { for index in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(8 * index))) } }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    @Test("text that does not fit is cut off between two characters")
    func longText() throws {
        var writer = try writer()
        var texts = ServiceTexts()
        texts.life = 1
        texts.name = "x" + String(repeating: "ü", count: 100)
        writer.write(texts, row: 2)
        writer.appear(now: 1)
        let service = try #require(try PageFile.read(path).services.first)
        #expect(service.row == 2)
        // 112 bytes: one, and 55 of two.
        #expect(service.texts.name == "x" + String(repeating: "ü", count: 55))
    }

    @Test("a service or process that is gone leaves its row free")
    func vacant() throws {
        var writer = try writer()
        writer.write(all: .sample)
        writer.write(ServiceTexts(), row: 0)
        writer.write(ProcessOverview(), row: 0)
        writer.appear(now: 1)
        let overview = try PageFile.read(path)
        #expect(overview.services.map(\.row) == [1])
        #expect(overview.processes.map(\.pid) == [4243])
    }

    @Test("the newest events are there, and the reader can tell how many it missed")
    func ring() throws {
        var writer = try writer()
        for number in 1...40 {
            var event = EventEntry()
            event.number = UInt64(number)
            writer.write(event)
        }
        var larger = try PageWriter(PageLayout(services: 40, processes: 80, events: 16), at: path + ".new")
        larger.takeEvents(from: writer)
        var next = try PageWriter(PageLayout(services: 40, processes: 80, events: 16), at: path + ".next")
        next.write(eventWords: larger.eventWords)
        // Half a record at the end is none.
        next.write(eventWords: [41, 1])
        writer.appear(now: 1)
        larger.appear(now: 1)
        next.appear(now: 1)
        #expect(try PageFile.read(path + ".next").events == PageFile.read(path).events)
        #expect(try PageFile.read(path).events.map(\.number) == Array(25...40))
        #expect(try PageFile.read(path + ".new").events == PageFile.read(path).events)
    }

    @Test("a record that is being written is named, and the others are read")
    func half() throws {
        var writer = try writer()
        writer.write(all: .sample)
        writer.appear(now: 1)
        var bytes = try readFile(path).bytes
        bytes[2304 + 1024] |= 1
        let overview = try #require(try Self.read(bytes).get())
        #expect(overview.unreadable == ["service 1"])
        #expect(overview.services == Array(Overview.sample.services.prefix(1)))
        #expect(overview.processes == Overview.sample.processes)
    }

    @Test("a record that changes between two readings is read again")
    func changing() throws {
        var writer = try writer()
        writer.write(all: .sample)
        writer.appear(now: 1)
        let bytes = try readFile(path).bytes
        var reads = 0
        let result = PageReader().read { offset, count in
            reads += 1
            var now = bytes
            // Master is busy with the first process during the first ten reads.
            if reads < 10 { now[6400] = UInt8(2 * reads) }
            return Array(now.dropFirst(offset).prefix(count))
        }
        #expect(try #require(try result.get()).processes == Overview.sample.processes)
        #expect(reads > 10)
    }

    @Test("while one writes and another reads, no record is half one thing and half another")
    func together() throws {
        var writer = try writer()
        writer.appear(now: 1)
        let stop = Flag()
        let path = path
        let reader = Thread {
            var last: UInt64 = 0
            while !stop.isSet {
                guard let overview = try? PageFile.read(path) else { continue }
                for process in overview.processes {
                    let (whole, part) = (UInt64(process.generation), UInt64(process.since))
                    let isWhole = process.pid == process.generation && process.uses == part && part &- whole <= 1
                    if !isWhole || process.uses < last { stop.failures += 1 }
                    last = process.uses
                }
                stop.rounds += 1
            }
            stop.hasEnded = true
        }
        reader.start()
        var number: UInt32 = 0
        while stop.rounds < 300 && number < 200_000_000 {
            number += 1
            // The whole record, and then what reports change of it.
            if number % 2 == 0 {
                writer.rows.write(.busy, since: Int64(number), uses: UInt64(number), row: 3)
                continue
            }
            var process = ProcessOverview()
            (process.pid, process.generation) = (number, number)
            (process.since, process.uses) = (Int64(number), UInt64(number))
            writer.write(process, row: 3)
        }
        stop.isSet = true
        #expect(eventually { stop.hasEnded })
        #expect(stop.rounds >= 300 && stop.failures == 0)
    }

    /// Set by one thread, seen by another a little later.
    private final class Flag: @unchecked Sendable {
        private let lock = NSLock()
        private var values = [0, 0, 0, 0]
        private func get(_ index: Int) -> Int { lock.withLock { values[index] } }
        private func set(_ index: Int, _ value: Int) { lock.withLock { values[index] = value } }
        var isSet: Bool {
            get { get(0) == 1 }
            set { set(0, newValue ? 1 : 0) }
        }
        var hasEnded: Bool {
            get { get(1) == 1 }
            set { set(1, newValue ? 1 : 0) }
        }
        var rounds: Int {
            get { get(2) }
            set { set(2, newValue) }
        }
        var failures: Int {
            get { get(3) }
            set { set(3, newValue) }
        }
    }
}

extension [UInt8] {
    fileprivate var words: [UInt64] {
        stride(from: 0, to: count - 7, by: 8).map { start in
            var word: UInt64 = 0
            for index in 0..<8 { word |= UInt64(self[start + index]) << UInt64(8 * index) }
            return word
        }
    }
}
