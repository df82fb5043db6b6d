//===----------------------------------------------------------------------===//
// Quartermaster: tests of what operators read, and of lines that have to wait
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import Diagnostics

@Suite struct LogTests {
    let home: TemporaryDirectory

    init() throws { home = try TemporaryDirectory("qm-log") }

    func lines(_ name: String = "log") -> [String] {
        let text = (try? String(contentsOfFile: home.file(name), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map(String.init)
    }

    /// The receiving end of a log: a datagram socket in the test's directory.
    func receiver() throws -> Descriptor {
        let socket = try makeSocket(.unix, .datagram)
        try socket.number.bind(to: #require(SocketAddress(unixPath: home.file("socket"))))
        try socket.number.setNonBlocking(true)
        return socket
    }

    func received(_ socket: DescriptorNumber) throws -> [String] {
        var found: [String] = []
        while let bytes = try socket.read(atMost: 4096) { found.append(String(decoding: bytes, as: UTF8.self)) }
        return found
    }

    /// Logs numbered lines until the receiver, whose queue is the kernel's affair, is full; then some more. How many.
    func overfill(_ log: Log, by more: Int) -> Int {
        var count = 0
        while !log.hasPending, count < 10_000 {
            log.info("line \(count)")
            count += 1
        }
        for number in count..<count + more { log.info("line \(number)") }
        return count + more
    }

    /// `Mar 05 10:00:00 `: fifteen characters and a blank.
    private func isDated(_ line: String, dayPad: Character) -> Bool {
        let characters = Array(line.prefix(16))
        guard characters.count == 16 else { return false }
        return characters[3] == " " && (characters[4] == dayPad || characters[4].isNumber) && characters[6] == " "
            && characters[9] == ":" && characters[12] == ":" && characters[15] == " "
    }

    @Test("a line goes to the file with host, ident and severity")
    func fileSink() {
        let log = Log(
            ident: "postfix/thing",
            host: "mx.example.com",
            destination: .file(home.file("log")),
            waits: false
        )
        log.info("hello")
        log.warning("careful")
        log.error("broken")
        let found = lines()
        let me = processID()
        #expect(
            found.map { String($0.dropFirst(16)) } == [
                "mx postfix/thing[\(me)]: hello",
                "mx postfix/thing[\(me)]: warning: careful",
                "mx postfix/thing[\(me)]: error: broken",
            ]
        )
        #expect(found.allSatisfy { isDated($0, dayPad: "0") })
    }

    @Test("the postlog sink sends the same line without a newline")
    func postlogSink() throws {
        let socket = try receiver()
        let log = Log(
            ident: "postfix/thing",
            host: nil,
            destination: .postlog(socket: home.file("socket"), file: nil),
            waits: false
        )
        log.warning("careful")
        let found = try received(socket.number)
        #expect(found.map { String($0.dropFirst(16)) } == ["amnesiac postfix/thing[\(processID())]: warning: careful"])
        #expect(!log.hasPending)
    }

    @Test("a line for the system's log has its priority and its date")
    func syslogLine() {
        let line = LogLine.syslog(facility: 16, .warning, "postfix/thing[1]: warning: careful")
        #expect(line.hasPrefix("<20>"))
        #expect(isDated(String(line.dropFirst(4)), dayPad: " "))
        #expect(line.dropFirst(20) == "postfix/thing[1]: warning: careful")
        #expect(LogLine.syslog(facility: 16, .info, "x").hasPrefix("<22>"))
        #expect(LogLine.syslog(facility: 16, .error, "x").hasPrefix("<19>"))
        #expect(LogLine.syslog(facility: 16, .fatal, "x").hasPrefix("<18>"))
        #expect(LogLine.syslog(facility: 16, .panic, "x").hasPrefix("<18>"))
    }

    @Test(
        "unprintable bytes become question marks",
        arguments: [
            ("plain", "plain"), ("two\nlines", "two?lines"), ("tab\tbell\u{7}", "tab?bell?"), ("\u{7f}", "?"), ("", ""),
            ("d\u{fc}ne, \u{20ac}, \u{1f426}", "d\u{fc}ne, \u{20ac}, \u{1f426}"), ("\u{9b}2J", "?2J"), ("\u{85}", "?"),
        ]
    )
    func unprintable(_ text: String, _ shown: String) {
        #expect(LogLine.sanitised(text) == shown)
    }

    @Test("bytes that are no UTF-8 become question marks, the text around them stays")
    func invalidBytes() {
        let text = String(decoding: Array("d".utf8) + [0xfc] + Array("n\u{fc}".utf8) + [0xc3], as: UTF8.self)
        #expect(LogLine.sanitised(text) == "d?n\u{fc}?")
    }

    @Test("a text is cut at 2000 bytes, between two characters")
    func cutBetweenCharacters() {
        let cut = LogLine.sanitised("x" + String(repeating: "\u{fc}", count: 1500))
        #expect(cut.utf8.count == 1999)
        #expect(cut == "x" + String(repeating: "\u{fc}", count: 999))
    }

    @Test("another program's name is sanitised like a text")
    func foreignIdent() {
        #expect(LogLine.body(ident: "evil\n\u{1b}[7]", pid: 1, .info, "t") == "evil??[7]: t")
    }

    @Test("a text is cut at 2000 bytes")
    func longText() {
        #expect(LogLine.sanitised(String(repeating: "x", count: 2000)).count == 2000)
        #expect(LogLine.sanitised(String(repeating: "x", count: 2001)).count == 2000)
        #expect(LogLine.body(ident: "a", pid: 1, .warning, String(repeating: "x", count: 5000)).count == 2000 + 15)
    }

    @Test("an ident with brackets brings its own process")
    func identWithProcess() {
        #expect(LogLine.body(ident: "x[99]", pid: 1, .info, "t") == "x[99]: t")
        #expect(LogLine.shortHost("mx.example.com") == "mx")
        #expect(LogLine.shortHost("") == "amnesiac")
    }

    @Test("what is more verbose than asked for is held back")
    func verbosity() {
        let log = Log(ident: "a", host: nil, destination: .file(home.file("log")), waits: false)
        log.verbose(1, "no")
        log.verbosity = 1
        log.verbose(1, "yes")
        log.verbose(2, "no")
        #expect(lines().map { $0.split(separator: " ").last } == ["yes"])
    }
}
