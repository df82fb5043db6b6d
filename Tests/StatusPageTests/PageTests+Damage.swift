//===----------------------------------------------------------------------===//
// Quartermaster: pages that are damaged, foreign or not to be had
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import StatusPage

extension PageTests {
    @Test("whatever is missing at the end is noticed")
    func cutOff() throws {
        var writer = try writer()
        writer.write(all: .sample)
        writer.appear(now: 1)
        let bytes = try readFile(path).bytes
        for size in stride(from: 0, to: bytes.count, by: 8) {
            #expect(throws: PageProblem.cutOff) { try Self.read(Array(bytes.prefix(size))).get() }
        }
    }

    @Test("headers that cannot be are refused", arguments: 1..<18)
    func hostileHeader(word: Int) throws {
        var writer = try writer()
        writer.write(all: .sample)
        writer.appear(now: 1)
        let bytes = try readFile(path).bytes
        for value in [UInt64(0), 1, 7, 1 << 20, 1 << 40, .max, UInt64(Int.max), 1 << 63] {
            var changed = bytes
            for index in 0..<8 { changed[word * 8 + index] = UInt8(value >> (8 * index) & 0xff) }
            // It must not trap; whether it makes sense depends on the word.
            _ = Self.read(changed)
        }
    }

    @Test("what is no page is called by its name")
    func foreign() throws {
        #expect(throws: PageFileProblem.cannotRead(SystemError(.open, .noSuchFileOrDirectory))) {
            try PageFile.read(path)
        }
        try home.write(String(repeating: "This is no page. ", count: 100), to: "page")
        #expect(throws: PageFileProblem.noPage(.foreign)) { try PageFile.read(path) }
        try home.write("", to: "page")
        #expect(throws: PageFileProblem.noPage(.cutOff)) { try PageFile.read(path) }
        unlink(path)
        mkfifo(path, 0o644)
        #expect(throws: PageFileProblem.noPage(.noFile)) { try PageFile.read(path) }
        unlink(path)
        mkdir(path, 0o755)
        #expect(throws: PageFileProblem.noPage(.noFile)) { try PageFile.read(path) }
    }

    @Test("a page that was superseded is opened again")
    func superseded() throws {
        var old = try writer()
        old.write(all: .sample)
        old.appear(now: 1)
        old.markSuperseded()
        #expect(throws: PageFileProblem.noPage(.superseded)) { try PageFile.read(path) }
        let new = try PageWriter(old.layout, at: path)
        new.appear(now: 2)
        #expect(try PageFile.read(path).heartbeat == 2)
    }

    @Test("a file that is cut off under its writer costs the file and not the writer")
    func truncatedUnderWriter() async throws {
        let path = path
        await #expect(processExitsWith: .success) { [path = path as String] in
            try catchCrashes(wholeGroup: false)
            var writer = try PageWriter(PageLayout(services: 4, processes: 8, events: 16), at: path)
            var other = try PageWriter(PageLayout(services: 4, processes: 8, events: 16), at: path + ".other")
            writer.appear(now: 1)
            truncate(path, 0)
            precondition(!writer.isLost)
            let losses = SharedMemory.losses
            writer.rows.beat(2)
            precondition(SharedMemory.losses == losses + 1)
            writer.write(ProcessOverview(), row: 7)
            precondition(SharedMemory.losses == losses + 1)
            precondition(writer.isLost && !other.isLost && other.isIntact == false)
            other.appear(now: 1)
            other.write(ProcessOverview(), row: 7)
            precondition(!other.isLost && other.isIntact)
        }
        #expect(try readFile(path).bytes.isEmpty)
        #expect(try PageFile.read(path + ".other").heartbeat == 1)
    }

    @Test("SIGBUS from elsewhere ends the process as before")
    func otherBusError() async throws {
        let path = path
        await #expect(processExitsWith: .signal(SIGBUS)) { [path = path as String] in
            try catchCrashes(wholeGroup: false)
            let writer = try PageWriter(PageLayout(services: 4, processes: 8, events: 16), at: path)
            writer.appear(now: 1)
            raise(SIGBUS)
            writer.rows.beat(2)
        }
    }

    @Test("without room for the page there is none, and no file is left")
    func noRoom() throws {
        let place = home.path + "/no/such/directory/page"
        #expect(throws: SystemError.self) {
            _ = try PageWriter(PageLayout(services: 1, processes: 1, events: 1), at: place)
        }
        mkdir(path, 0o755)
        #expect(throws: SystemError.self) {
            _ = try PageWriter(PageLayout(services: 1, processes: 1, events: 1), at: path)
        }
    }

    static func read(_ bytes: [UInt8]) -> Result<Overview?, PageProblem> {
        PageReader().read { offset, count in Array(bytes.dropFirst(offset).prefix(count)) }
    }
}
