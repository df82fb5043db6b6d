//===----------------------------------------------------------------------===//
// Quartermaster: tests of the last line of a process that crashes
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

@testable import Diagnostics

@Suite struct CrashTests {
    private let home: TemporaryDirectory

    init() throws { home = try TemporaryDirectory("qm-crash") }

    private func check(_ line: Substring?, _ signal: Int32) {
        let text = String(line ?? "")
        let end = "terminating on signal \(signal)"
        #expect(text.contains(" mx postfix/master[") && text.hasSuffix("]: \(end)"), "\(text)")
    }

    @Test("a crash leaves its line in the log file, and ends by the same signal")
    func file() async throws {
        let path = home.file("log")
        await #expect(processExitsWith: .signal(SIGSEGV)) { [path = path as String] in try crash(SIGSEGV, .file(path)) }
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2)
        check(lines.last, SIGSEGV)
    }

    @Test("a crash sends its line to the receiver of the log")
    func receiver() async throws {
        let path = home.file("socket")
        let socket = try makeSocket(.unix, .datagram)
        try socket.number.bind(to: #require(SocketAddress(unixPath: path)))
        try socket.number.setNonBlocking(true)
        await #expect(processExitsWith: .signal(SIGILL)) { [path = path as String] in
            try crash(SIGILL, .postlog(socket: path, file: nil))
        }
        let first = try socket.number.read(atMost: 4096)
        let second = try socket.number.read(atMost: 4096)
        #expect(String(decoding: first ?? [], as: UTF8.self).hasSuffix("all is well"))
        check(Substring(decoding: second ?? [], as: UTF8.self), SIGILL)
    }

    @Test("a process that is stuck leaves its line in the log file, and ends with status 1")
    func stuck() async throws {
        let path = home.file("log")
        await #expect(processExitsWith: .exitCode(1)) { [path = path as String] in
            let log = Log(ident: "postfix/master", host: "mx", destination: .file(path), waits: false)
            // The handler makes no file: there is one already.
            log.info("all is well")
            log.prepareLastWords("watchdog timeout")
            try Watchdog.start(seconds: 3)
            // Stuck: nothing pats the watchdog. Three alarms a second apart, and it bites.
            for _ in 0..<60 { pause(milliseconds: 1000) }
        }
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.last?.hasSuffix("]: fatal: watchdog timeout") == true, "\(lines)")
    }

    @Test("a crash writes nothing through a link that took the place of the log file")
    func link() async throws {
        let (path, secret) = (home.file("log"), home.file("secret"))
        #expect(FileManager.default.createFile(atPath: secret, contents: Data("mine\n".utf8)))
        await #expect(processExitsWith: .signal(SIGBUS)) { [path = path as String, secret = secret as String] in
            let log = Log(ident: "a", host: nil, destination: .file(path), waits: false)
            try catchCrashes(wholeGroup: false)
            log.prepareCrashWords()
            _ = symlink(secret, path)
            raise(SIGBUS)
        }
        #expect(try String(contentsOfFile: secret, encoding: .utf8) == "mine\n")
    }
}

private func crash(_ signal: Int32, _ destination: LogDestination) throws {
    let log = Log(ident: "postfix/master", host: "mx", destination: destination, waits: false)
    log.info("all is well")
    try catchCrashes(wholeGroup: false)
    log.prepareCrashWords()
    raise(signal)
}
