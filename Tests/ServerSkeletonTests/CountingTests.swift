//===----------------------------------------------------------------------===//
// Quartermaster: tests of what servers count for those who want to see it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing
import WorkerPage

/// A room with the page that our master would have made.
private final class CountedRoom {
    let room: ServerRoom
    private var table: WorkerTable

    init(_ settings: String = "", owner: UserAccount? = nil) throws {
        room = try ServerRoom(settings)
        table = try WorkerTable(
            at: "\(room.queue)/\(WorkerPage.path)",
            owner: owner,
            master: processID(),
            nowMilliseconds: 0
        )
    }

    var path: String { "\(room.queue)/\(WorkerPage.path)" }

    func start(
        _ program: String,
        _ options: [String],
        _ listener: DescriptorNumber,
        parent: Parent = .ours
    ) throws -> ServerChild {
        try ServerChild(program, options, room: room, listeners: [listener], parent: parent)
    }

    func figures(_ service: String) throws -> WorkerFigures? { try WorkerReader.read(path).service(service) }

    /// What our master does when a process is gone.
    func buried(_ child: ServerChild, _ service: String) { table.processEnded(child.pid, of: service) }

    /// Waits until the figures are right; says what they are.
    func become(_ service: String, _ isRight: (WorkerFigures) -> Bool) throws -> WorkerFigures {
        var last: WorkerFigures?
        _ = try eventually {
            last = try figures(service)
            return last.map(isRight) ?? false
        }
        return try #require(last)
    }
}

@Suite("Counters of a server") struct CountingTests {
    @Test("a stream server counts connections, requests, bytes and time, and hangups too")
    func stream() throws {
        let counted = try CountedRoom()
        let listener = try counted.room.unixListener()
        let child = try counted.start("test-service", ["-t", "unix"], listener.number)
        let name = "test-service/unix"
        let client = try counted.room.connect()
        let other = try counted.room.connect()
        #expect(try client.exchange("one\ntwo\nthree\n", 14) == "one\ntwo\nthree\n")
        #expect(try other.exchange("4\n", 2) == "4\n")
        var figures = try counted.become(name) { $0.timed == 4 }
        #expect(figures.processes == 1 && figures.open == 2)
        #expect(figures.counters.prefix(5) == [2, 0, 4, 16, 16])
        #expect(figures.timed == 4 && figures[.handling] > 0)
        // Half a request is none; a request in pieces is one; an answer that is the end counts like any other.
        try client.send("hal")
        figures = try counted.become(name) { $0[.received] == 19 }
        #expect(figures[.requests] == 4)
        #expect(try client.exchange("f\n", 5) == "half\n")
        #expect(try client.exchange("quit\n", 4) == "bye\n")
        #expect(client.isDisconnected())
        figures = try counted.become(name) { $0.open == 1 }
        #expect(figures.counters.prefix(5) == [2, 1, 6, 26, 25])
        #expect(child.isRunning)
    }

    @Test("a reply that goes in pieces, because the client is slow, is counted as it goes")
    func slowClient() throws {
        let counted = try CountedRoom()
        let listener = try counted.room.unixListener()
        let child = try counted.start("test-service", ["-t", "unix"], listener.number)
        let client = try counted.room.connect()
        let size = 64 * 1024
        let count = 20
        try client.send(String(repeating: "big\n", count: count))
        let stalled = try counted.become("test-service/unix") { $0[.sent] > 0 }
        #expect(stalled[.sent] < size * count)
        #expect(try client.receive(size * count).utf8.count == size * count)
        let figures = try counted.become("test-service/unix") { $0[.sent] == size * count }
        #expect(figures[.sent] == size * count && figures[.requests] == count)
        #expect(child.isRunning)
    }

