//===----------------------------------------------------------------------===//
// Quartermaster: tests that no client is left in a queue by the process that was woken for it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import CSpawn
import Foundation
import SystemCalls
import TestSupport
import Testing

/// An idle sibling that takes nothing. It registers before the server does, so that the kernel wakes it first, and the
/// server does not hear of that client.
private final class Sleeper: @unchecked Sendable {
    private let epoll: Int32
    private let lock = NSLock()
    private var thread: Int32 = 0
    private var wasWoken = false

    init(_ endpoint: DescriptorNumber) {
        epoll = cspawn_watch_exclusively(endpoint.rawValue)
        #expect(epoll >= 0)
    }

    deinit { close(epoll) }

    /// Waits while `body` brings a client, which is what wakes it.
    func swallow(_ body: () throws -> Void) throws {
        Thread.detachNewThread { [self] in
            lock.withLock { thread = cspawn_thread() }
            let count = cspawn_wait_exclusively(epoll, 90_000)
            lock.withLock { wasWoken = count == 1 }
        }
        #expect(eventually { isAsleep })
        try body()
        #expect(eventually { lock.withLock { wasWoken } }, "the wake-up was for the sleeper")
    }

    private var isAsleep: Bool {
        let thread = lock.withLock { self.thread }
        let stat = try? String(contentsOfFile: "/proc/self/task/\(thread)/stat", encoding: .utf8)
        return stat?.contains(") S ") == true
    }
}

/// EPOLLEXCLUSIVE.
private let exclusive: UInt32 = 1 << 28

struct WakeupTests {
    /// A server that waits for work.
    private func start(
        _ options: [String],
        _ room: ServerRoom,
        _ listener: borrowing Descriptor,
        parent: Parent = .ours
    ) throws -> ServerChild {
        let child = try ServerChild(
            "test-service",
            options,
            room: room,
            listeners: [listener.number],
            parent: parent
        )
        #expect(try eventually { try child.registration() != nil })
        return child
    }

