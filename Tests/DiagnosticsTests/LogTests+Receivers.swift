//===----------------------------------------------------------------------===//
// Quartermaster: logs whose receiver is full, gone or replaced
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import Diagnostics

extension LogTests {
    @Test("a full receiver does not make the sender wait, and loses nothing")
    func fullReceiver() throws {
        let socket = try receiver()
        let log = Log(
            ident: "a",
            host: nil,
            destination: .postlog(socket: home.file("socket"), file: home.file("log")),
            waits: false
        )
        // There is no reader: a log that waited would do so for ever.
        let count = overfill(log, by: 90)
        #expect(log.hasPending)
        var found: [String] = []
        for _ in 0..<count where found.count < count {
            found += try received(socket.number)
            log.flush()
        }
        #expect(!log.hasPending)
        #expect(found.map { $0.split(separator: " ").last } == (0..<count).map { Substring("\($0)") }, "in their order")
        #expect(lines() == [], "the file was not needed")
    }

    @Test("what no receiver took goes to the file in the end")
    func linesAtTheEnd() throws {
        let socket = try receiver()
        let log = Log(
            ident: "a",
            host: nil,
            destination: .postlog(socket: home.file("socket"), file: home.file("log")),
            waits: false
        )
        let count = overfill(log, by: 90)
        log.finish()
        let all = try received(socket.number) + lines()
        #expect(all.map { $0.split(separator: " ").last } == (0..<count).map { Substring("\($0)") })
    }

    @Test("lines that the queue has no room for go to the file")
    func fullQueue() throws {
        let socket = try receiver()
        let log = Log(
            ident: "a",
            host: nil,
            destination: .postlog(socket: home.file("socket"), file: home.file("log")),
            waits: false
        )
        // One line waits when the receiver is full.
        let count = overfill(log, by: LogSink.queueLimit - 1)
        #expect(lines() == [])
        for number in count..<count + 150 { log.info("line \(number)") }
        #expect(lines().count == 150)
        log.finish()
        #expect(try received(socket.number).count + lines().count == count + 150)
    }

    // Those that close a receiver run in a process of their own: a child that another test is just starting would keep
    // it open until its exec.

    @Test("without a receiver, lines go to the file")
    func noReceiver() async {
        await #expect(processExitsWith: .success) {
            let test = try LogTests()
            let log = Log(
                ident: "a",
                host: nil,
                destination: .postlog(socket: test.home.file("socket"), file: test.home.file("log")),
                waits: false
            )
            log.info("nobody there")
            #expect(test.lines().count == 1)
            let socket = try test.receiver()
            log.info("now there is")
            #expect(try test.received(socket.number).count == 1)
            try removeFile(test.home.file("socket"))
            _ = consume socket
            log.info("gone again")
            #expect(test.lines().map { $0.split(separator: " ").last } == ["there", "again"])
        }
    }

    @Test("a receiver that was replaced is found again")
    func newReceiver() async {
        await #expect(processExitsWith: .success) {
            let test = try LogTests()
            var socket = try test.receiver()
            let log = Log(
                ident: "a",
                host: nil,
                destination: .postlog(socket: test.home.file("socket"), file: test.home.file("log")),
                waits: false
            )
            log.info("one")
            #expect(try test.received(socket.number).count == 1)
            try removeFile(test.home.file("socket"))
            socket = try test.receiver()
            for number in 0..<3 { log.info("after \(number)") }
            #expect(
                try test.received(socket.number).count + test.lines().count == 3,
                "in the socket or in the file, none lost"
            )
            #expect(try test.received(socket.number) == [])
            log.info("last")
            #expect(try test.received(socket.number).count == 1)
        }
    }

    @Test("a receiver that was replaced between two lines gets the second")
    func newReceiverBetweenLines() async {
        await #expect(processExitsWith: .success) {
            let test = try LogTests()
            var socket = try test.receiver()
            let log = Log(
                ident: "a",
                host: nil,
                destination: .postlog(socket: test.home.file("socket"), file: nil),
                waits: false
            )
            for round in 0..<3 {
                log.info("before \(round)")
                #expect(try test.received(socket.number).map { $0.hasSuffix("before \(round)") } == [true])
                try removeFile(test.home.file("socket"))
                socket = try test.receiver()
                log.info("after \(round)")
                #expect(try test.received(socket.number).map { $0.hasSuffix("after \(round)") } == [true])
            }
        }
    }

    @Test("redirecting takes along what has no file")
    func redirectedQueue() throws {
        let socket = try receiver()
        let log = Log(
            ident: "a",
            host: nil,
            destination: .postlog(socket: home.file("socket"), file: nil),
            waits: false
        )
        let count = overfill(log, by: 600)
        #expect(log.hasPending)
        log.redirect(to: .file(home.file("other")))
        log.info("line \(count)")
        #expect(!log.hasPending)
        let all = try received(socket.number) + lines("other")
        #expect(all.map { $0.split(separator: " ").last } == (0...count).map { Substring("\($0)") }, "in their order")
    }

    @Test("redirecting sends what waited")
    func redirectedLines() throws {
        let socket = try receiver()
        let log = Log(
            ident: "a",
            host: nil,
            destination: .postlog(socket: home.file("socket"), file: home.file("log")),
            waits: false
        )
        let count = overfill(log, by: 40)
        log.redirect(to: .file(home.file("other")))
        log.info("elsewhere")
        #expect(try received(socket.number).count + lines().count == count)
        #expect(lines("other").count == 1)
    }

    @Test("a daemon waits for its receiver")
    func waitingDaemon() throws {
        let socket = try receiver()
        try socket.number.setNonBlocking(false)
        let log = Log(
            ident: "a",
            host: nil,
            destination: .postlog(socket: home.file("socket"), file: nil),
            waits: true
        )
        let number = socket.number
        Thread.detachNewThread {
            // More than a receive queue holds, so that the writer has to wait for this reader.
            for _ in 0..<400 { _ = try? number.read(atMost: 4096) }
        }
        for number in 0..<400 { log.info("line \(number)") }
        #expect(!log.hasPending)
        #expect(eventually { (try? number.unreadBytes()) == 0 })
    }
}
