//===----------------------------------------------------------------------===//
// Quartermaster: tests of a master that was started in adverse circumstances
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// What the starter of master forgot to tidy, or limited, must not matter.
@Suite("Hostile starts", .timeLimit(.minutes(60))) struct HostileStartTests {
    /// The test child as a starter of master.
    private func starter(_ system: MailSystem, _ word: String) -> [String] {
        [system.daemonDirectory + "/test-child", word]
    }

    @Test("every signal blocked: children are reaped, SIGHUP reloads, SIGTERM ends it")
    func blockedSignals() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        let master = try system.start(prefix: starter(system, "start-blocked"))
        let child = try #require(Caller.pid(.port(port)), "\(system.log)")
        kill(child, SIGKILL)
        #expect(eventually { !ProcessTable.exists(child) }, "reaped")
        #expect(system.wait(for: "pid \(child) killed by signal 9"), "\(system.log)")
        #expect(Caller.pid(.port(port)).map { $0 != child } == true, "and replaced")
        #expect(try system.reload())
        master.send(SIGTERM)
        #expect(eventually { !master.isRunning })
    }

    @Test("descriptors 0 to 2 closed: nothing of ours gets their numbers")
    func closedDescriptors() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        let master = try system.start(prefix: starter(system, "start-closed"))
        let child = try #require(Caller.pid(.port(port)), "\(system.log)")
        for (pid, number) in [(child, 0), (child, 1), (child, 2), (master.pid, 0), (master.pid, 1), (master.pid, 2)] {
            let link = "/proc/\(pid)/fd/\(number)"
            #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: link)) == "/dev/null", "\(link)")
        }
        #expect(try system.reload())
        let text = try String(contentsOfFile: system.pidFile, encoding: .utf8)
        #expect(text.utf8.count == 33, "nothing was written behind the pid: \(text)")
        #expect(system.recordedPID == master.pid)
    }

    @Test("services beyond the limit of descriptors: the reload is refused, the old services answer")
    func descriptorLimit() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve"), Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start(prefix: starter(system, "start-limited"))
        let old = system.services
        #expect(Caller.pid(.port(port)) != nil, "\(system.log)")
        try system.setServices(old + (0..<80).map { Line.unix("more\($0)", "serve") })
        #expect(try !system.reload(), "\(system.log)")
        #expect(system.count("Too many open files") >= 1, "\(system.log)")
        #expect(master.isRunning)
        #expect(Caller.pid(.port(port)) != nil)
        #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil)
        #expect(!FileManager.default.fileExists(atPath: system.queueDirectory + "/public/more0"))
        try system.setServices(old + [Line.unix("more", "serve")])
        #expect(try system.reload(), "what fits is accepted")
        #expect(Caller.pid(.path(system.queueDirectory + "/public/more")) != nil)
    }

    @Test("a lifetime that no number can hold")
    func longestLifetime() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        let master = try system.start(["-d", "-e", "99999999999999"])
        #expect(Caller.pid(.port(port)) != nil, "\(system.log)")
        #expect(master.isRunning)
    }

    @Test("a service program that is a script without an interpreter line runs as it does from a shell")
    func script() throws {
        let port = try FreePort.next()
        let system = try MailSystem(["127.0.0.1:\(port) inet n - n - 1 script mode=argv {a b}"])
        defer { system.end() }
        let program = system.daemonDirectory + "/script"
        try PlacedFile.script("exec '\(system.daemonDirectory)/test-child' \"$@\"\n", at: program)
        try system.start()
        let said = Caller.ask(.port(port))
        #expect(said?.hasSuffix(" mode=argv a b\n") == true, "\(said ?? system.log)")
        #expect(system.complaints == [], "\(system.log)")
    }
}
