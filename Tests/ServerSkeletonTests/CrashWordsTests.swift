//===----------------------------------------------------------------------===//
// Quartermaster: what is written to standard error before a crash reaches the log
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// Standard error of these servers is /dev/null, as under a master in the background.
@Suite struct CrashWordsTests {
    private let room: ServerRoom
    private let child: ServerChild
    private let client: TestPeer

    init() throws {
        let null = try openFile("/dev/null", .readWrite)
        room = try ServerRoom()
        let listener = try room.unixListener()
        child = try ServerChild(
            "test-service",
            ["-t", "unix"],
            room: room,
            listeners: [listener.number],
            // Looking where it happened takes its time, and is not what is looked at here.
            environment: room.environment + ["SWIFT_BACKTRACE=enable=no"],
            errors: null.number
        )
        client = try room.connect()
    }

    /// The fatal messages of the server, from their beginning.
    private var fatal: [String] {
        room.log.text.split(separator: "\n").compactMap { line in
            line.range(of: "]: fatal: ").map { String(line[$0.upperBound...]) }
        }
    }

    @Test("a trap's own words are in the log, and the process dies of its signal")
    func trap() throws {
        try client.send("trap\n")
        let status = try #require(child.exit())
        #expect([1000 + SIGILL, 1000 + SIGTRAP].contains(status))
        #expect(room.log.contains("]: fatal: "))
        #expect(fatal.count == 1, "\(fatal)")
        #expect(fatal.first?.hasSuffix("Fatal error: the trap is sprung") == true, "\(fatal)")
        #expect(room.log.contains("/test-service[\(child.pid)]: fatal: "))
    }

    @Test("what a library says before it aborts is in the log")
    func abort() throws {
        try client.send("abort\n")
        #expect(child.exit() == 1000 + SIGABRT)
        #expect(room.log.contains("]: fatal: "))
        #expect(fatal == ["test-service: line.c:1: check: Assertion `sky == blue' failed."])
    }

    @Test("a crash without words says nothing")
    func silence() throws {
        #expect(try client.exchange("hello\n", 6) == "hello\n")
        #expect(kill(child.pid, SIGSEGV) == 0)
        #expect(child.exit() == 1000 + SIGSEGV)
        #expect(fatal == [])
    }

    @Test("a process whose libraries talk all the time goes on, and its file in memory does not grow")
    func chatter() throws {
        #expect(try client.exchange("chatter\nhello\n", 7) == "\nhello\n")
        let file = "/proc/\(child.pid)/fd/2"
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: file).contains("standard error"))
        var facts = stat()
        #expect(stat(file, &facts) == 0)
        #expect(facts.st_size == 256 * 1024)
        // It is full, and what was said last is not in it: better no words than those of somebody else.
        try client.send("trap\n")
        #expect(child.exit() != nil)
        #expect(fatal == [])
    }

    @Test("a program that a service starts has the standard error that master gave")
    func children() throws { #expect(try client.exchange("errors of a child\n", 11) == "/dev/null\n\n") }

    @Test("where somebody looks at standard error, or asked for messages there, it stays what it is")
    func attached() throws {
        let listener = try room.unixListener("other")
        let null = try openFile("/dev/null", .readWrite)
        let other = try ServerChild(
            "test-service",
            ["-t", "unix", "-V"],
            room: room,
            listeners: [listener.number],
            errors: null.number
        )
        #expect(try room.connect("other").exchange("x\n", 2) == "x\n")
        let target = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(other.pid)/fd/2")
        #expect(target == "/dev/null")
    }
}
