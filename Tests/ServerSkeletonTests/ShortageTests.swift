//===----------------------------------------------------------------------===//
// Quartermaster: tests of workers that are idle again after a shortage
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// A worker that can take nothing says TAKEN. Were it to wait for its next client with AVAIL, master would start
/// another process for that one, or at the limit leave it to wait.
struct ShortageTests {
    @Test("no descriptor for a client that another process takes: idle again", arguments: WakeupTests.lookers)
    func descriptors(_ service: String) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", service],
            room: room,
            listeners: [listener.number]
        )
        #expect(try eventually { try child.registration() != nil })
        try child.exhaustDescriptors()
        let client = try room.connect()
        #expect(try child.records(1) == [child.taken()])
        guard case .client = try listener.number.accept() else {
            Issue.record("the server has taken the client")
            return
        }
        #expect(try child.lastRecord() == child.available())
        #expect(try child.registration() != nil)
        #expect(room.log.contains("warning: accept connection: Too many open files"))
        withExtendedLifetime(client) {}
    }

    @Test("no memory to watch a client that was accepted: it is kept, and served when there is some")
    func watch() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix", "serve=lines"],
            room: room,
            listeners: [listener.number]
        )
        let first = try room.connect()
        #expect(try first.exchange("no memory for epoll\n", 1) == "\n")
        #expect(try child.records(2) == [child.taken(), child.available()])
        let second = try room.connect()
        #expect(room.log.contains("watch client: Cannot allocate memory -- trying again, and accepting no clients"))
        #expect(try child.records(1) == [child.taken()], "others are asked")
        #expect(try second.exchange("b\n", 2) == "b\n")
        #expect(try child.lastRecord() == child.available())
        #expect(try child.registration() != nil)
        #expect(try first.exchange("a\n", 2) == "a\n")
    }

    @Test("no memory for a receive: idle again, though a sibling has the lock by then")
    func memory() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix-dgram", "-n", "shared", "serve=datagrams"],
            room: room,
            listeners: [socket.number]
        )
        let sender = try room.sender()
        let lock = try openFile("\(room.queue)/pid/unix-dgram.shared", [.readWrite, .create], mode: 0o600)
        var isTaken = false
        // It gives the lock up for a second; whoever is too slow for that tries again.
        for _ in 0..<30 where !isTaken {
            try sender.send("refuse to receive")
            #expect(try child.records(1) == [child.taken()])
            isTaken = try eventually(within: .milliseconds(900)) { try lock.number.tryExclusiveLock() }
            #expect(try child.records(1) == [child.available()])
        }
        #expect(isTaken)
        #expect(room.log.contains("warning: receive: Cannot allocate memory -- "))
        try lock.close()
        try sender.send("later")
        #expect(room.log.contains("received 1: later"))
        #expect(try child.records(2) == [child.taken(), child.available()])
    }
}
