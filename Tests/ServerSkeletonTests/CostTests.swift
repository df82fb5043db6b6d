//===----------------------------------------------------------------------===//
// Quartermaster: what a connection, a request and a datagram cost
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// Counts allocations of real processes from the outside. Those of a release build, which a
/// script builds before the tests: others allocate as they please.
@Suite(.enabled(if: hasReleaseBuild, "needs swift build -c release"))
struct CostTests {
    /// A server that counts its allocations into a file.
    final class Scene {
        let room: ServerRoom
        let endpoint: Descriptor
        let child: ServerChild
        private let counter: String

        /// - Parameter endpoint: instead of a socket in the queue directory.
        init(
            _ program: String,
            _ options: [String],
            isDatagram: Bool = false,
            endpoint other: consuming Descriptor? = nil
        ) throws {
            room = try ServerRoom()
            counter = room.directory.file("allocations")
            let library = room.directory.file("malloc_count.so")
            let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().appendingPathComponent("Support/malloc-count/malloc_count.c").path
            let compiler = Process()
            compiler.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            compiler.arguments = ["clang", "-shared", "-fPIC", "-O2", "-o", library, source]
            try compiler.run()
            compiler.waitUntilExit()
            if let other = other.take() {
                endpoint = other
            } else {
                endpoint = isDatagram ? try room.datagramSocket() : try room.unixListener()
            }
            child = try ServerChild(
                "\(releaseDirectory)/\(program)",
                options,
                room: room,
                listeners: [endpoint.number],
                environment: room.environment + ["LD_PRELOAD=\(library)", "MALLOC_COUNT_FILE=\(counter)"]
            )
        }

        func allocations() throws -> UInt64 {
            let data = try #require(FileManager.default.contents(atPath: counter))
            return data.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        }

        /// Status records are read, or the server would wait for its master.
        func drain() throws { while try !child.records(64, within: 0).isEmpty {} }
    }