    @Test(
        "one process is woken for a client under our master, all under another one and where services may block",
        arguments: [
            (Parent.ours, "serve=lines", true), (.foreign, "serve=lines", false), (.ours, "serve=blocking", false),
            (.foreign, "serve=blocking", false), (.ours, "serve=blocking-crowd", false),
        ]
    )
    func registrations(_ parent: Parent, _ service: String, _ isExclusive: Bool) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(["-t", "unix", service], room, listener, parent: parent)
        let isAsExpected = try eventually {
            let events = try child.registration() ?? 0
            return (events & exclusive != 0) == isExclusive && events & 1 != 0
        }
        #expect(isAsExpected)
    }

    @Test("datagrams: one process is woken under our master, all under another one", arguments: [true, false])
    func datagramRegistrations(_ isOurs: Bool) throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let options = ["-t", "unix-dgram", "-l", "serve=datagrams"]
        let child = try start(options, room, socket, parent: isOurs ? .ours : .foreign)
        #expect(try eventually { ((try child.registration() ?? 0) & exclusive != 0) == isOurs })
    }

    @Test("a process that is used up takes the client it was woken for in the same turn")
    func usedUpInTheTurnOfAWakeup() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(["-t", "unix", "-m", "1"], room, listener)
        var first: TestPeer? = try room.connect()
        #expect(try first?.exchange("a\n", 2) == "a\n")
        kill(child.pid, SIGSTOP)
        #expect(eventually { ProcessSnapshot(child.pid)?.state == "T" })
        var second: TestPeer? = try room.connect()
        first = nil
        kill(child.pid, SIGCONT)
        #expect(try second?.exchange("b\n", 2) == "b\n")
        #expect(child.isRunning)
        second = nil
        #expect(child.exit() == 0)
    }

    @Test("a process that is used up looks once more, and stays busy with the client it finds")
    func usedUpLooksOnceMore() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let sleeper = Sleeper(listener.number)
        let child = try start(["-t", "unix", "-m", "1"], room, listener)
        var first: TestPeer? = try room.connect()
        #expect(try first?.exchange("a\n", 2) == "a\n")
        #expect(try child.records(2) == [child.taken(), child.available()])
        var second: TestPeer?
        try sleeper.swallow { second = try room.connect() }
        first = nil
        #expect(try second?.exchange("b\n", 2) == "b\n")
        #expect(try child.records(1) == [child.taken()])
        #expect(try eventually { try child.registration() == nil }, "others are woken for the next one")
        #expect(try child.records(1, within: 200) == [], "busy until the last client leaves")
        second = nil
        #expect(child.exit() == 0)
    }

    @Test("an idle process looks once more before it leaves, and goes on when a client is there")
    func idleLooksOnceMore() throws {
        try inTime(.milliseconds(1800)) { clock in
            let room = try ServerRoom()
            let listener = try room.unixListener()
            let sleeper = Sleeper(listener.number)
            let child = try start(["-t", "unix", "-i", "2", "-v"], room, listener)
            clock.start()
            var client: TestPeer?
            try sleeper.swallow { client = try room.connect() }
            clock.stop()
            #expect(try client?.exchange("a\n", 2) == "a\n")
            #expect(try eventually { try child.registration() != nil })
            #expect(try room.connect().exchange("b\n", 2) == "b\n", "woken as before")
            client = nil
            #expect(child.exit() == 0)
            #expect(room.log.contains("idle timeout -- exiting"))
        }
    }

    @Test("datagrams: a process that is used up, or idle, looks once more", arguments: ["-m", "-i"])
    func datagramsLookOnceMore(_ limit: String) throws {
        try inTime(limit == "-i" ? .milliseconds(1800) : .seconds(3600)) { clock in
            let room = try ServerRoom()
            let socket = try room.datagramSocket()
            let sleeper = Sleeper(socket.number)
            let child = try start(["-t", "unix-dgram", "-l", limit, "2", "serve=datagrams"], room, socket)
            clock.start()
            let sender = try room.sender()
            if limit == "-m" {
                try sender.send("first")
                #expect(room.log.contains("received 1: first"))
            }
            try sleeper.swallow { try sender.send("swallowed") }
            clock.stop()
            if limit == "-m" { try sender.send("last") }
            #expect(room.log.contains(limit == "-m" ? "received 2: last" : "received 1: swallowed"))
            #expect(child.exit() == 0)
        }
    }

    @Test("a service that retires leaves without its registration, and its client to others")
    func retirementGivesUpTheRegistration() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(["-t", "unix", "serve=retiring"], room, listener)
        let client = try room.connect()
        #expect(child.exit() == 0)
        #expect(room.log.contains("table has changed -- restarting"))
        #expect(room.log.contains("hook exit, watching the endpoint: false"))
        guard case .client = try listener.number.accept() else {
            Issue.record("the client was lost")
            return
        }
        _ = client
    }

    static let lookers = ["serve=lines", "serve=blocking", "serve=blocking-crowd"]

    @Test("SIGURG makes an idle process look, and it says that it is idle", arguments: lookers)
    func urgentSignal(_ service: String) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let sleeper = Sleeper(listener.number)
        let child = try start(["-t", "unix", service], room, listener)
        kill(child.pid, SIGURG)
        #expect(try child.records(1) == [child.available()], "no client was there")
        // A plain registration wakes the server anyway.
        guard service == "serve=lines" else { return }
        var client: TestPeer?
        try sleeper.swallow { client = try room.connect() }
        try client?.send("a\n")
        #expect(try client?.receive(2, within: 300) == "", "not heard of yet")
        kill(child.pid, SIGURG)
        #expect(try client?.receive(2) == "a\n")
        #expect(try child.records(3) == [child.available(), child.taken(), child.available()])
    }

    @Test("SIGURG makes a datagram server look")
    func urgentSignalForDatagrams() throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let sleeper = Sleeper(socket.number)
        let child = try start(["-t", "unix-dgram", "-l", "serve=datagrams"], room, socket)
        kill(child.pid, SIGURG)
        #expect(try child.records(1) == [child.available()])
        let sender = try room.sender()
        try sleeper.swallow { try sender.send("swallowed") }
        #expect(!room.log.contains("received 1: swallowed", within: .milliseconds(300)))
        kill(child.pid, SIGURG)
        #expect(room.log.contains("received 1: swallowed"))
        #expect(try child.records(2) == [child.taken(), child.available()])
    }

    @Test("a listener that cannot be watched again is tried once more")
    func failedRegistration() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(["-t", "unix"], room, listener)
        var first: TestPeer? = try room.connect()
        #expect(try first?.exchange("a\n", 2) == "a\n")
        #expect(try child.records(2) == [child.taken(), child.available()])
        try child.limitDescriptors(toMore: 1)
        var others = try (0..<20).map { _ in try room.connect() }
        #expect(room.log.contains("warning: accept connection: Too many open files"))
        #expect(try eventually { try child.registration() == nil })
        #expect(try child.records(1) == [child.taken()])
        #expect(try first?.exchange("no memory for epoll\n", 1) == "\n")
        first = nil
        #expect(
            room.log.contains("warning: watch listener: Cannot allocate memory -- accepting no clients for a moment")
        )
        while !others.isEmpty { #expect(try others.removeFirst().exchange("b\n", 2) == "b\n") }
        #expect(try eventually { try child.registration() != nil })
        #expect(child.isRunning)
    }

    @Test("a TAKEN that finds the channel full is left out with its AVAIL, and the next pair is whole")
    func lostTaken() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(["-t", "unix"], room, listener)
        let client = try room.connect()
        try child.fillStatus(leavingRoomFor: 0)
        for line in ["first\n", "second\n"] { #expect(try client.exchange(line, line.utf8.count) == line) }
        var own: [Record] = []
        while let record = try child.records(1, within: 300).first { if record.pid == child.pid { own.append(record) } }
        #expect(own == [], "master takes it for idle, as it is by now")
        for line in ["third\n", "fourth\n"] {
            #expect(try client.exchange(line, line.utf8.count) == line)
            #expect(try child.records(2) == [child.taken(), child.available()])
        }
    }

    @Test("a full status channel: who cannot take clients says so as soon as there is room, and when it can again")
    func lostTakenOfAPause() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(["-t", "unix"], room, listener)
        try child.fillStatus(leavingRoomFor: 0)
        try child.exhaustDescriptors()
        let client = try room.connect()
        #expect(room.log.contains("warning: accept connection: Too many open files"))
        var said: Record?
        while said != child.taken() {
            guard let record = try child.records(1).first else { break }
            if record.pid == child.pid { said = record }
        }
        #expect(said == child.taken(), "the pause goes on, and others are asked")
        guard case .client = try listener.number.accept() else {
            Issue.record("the server has taken the client")
            return
        }
        #expect(try child.lastRecord() == child.available())
        withExtendedLifetime(client) {}
    }

    @Test("a full status channel holds up no work, and AVAIL comes when there is room")
    func fullStatusChannel() throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try start(["-t", "unix"], room, listener)
        let client = try room.connect()
        try child.fillStatus(leavingRoomFor: 1)
        for line in ["first\n", "second\n", "third\n"] {
            #expect(try client.exchange(line, line.utf8.count) == line)
        }
        var last: Record?
        while let record = try child.records(1, within: last == child.available() ? 300 : patience.milliseconds).first {
            if record.pid == child.pid { last = record }
        }
        #expect(last == child.available())
        #expect(try client.exchange("again\n", 6) == "again\n")
        #expect(try child.records(2) == [child.taken(), child.available()])
    }
}