    @Test("a server that is killed leaves what it counted, and its connections are over")
    func killed() throws {
        let counted = try CountedRoom()
        let listener = try counted.room.unixListener()
        let name = "echo/unix"
        for round in UInt64(1)...3 {
            let child = try counted.start("echo", ["-t", "unix"], listener.number)
            let clients = try (0..<5).map { _ in try counted.room.connect() }
            for client in clients { #expect(try client.exchange("hello", 5) == "hello") }
            // Its turns are over when their time is counted.
            #expect(try counted.become(name) { $0.timed == 5 * round }.timed == 5 * round)
            kill(child.pid, SIGKILL)
            #expect(child.exit() == 1000 + SIGKILL)
            let dead = try #require(try counted.figures(name))
            #expect(dead[.requests] == 5 * round, "what it counted is there before anybody buried it")
            counted.buried(child, name)
            let figures = try #require(try counted.figures(name))
            #expect(figures.processes == 0 && figures.open == 0)
            #expect(figures.counters.prefix(5) == [5 * round, 5 * round, 5 * round, 25 * round, 25 * round])
        }
    }

    @Test("a blocking server counts the same", arguments: ["serve=blocking", "serve=blocking-crowd"])
    func blocking(_ kind: String) throws {
        let counted = try CountedRoom()
        let listener = try counted.room.unixListener()
        let child = try counted.start("test-service", ["-t", "unix", "-n", "wait", kind], listener.number)
        do {
            let client = try counted.room.connect()
            #expect(try client.receive(6) == "hello\n")
            #expect(try counted.become("wait/unix") { $0[.sent] == 6 }.open == 1)
            #expect(try client.exchange("ping", 4) == "ping")
            #expect(try client.exchange("pong!", 5) == "pong!")
            let busy = try counted.become("wait/unix") { $0.timed == 2 }
            #expect(busy.counters.prefix(5) == [1, 0, 2, 9, 15])
            #expect(busy[.handling] > 0)
        }
        let figures = try counted.become("wait/unix") { $0.open == 0 }
        #expect(figures.counters.prefix(5) == [1, 1, 2, 9, 15])
        #expect(child.isRunning)
    }

    @Test("a datagram server counts datagrams and what is kept of them")
    func datagrams() throws {
        let counted = try CountedRoom()
        let socket = try counted.room.datagramSocket()
        let child = try counted.start("test-service", ["-t", "unix-dgram", "-l", "serve=datagrams"], socket.number)
        let sender = try counted.room.sender()
        for size in [1, 10, 100, 5000] { try sender.send(String(repeating: "x", count: size)) }
        let figures = try counted.become("test-service/unix-dgram") { $0.timed == 4 }
        #expect(figures.counters.prefix(5) == [0, 0, 4, 111 + 4096, 0])
        #expect(figures.open == 0 && figures.processes == 1)
        #expect(child.isRunning)
    }

    @Test("a passed connection is one connection")
    func passed() throws {
        let counted = try CountedRoom()
        let listener = try counted.room.unixListener()
        let child = try counted.start("test-service", ["-t", "pass"], listener.number)
        let sender = try counted.room.connect()
        let pair = try SocketEnds()
        let client = try pair.peer()
        try sender.socket.number.pass(pair.far)
        pair.closeFar()
        try sender.send("\0")
        #expect(try client.exchange("hello\n", 6) == "hello\n")
        let figures = try counted.become("test-service/pass") { $0.timed == 1 }
        #expect(figures.counters.prefix(5) == [1, 0, 1, 6, 6])
        #expect(child.isRunning)
    }

    @Test("several processes of a service have a row each, and one sum")
    func siblings() throws {
        let counted = try CountedRoom()
        let listener = try counted.room.unixListener()
        let children = try (0..<3).map { _ in try counted.start("echo", ["-t", "unix"], listener.number) }
        #expect(try counted.become("echo/unix") { $0.processes == 3 }.processes == 3)
        for _ in 0..<60 { #expect(try counted.room.connect().exchange("hello", 5) == "hello") }
        let figures = try counted.become("echo/unix") { $0[.closed] == 60 }
        #expect(figures.counters.prefix(5) == [60, 60, 60, 300, 300])
        for child in children { #expect(child.isRunning) }
    }

    @Test(
        "without privileges and in a chroot, the page is counted in as well",
        .enabled(if: geteuid() == 0, "needs root")
    )
    func unprivileged() throws {
        let owner = try #require(try userAccount(named: "nobody"))
        let counted = try CountedRoom("mail_owner = nobody\ndefault_privs = daemon", owner: owner)
        #expect(try facts(ofPath: counted.path).owner == owner.uid)
        chmod(counted.room.directory.path, 0o755)
        let listener = try counted.room.unixListener()
        let child = try counted.start("echo", ["-t", "unix", "-u", "-c"], listener.number)
        #expect(try counted.room.connect().exchange("hello", 5) == "hello")
        #expect(try counted.become("echo/unix") { $0.timed == 1 }[.requests] == 1)
        #expect(child.isRunning)
    }

    @Test("under a master that is not ours nothing is counted, whatever file there is")
    func foreign() throws {
        let counted = try CountedRoom()
        let listener = try counted.room.unixListener()
        let before = try readFile(counted.path).bytes
        let child = try counted.start("echo", ["-t", "unix"], listener.number, parent: .foreign)
        #expect(try counted.room.connect().exchange("hello", 5) == "hello")
        #expect(child.isRunning)
        #expect(try readFile(counted.path).bytes == before)
    }

    enum Obstacle: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case noFile, foreignFile, fifo, directory, link, otherVersion
        var testDescription: String { rawValue }
    }

    @Test("a page that cannot be used is no reason not to serve", arguments: Obstacle.allCases)
    func obstacle(_ obstacle: Obstacle) throws {
        let counted = try CountedRoom()
        let path = counted.path
        if obstacle != .otherVersion { try removeFile(path) }
        switch obstacle {
        case .noFile: break
        case .foreignFile: try Data(count: 667_648).write(to: URL(fileURLWithPath: path))
        case .fifo: try makeFifo(path, mode: 0o600)
        case .directory: #expect(mkdir(path, 0o700) == 0)
        case .link:
            try Data(count: 667_648).write(to: URL(fileURLWithPath: path + ".other"))
            #expect(symlink(path + ".other", path) == 0)
        case .otherVersion:
            let file = try openFile(path, .readWrite)
            try file.number.seek(to: 8)
            #expect(try file.number.write([9]) == .bytes(1))
        }
        let listener = try counted.room.unixListener()
        let child = try counted.start("echo", ["-t", "unix", "-v"], listener.number)
        #expect(try counted.room.connect().exchange("hello", 5) == "hello")
        #expect(counted.room.log.contains("not counting what this process does"))
        #expect(!counted.room.log.text.contains("warning"))
        #expect(child.isRunning)
    }

    @Test("a page that is full is no reason not to serve, and says how many it could not count")
    func full() throws {
        let counted = try CountedRoom()
        let file = try openFile(counted.path, .readWrite)
        try file.number.seek(to: 4096)
        _ = try file.number.write([UInt8](repeating: 1, count: 1024 * 8))
        let listener = try counted.room.unixListener()
        let child = try counted.start("echo", ["-t", "unix"], listener.number)
        #expect(try counted.room.connect().exchange("hello", 5) == "hello")
        #expect(try WorkerReader.read(counted.path).uncounted == 1)
        #expect(child.isRunning)
    }

    @Test("a server whose page is cut off, and filled with nonsense, goes on")
    func cutOff() throws {
        let counted = try CountedRoom()
        let listener = try counted.room.unixListener()
        let child = try counted.start("echo", ["-t", "unix"], listener.number)
        let client = try counted.room.connect()
        #expect(try client.exchange("hello", 5) == "hello")
        let file = try openFile(counted.path, .readWrite)
        _ = try file.number.write([UInt8](repeating: 0xff, count: 667_648))
        #expect(try client.exchange("hello", 5) == "hello")
        #expect(truncate(counted.path, 0) == 0)
        for _ in 0..<3 { #expect(try client.exchange("hello", 5) == "hello") }
        #expect(try counted.room.connect().exchange("hello", 5) == "hello")
        #expect(child.isRunning)
        // A bus error of another kind still ends it.
        kill(child.pid, SIGBUS)
        #expect(child.exit() == 1000 + SIGBUS)
    }
}
