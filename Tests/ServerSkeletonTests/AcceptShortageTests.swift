//===----------------------------------------------------------------------===//
// Quartermaster: tests of servers that cannot accept for a while, whatever they serve
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// A client stays in the queue, where it makes the endpoint ready again and again: a server that went on looking would
/// do nothing else.
struct AcceptShortageTests {
    /// A server of each kind, what its clients send, and what they get before they are disconnected, or at all.
    struct Kind: Sendable, CustomTestStringConvertible {
        let service: String
        var program = "test-service"
        var sent = "b\n"
        /// Nil: the end of the connection.
        var answer: String?
        var testDescription: String { "\(program) \(service)" }

        static let all = [
            Kind(service: "serve=lines", answer: "b\n"), Kind(service: "serve=events", answer: "b\n"),
            Kind(service: "serve=commands", program: "test-async-service", answer: "b\n"),
            Kind(service: "serve=blocking", sent: "q", answer: "hello\n"),
            Kind(service: "serve=blocking-crowd", sent: "q", answer: "hello\n"),
            Kind(service: "serve=single", sent: "quit\n", answer: "hello\n"), Kind(service: "serve=trigger"),
            Kind(service: "serve=triggers-joined"),
        ]
    }

    /// So many calls for one attempt to accept, its pause and what it tells master, at most.
    private static let callsOfAttempt = 60

    @Test(
        "no memory for accept: tried once a second, and nobody is lost",
        arguments: Kind.all,
        [Parent.ours, .foreign]
    )
    func accept(_ kind: Kind, _ parent: Parent) throws {
        let room = try ServerRoom()
        let listener = try room.unixListener()
        let child = try ServerChild(
            kind.program,
            ["-t", "unix", kind.service],
            room: room,
            listeners: [listener.number],
            parent: parent
        )
        #expect(try eventually { try child.registration() != nil }, "\(room.log.text)")
        let trace = try Traced(child.pid, "-e", "inject=accept4:error=ENOBUFS")
        let begin = ContinuousClock.now
        let clients = try (0..<3).map { _ in try room.connect() }
        for client in clients { try client.send(kind.sent) }
        try expectPauses(trace, since: begin)
        #expect(room.log.count("accept connection: No buffer space available -- accepting no clients") == 1)
        for (number, client) in clients.enumerated() {
            if let answer = kind.answer { #expect(try client.receive(answer.utf8.count) == answer, "client \(number)") }
            if kind.answer == nil || kind.sent == "q" { #expect(client.isDisconnected(), "client \(number)") }
        }
        #expect(child.isRunning)
    }

    @Test("no memory to receive datagrams: the same", arguments: [Parent.ours, .foreign])
    func receive(_ parent: Parent) throws {
        let room = try ServerRoom()
        let socket = try room.datagramSocket()
        let child = try ServerChild(
            "test-service",
            ["-t", "unix-dgram", "-l", "serve=datagrams"],
            room: room,
            listeners: [socket.number],
            parent: parent
        )
        #expect(try eventually { try child.registration() != nil }, "\(room.log.text)")
        let trace = try Traced(child.pid, "-e", "inject=recvmmsg:error=ENOBUFS")
        let begin = ContinuousClock.now
        let sender = try room.sender()
        for text in ["first", "second", "third"] { try sender.send(text) }
        try expectPauses(trace, since: begin)
        #expect(room.log.contains("received 3: third"))
        #expect(child.isRunning)
    }

    /// Waits for a few attempts, counts what the server does meanwhile, and lets it go.
    private func expectPauses(_ trace: Traced, since begin: ContinuousClock.Instant) throws {
        let attempts = { trace.report.split(separator: "\n").count { $0.contains("(INJECTED)") } }
        #expect(eventually { attempts() >= 2 }, "\(trace.report)")
        trace.end()
        let seconds = Int((ContinuousClock.now - begin).components.seconds) + 1
        let calls = trace.report.split(separator: "\n").count
        #expect(attempts() <= seconds + 1, "\(trace.report)")
        #expect(calls <= (seconds + 1) * Self.callsOfAttempt, "\(trace.report)")
    }
}
