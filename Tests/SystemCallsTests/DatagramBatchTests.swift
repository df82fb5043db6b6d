//===----------------------------------------------------------------------===//
// Quartermaster: tests of many datagrams with one system call
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@Suite struct DatagramBatchTests {
    private func send(_ texts: [String], to socket: DescriptorNumber) throws {
        for text in texts { #expect(try socket.send(Array(text.utf8)) == .bytes(text.utf8.count)) }
    }

    private func texts(_ batch: borrowing DatagramBatch) -> [String] {
        var found: [String] = []
        for index in 0..<batch.count {
            let bytes = batch[index].withUnsafeBytes { Array($0) }
            found.append(String(decoding: bytes, as: UTF8.self))
        }
        return found
    }

    @Test("one call takes what is there")
    func oneCall() throws {
        let pair = try makeSocketPair(.datagram)
        var batch = DatagramBatch(capacity: 16, datagramSize: 64)
        #expect(try batch.receive(from: pair.first.number) == 0)
        let sent = (0..<8).map { "datagram \($0)" } + [""]
        try send(sent, to: pair.second.number)
        #expect(try batch.receive(from: pair.first.number) == 9)
        #expect(texts(batch) == sent)
        #expect(try batch.receive(from: pair.first.number) == 0)
    }

    @Test("a small ring takes the rest next time")
    func smallRing() throws {
        let pair = try makeSocketPair(.datagram)
        var batch = DatagramBatch(capacity: 2, datagramSize: 8)
        try send(["1", "2", "3"], to: pair.second.number)
        #expect(try batch.receive(from: pair.first.number) == 2)
        #expect(texts(batch) == ["1", "2"])
        #expect(try batch.receive(from: pair.first.number) == 1)
        #expect(texts(batch) == ["3"])
    }

    @Test("a long datagram is cut and says so")
    func longDatagram() throws {
        let pair = try makeSocketPair(.datagram)
        var batch = DatagramBatch(capacity: 2, datagramSize: 8)
        try send(["12345678", "123456789"], to: pair.second.number)
        #expect(try batch.receive(from: pair.first.number) == 2)
        let (whole, cut) = (batch.length(0), batch.length(1))
        #expect(whole == (8, false))
        #expect(cut == (8, true))
    }

    @Test("a batch is written as lines")
    func linesOfABatch() throws {
        let home = try TemporaryDirectory("qm-batch")
        let file = try openFile(home.file("lines"), [.writeOnly, .create, .append], mode: 0o600)
        let pair = try makeSocketPair(.datagram)
        var batch = DatagramBatch(capacity: 4, datagramSize: 8)
        try send(["a", "12345678", "", "b"], to: pair.second.number)
        #expect(try batch.receive(from: pair.first.number) == 4)
        try batch.writeLines(to: file.number)
        try batch.writeLines(to: file.number)
        let text = try String(contentsOfFile: home.file("lines"), encoding: .utf8)
        #expect(text == "a\n12345678\n\nb\na\n12345678\n\nb\n", "the buffers are not used up by writing")
    }

    /// A pipe of one page, a reader that is slow, and a signal that interrupts the writer all the time.
    @Test("short writes are carried on")
    func shortWrites() async {
        await #expect(processExitsWith: .success) {
            let pipe = try makePipe(nonBlocking: false)
            let (output, input) = (pipe.second.number.rawValue, pipe.first.number.rawValue)
            // F_SETPIPE_SZ, which the C library's module does not export.
            _ = fcntl(output, 1031, 4096)
            let done = try makePipe(nonBlocking: false)
            let report = done.second.number.rawValue
            let expected = (0..<9).map { String(repeating: "\($0)", count: 2000 + $0) + "\n" }.joined()
            Thread.detachNewThread {
                var alarms = sigset_t()
                sigemptyset(&alarms)
                sigaddset(&alarms, SIGALRM)
                pthread_sigmask(SIG_BLOCK, &alarms, nil)
                var all: [UInt8] = []
                var piece = [UInt8](repeating: 0, count: 700)
                while all.count < expected.utf8.count {
                    let count = read(input, &piece, piece.count)
                    if count <= 0 { break }
                    all += piece[..<count]
                    usleep(1000)
                }
                var isRight: UInt8 = all == Array(expected.utf8) ? 1 : 0
                write(report, &isRight, 1)
            }
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { _ in }
            sigaction(SIGALRM, &action, nil)
            var often = itimerval(
                it_interval: timeval(tv_sec: 0, tv_usec: 900),
                it_value: timeval(tv_sec: 0, tv_usec: 900)
            )
            setitimer(__itimer_which_t(ITIMER_REAL.rawValue), &often, nil)
            let pair = try makeSocketPair(.datagram)
            var batch = DatagramBatch(capacity: 16, datagramSize: 4096)
            for number in 0..<9 {
                let bytes = Array(String(repeating: "\(number)", count: 2000 + number).utf8)
                _ = try pair.second.number.send(bytes)
            }
            #expect(try batch.receive(from: pair.first.number) == 9)
            try batch.writeLines(to: pipe.second.number)
            #expect(try done.first.number.read(atMost: 1) == [1])
        }
    }

    @Test("a full disk is reported")
    func fullDisk() throws {
        let full = try openFile("/dev/full", .writeOnly)
        let pair = try makeSocketPair(.datagram)
        var batch = DatagramBatch(capacity: 4, datagramSize: 8)
        try send(["a"], to: pair.second.number)
        _ = try batch.receive(from: pair.first.number)
        do throws(SystemError) {
            try batch.writeLines(to: full.number)
            Issue.record("written to a full disk")
        } catch {
            #expect(error.description == "writev: No space left on device")
        }
    }

    /// A pipe of one page takes two lines of 2048 bytes, or one of 3000 and a part of the next.
    @Test("a line that broke off is ended by the next batch", arguments: [(2047, "b\n"), (2999, "\nb\n")])
    func brokenLine(_ length: Int, _ expected: String) throws {
        let pipe = try makePipe(nonBlocking: true)
        // F_SETPIPE_SZ, which the C library's module does not export.
        #expect(fcntl(pipe.second.number.rawValue, 1031, 4096) == 4096)
        let pair = try makeSocketPair(.datagram)
        var batch = DatagramBatch(capacity: 4, datagramSize: 4096)
        try send([String](repeating: String(repeating: "a", count: length), count: 3), to: pair.second.number)
        #expect(try batch.receive(from: pair.first.number) == 3)
        do throws(SystemError) {
            try batch.writeLines(to: pipe.second.number)
            Issue.record("more was written than there is room for")
        } catch {
            #expect(error == SystemError(.writev, .resourceTemporarilyUnavailable))
        }
        do throws(SystemError) {
            try batch.writeLines(to: pipe.second.number)
            Issue.record("a batch was dropped without a word")
        } catch {
            #expect(error.code == .resourceTemporarilyUnavailable)
        }
        #expect(try pipe.first.number.read(atMost: 8192)?.count == 4096)
        for text in [expected, "b\n"] {
            try send(["b"], to: pair.second.number)
            #expect(try batch.receive(from: pair.first.number) == 1)
            try batch.writeLines(to: pipe.second.number)
            #expect(try pipe.first.number.read(atMost: 8192) == Array(text.utf8))
        }
    }
}
