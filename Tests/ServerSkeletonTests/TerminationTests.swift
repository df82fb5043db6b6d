//===----------------------------------------------------------------------===//
// Quartermaster: tests of signals and messages that come in the middle of the work
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// Sends numbered lines as fast as they are taken, until told to stop.
private final class Flood: @unchecked Sendable {
    private let lock = NSLock()
    private var isOver = false
    private var isDone = false
    private var count = 0

    private let sender: TestPeer

    init(_ sender: TestPeer) {
        self.sender = sender
        Thread.detachNewThread {
            while !self.lock.withLock({ self.isOver }) {
                let line = "line \(self.count)"
                guard let result = try? self.sender.socket.number.send(Array(line.utf8)) else { break }
                if case .bytes = result { self.count += 1 } else { usleep(50) }
            }
            self.lock.withLock { self.isDone = true }
        }
    }

    /// How many lines were taken in all.
    func stop() throws -> Int {
        lock.withLock { isOver = true }
        guard eventually({ lock.withLock { isDone } }) else { throw TestSupportError("stuck") }
        return count
    }
}

struct TerminationTests {
    @Test("SIGTERM in a flood of datagrams: each is in the file or still in the socket", arguments: 0..<5)
    func terminationLosesNoDatagram(_ round: Int) throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let file = room.directory.file("mail.log")
        let child = try ServerChild("postlogd", ["-t", "unix-dgram", "-l"], room: room, listeners: [socket.number])
        let flood = Flood(try room.sender())
        // As master does, so that the channel has room for reports.
        func readReports() { _ = try? child.records(1000, within: 0) }
        let isBusy = eventually(every: .milliseconds(1)) {
            readReports()
            return contents(file).count > 1000
        }
        #expect(isBusy)
        usleep(UInt32(2000 + 1700 * round))
        kill(child.pid, SIGTERM)
        let hasEnded = eventually(every: .milliseconds(1)) {
            readReports()
            return child.exit(within: .zero) != nil
        }
        #expect(hasEnded)
        #expect(child.exit(within: .zero) == 1000 + SIGTERM, "as the signal demands")
        let sent = try flood.stop()
        var found = contents(file).split(separator: "\n").map(String.init)
        while let bytes = try socket.number.read(atMost: 4096) { found.append(String(decoding: bytes, as: UTF8.self)) }
        #expect(found.count == sent)
        let isInOrder = found == (0..<sent).map { "line \($0)" }
        #expect(isInOrder)
    }

    private func contents(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    @Test("two descriptors in a message for one: refused, and none of them stays open")
    func twoPassedDescriptorsAreRefused() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild("test-service", ["-t", "pass"], room: room, listeners: [listener.number])
        let pipe = try makePipe(nonBlocking: true)
        func refuse() throws {
            let sender = try room.connect()
            #expect(passTwo(sender.socket.number, pipe.first.number, pipe.second.number) == 1)
            // An empty list, for a server that would take the first of them; one that refused is gone already.
            try? sender.send("\0")
            #expect(sender.isDisconnected())
        }
        // The first one may have the server open whatever it opens once.
        try refuse()
        let before = try openDescriptors(child.pid)
        for _ in 0..<10 { try refuse() }
        // Looked at in the middle of something, it may have had one or two more; a leak would be twenty.
        #expect(eventually { ((try? openDescriptors(child.pid)) ?? .max) <= before })
        let message = "receive connection: no descriptor in the message"
        #expect(room.log.contains(message))
        #expect(room.log.count(message) == 1, "one in a minute")
        #expect(child.isRunning)
    }

    private func openDescriptors(_ pid: Int32) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
    }

    /// sendmsg(2) of a byte and two descriptors.
    private func passTwo(_ socket: DescriptorNumber, _ first: DescriptorNumber, _ second: DescriptorNumber) -> Int {
        // struct cmsghdr and its data: 24 bytes without padding.
        var control = (UInt(24), Int32(SOL_SOCKET), Int32(0x01), first.rawValue, second.rawValue)
        var byte: UInt8 = 0
        return withUnsafeMutableBytes(of: &control) { control in
            withUnsafeMutableBytes(of: &byte) { byte in
                var vector = iovec(iov_base: byte.baseAddress, iov_len: 1)
                return withUnsafeMutablePointer(to: &vector) { vector in
                    var message = msghdr()
                    message.msg_iov = vector
                    message.msg_iovlen = 1
                    message.msg_control = control.baseAddress
                    message.msg_controllen = 24
                    return sendmsg(socket.rawValue, &message, Int32(MSG_NOSIGNAL))
                }
            }
        }
    }
}