    @Test("connections allocate nothing")
    func connections() throws {
        let scene = try Scene("echo", ["-t", "unix", "-m", "1000000"])
        func connect(_ count: Int) throws {
            for index in 0..<count {
                #expect(try scene.room.connect().exchange("hello", 5) == "hello")
                if index % 50 == 0 { try scene.drain() }
            }
        }
        // Some clients at once, for the tables to grow to the size they will have.
        do {
            let several = try (0..<20).map { _ in try scene.room.connect() }
            for client in several { #expect(try client.exchange("hello", 5) == "hello") }
        }
        try connect(1000)
        let before = try scene.allocations()
        try connect(5000)
        let after = try scene.allocations()
        #expect(after == before)
    }

    @Test("requests allocate nothing")
    func requests() throws {
        let scene = try Scene("anvil", ["-t", "unix", "-l"])
        let client = try scene.room.connect()
        #expect(try client.receive(25).utf8.count == 25)
        func ask(_ count: Int) throws {
            for index in 0..<count {
                try client.send("request=message\nident=smtp:192.0.2.\(index % 100)\n\n")
                #expect(try client.receive(10) == "status=0\nr")
                var rest = ""
                while !rest.hasSuffix("\n\n") {
                    let more = try client.receive(1)
                    try #require(!more.isEmpty)
                    rest += more
                }
                if index % 50 == 0 { try scene.drain() }
            }
        }
        try ask(200)
        let before = try scene.allocations()
        try ask(2000)
        let after = try scene.allocations()
        #expect(after == before)
    }

    @Test("questions to policyd allocate nothing, whatever they are answered and however much is saved")
    func questions() throws {
        let room = try TemporaryDirectory("qm-policyd")
        let settings = [
            "policyd_state_file=\(room.file("state"))", "policyd_greylist_delay=1h", "policyd_greylist_auto_allow=3",
            "policyd_client_message_limit=1000000", "policyd_sender_recipient_limit=2",
            "policyd_client_allow_list=\(try room.write("203.0.113.0/24\nmail.example.com\n", to: "clients"))",
            "policyd_sender_allow_list=\(try room.write("friend@example.com\n.example.net\n", to: "senders"))",
            "policyd_list_check_interval=1h", "policyd_rate_table_size=1000", "policyd_greylist_table_size=1000",
        ]
        let scene = try Scene("policyd", ["-t", "unix", "-l"] + settings.flatMap { ["-o", $0] })
        let client = try scene.room.connect()
        var answers: Set<String> = []
        func ask(_ count: Int) throws {
            for index in 0..<count {
                let kind = index % 4
                let changes = [
                    "client_address": kind == 0 ? "203.0.113.9" : "2001:db8::\(index % 7)",
                    "sasl_username": kind == 1 ? "joe" : "", "instance": "\(count).\(index)",
                    "client_name": "host\(index).example.org", "protocol_state": kind == 2 ? "END-OF-MESSAGE" : "RCPT",
                ]
                let action = try Policyd.ask(client, "\(index % 1500)@example.com", changes)
                answers.insert(String((action ?? "none").prefix(25)))
                if index % 50 == 0 { try scene.drain() }
            }
        }
        try ask(2000)
        let before = try scene.allocations()
        try ask(6000)
        let after = try scene.allocations()
        #expect(after == before)
        #expect(answers == ["DUNNO", "defer_if_permit 4.2.0 Gre", "defer_if_permit 4.7.1 Too"])
    }

    @Test("a passed connection allocates nothing, and attributes in pieces one block more than in one piece")
    func passedConnections() throws {
        let scene = try Scene("echo", ["-t", "pass", "-m", "1000000"])
        func passed(_ pieces: [String]) throws -> TestPeer {
            let sender = try scene.room.connect()
            let pair = try SocketEnds()
            try sender.socket.number.pass(pair.far)
            pair.closeFar()
            for piece in pieces {
                try sender.send(piece)
                #expect(eventually(every: .milliseconds(1)) { sender.isRead }, "or two would be read as one")
            }
            #expect(sender.isDisconnected(), "closing says that everything has arrived")
            return try pair.peer()
        }
        func pass(_ count: Int, _ pieces: [String]) throws {
            for _ in 0..<count {
                #expect(try passed(pieces).exchange("hello", 5) == "hello")
                try scene.drain()
            }
        }
        func allocations(_ count: Int, _ pieces: [String]) throws -> UInt64 {
            let before = try scene.allocations()
            try pass(count, pieces)
            return try scene.allocations() - before
        }
        let attributes = "client_address\0" + "192.0.2.1\0" + "\0"
        // Some clients at once, for the tables to grow to the size they will have.
        do {
            let several = try (0..<20).map { _ in try passed(["\0"]) }
            for client in several { #expect(try client.exchange("hello", 5) == "hello") }
        }
        try pass(200, ["\0"])
        try pass(5, [attributes])
        #expect(try allocations(500, ["\0"]) == 0)
        let inOnePiece = try allocations(100, [attributes])
        #expect(inOnePiece > 0)
        #expect(try allocations(100, ["client", "_address\0", "192.", "0.2.1", "\0", "\0"]) <= inOnePiece + 100)
    }

    @Test(
        "datagrams that are answered allocate nothing",
        .enabled(if: hasFreshTestService, "SKIPPED: the release build has no such service yet")
    )
    func answers() throws {
        let socket = try makeSocket(.ipv4, .datagram).moved(atLeast: 64)
        try socket.number.tellDestinations(.ipv4)
        try socket.number.bind(to: SocketAddress(ipv4: [0, 0, 0, 0], port: 0))
        try socket.number.setNonBlocking(true)
        let name = try socket.number.name(ofPeer: false)
        let port = try #require(name).port
        let scene = try Scene(
            "test-service",
            ["-t", "udp", "-l", "-m", "1000000", "serve=udp-echo"],
            endpoint: consume socket
        )
        let peers = try (0..<4).map { _ in try DatagramPeer(port: port) }
        func ask(_ count: Int) throws {
            for index in 0..<count {
                for peer in peers { peer.send("\(index)") }
                for peer in peers { #expect(peer.receive()?.text == "\(index)") }
                if index % 20 == 0 { try scene.drain() }
            }
        }
        try ask(500)
        let before = try scene.allocations()
        try ask(2000)
        let after = try scene.allocations()
        #expect(after == before)
    }

    @Test(
        "clients that are served one after the other, and triggers, allocate nothing",
        .enabled(if: access("\(releaseDirectory)/test-service", X_OK) == 0, "needs a release build of test-service"),
        arguments: ["lean-single", "lean-trigger"]
    )
    func oneByOne(_ service: String) throws {
        let scene = try Scene("test-service", ["-t", "unix", "-m", "1000000", "serve=\(service)"])
        func connect(_ count: Int) throws {
            for _ in 0..<count {
                let client = try scene.room.connect()
                // It may have hung up already.
                try? client.send("W")
                #expect(client.isDisconnected())
                try scene.drain()
            }
        }
        try connect(200)
        let before = try scene.allocations()
        try connect(2000)
        #expect(try scene.allocations() == before)
    }

    @Test("nothing that an event service does allocates")
    func events() throws {
        let scene = try Scene("test-service", ["-t", "unix", "-m", "1000000", "serve=lean-events"])
        let upstream = try scene.room.unixListener("upstream")
        let clients = try (0..<20).map { _ in try scene.room.connect() }
        for client in clients { #expect(try client.exchange("x", 1) == "x") }

        /// One of each: a late reply, a timer that is cancelled, a word to all, a pause, a long reply, a descriptor of
        /// its own, an outgoing connection, a client that comes and goes.
        func round(_ client: TestPeer) throws {
            for request in ["t", "c", "d", "x"] { #expect(try client.exchange(request, 1) == request) }
            #expect(try client.exchange("p", 1) == "t")
            try client.send("a")
            for other in clients { #expect(try other.receive(1) == "a") }
            try client.send("b")
            while try client.socket.number.waitForInput(milliseconds: 20) {
                #expect(try client.socket.number.read(atMost: 300_000)?.isEmpty == false)
            }
            // Behind the last of it, should there be more.
            try client.send("x")
            while try client.socket.number.waitForInput(milliseconds: patience.milliseconds) {
                let last = try client.socket.number.read(atMost: 300_000)?.last
                try #require(last != nil)
                if last == UInt8(ascii: "x") { break }
            }
            #expect(try client.exchange("o", 1) == "o")
            guard case .client = try upstream.number.accept() else { throw TestSupportError("nobody came") }
            #expect(try scene.room.connect().exchange("x", 1) == "x")
            try scene.drain()
        }
        for index in 0..<40 { try round(clients[index % 20]) }
        // How much comes to be ready at once, and so how large libevent's lists become, is the machine's affair: they
        // grow a few times and are kept. What a round needs would be seen in every hundred of them.
        var grown: [UInt64] = []
        repeat {
            let before = try scene.allocations()
            for index in 0..<100 { try round(clients[index % 20]) }
            grown.append(try scene.allocations() - before)
        } while grown.last != 0 && grown.count < 4
        #expect(grown.last == 0, "\(grown)")
    }

    @Test("datagrams allocate nothing")
    func datagrams() throws {
        let scene = try Scene("postlogd", ["-t", "unix-dgram", "-l"], isDatagram: true)
        let sender = try scene.room.sender()
        let line = "Mar 05 10:00:00 mx postfix/test[1]: line"
        var sent = 0
        func send(_ count: Int) throws {
            for index in 0..<count {
                try sender.send(line)
                if index % 20 == 0 { try scene.drain() }
            }
            sent += count
            let size = sent * (line.utf8.count + 1)
            let isWritten = try eventually {
                try scene.drain()
                return sizeOfFile(scene.room.directory.file("mail.log")) == size
            }
            #expect(isWritten)
        }
        try send(1000)
        let before = try scene.allocations()
        try send(10_000)
        let after = try scene.allocations()
        #expect(after == before)
    }
}

extension TestPeer {
    /// Whether the server has read everything that was sent.
    fileprivate var isRead: Bool {
        var unread: Int32 = 0
        return ioctl(socket.number.rawValue, UInt(TIOCOUTQ), &unread) == 0 && unread == 0
    }
}

private func sizeOfFile(_ path: String) -> Int {
    var facts = stat()
    return stat(path, &facts) == 0 ? Int(facts.st_size) : 0
}

/// Where `swift build -c release` puts programs, seen from those of the tests.
private var releaseDirectory: String { BuiltProducts.directory + "/../release" }

private var hasReleaseBuild: Bool {
    ["echo", "anvil", "policyd", "postlogd", "test-service"].allSatisfy {
        access("\(releaseDirectory)/\($0)", X_OK) == 0
    }
}

private var hasFreshTestService: Bool {
    let program = FileManager.default.contents(atPath: "\(releaseDirectory)/test-service")
    return program?.range(of: Data("you were first".utf8)) != nil
}
