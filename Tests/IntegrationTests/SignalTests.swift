//===----------------------------------------------------------------------===//
// Quartermaster: tests of signals that come in floods, and of endpoints that change their type
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("Floods and changes of type", .timeLimit(.minutes(60))) struct SignalTests {
    @Test("400 times SIGHUP, then SIGTERM: it ends")
    func flood() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve"), Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        let child = try #require(Caller.pid(.port(port)), "\(system.log)")
        for _ in 0..<400 {
            kill(master.pid, SIGHUP)
            // A signal that is still pending swallows the next of its kind.
            usleep(20)
        }
        kill(master.pid, SIGTERM)
        #expect(eventually(within: patience * 5) { !master.isRunning }, "\(system.logLines.suffix(5))")
        #expect(system.count(" terminating on signal 15") == 1, "\(system.logLines.suffix(5))")
        #expect(eventually { !system.processes().map(\.pid).contains(child) })
    }

    @Test("a crash leaves its line in the log, and the children leave", arguments: [SIGSEGV, SIGBUS, SIGILL])
    func crash(_ signal: Int32) throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        let master = try system.start()
        let child = try #require(Caller.pid(.port(port)), "\(system.log)")
        kill(master.pid, signal)
        #expect(eventually(within: patience) { !master.isRunning }, "\(system.logLines.suffix(5))")
        #expect(system.count("]: terminating on signal \(signal)") == 1, "\(system.logLines.suffix(5))")
        #expect(eventually { !system.processes().map(\.pid).contains(child) })
    }

    @Test("two services become another type beside one that cannot be made: their old endpoints answer")
    func refusedChangeOfType() throws {
        let system = try MailSystem([Line.unix("one", "serve"), Line.unix("two", "serve")])
        defer { system.end() }
        let master = try system.start()
        let (one, two) = (system.queueDirectory + "/public/one", system.queueDirectory + "/public/two")
        let before = [one, two].map(inode)
        #expect(Caller.pid(.path(one)) != nil, "\(system.log)")
        let long = String(repeating: "x", count: 200)
        let blocked = system.queueDirectory + "/public/dir"
        try FileManager.default.createDirectory(atPath: blocked, withIntermediateDirectories: false)
        for name in [long, "dir"] {
            try system.setServices([
                "one pass n - n - 5 test-child mode=serve", "two pass n - n - 5 test-child mode=serve",
                Line.unix(name, "serve"),
            ])
            #expect(try !system.reload(), "\(system.log)")
            #expect([one, two].map(inode) == before, "the same sockets in the file system")
            #expect(Caller.pid(.path(one)) != nil, "\(name)")
            #expect(Caller.pid(.path(two)) != nil, "\(name)")
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: system.queueDirectory + "/public").sorted()
        #expect(left == ["dir", "one", "two"], "nothing is left over from the attempts")
        try system.setServices(["one", "two"].map { "\($0) pass n - n - 5 test-child mode=serve" })
        #expect(try system.reload(), "without the bad one the change is accepted: \(system.log)")
        #expect(zip([one, two].map(inode), before).allSatisfy { $0 != $1 }, "new sockets")
        #expect(master.isRunning)
    }

    private func inode(_ path: String) -> UInt64 {
        var facts = stat()
        return stat(path, &facts) == 0 ? UInt64(facts.st_ino) : 0
    }
}
