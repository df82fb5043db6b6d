//===----------------------------------------------------------------------===//
// Quartermaster: tests of async services under our master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("Async services under our master", .timeLimit(.minutes(60))) struct AsyncServiceTests {
    private static let program = "test-async-service"

    /// A mail system with that one service, and a log that its processes reach.
    private func system(_ service: String) throws -> MailSystem {
        let lines = ["\(service) \(Self.program)", "postlog unix-dgram n - n - 1 postlogd"]
        return try MailSystem(lines, programs: [Self.program, "postlogd"])
    }

    @Test("reloads under load: every line that was sent on a connection came back, also across a reload")
    func reloads() throws {
        let port = try FreePort.next()
        let system = try system("127.0.0.1:\(port) inet n - n - 3")
        defer { system.end() }
        try system.start()
        let clients = LineClients(.port(port), count: 6)
        defer { clients.finish() }
        #expect(clients.answered(50))
        for round in 0..<8 {
            #expect(try system.reload(), "\(system.log)")
            #expect(clients.answered(30), "after reload \(round + 1)")
        }
        let ledger = clients.finish()
        #expect(ledger.losses == [], "\(ledger)")
        #expect(ledger.sent == ledger.answered && ledger.answered > 250, "\(ledger)")
        #expect(eventually { system.processes(Self.program).count <= 3 }, "those that were replaced have left")
        #expect(system.complaints == [] && system.count("fatal") == 0, "\(system.log)")
    }

    @Test("processes that are used up after a few clients: nothing is lost")
    func usedUp() throws {
        let port = try FreePort.next()
        let system = try system("127.0.0.1:\(port) inet n - n - 1")
        try system.setMain(["max_use": "3"])
        defer { system.end() }
        try system.start()
        // One after the other, so that there are moments without a client.
        let clients = LineClients(.port(port), count: 1, lines: 1)
        defer { clients.finish() }
        #expect(clients.answered(60))
        let ledger = clients.finish()
        #expect(ledger.losses == [], "\(ledger)")
        #expect(ledger.sent == ledger.answered)
        #expect(system.wait(for: "hook exit", count: 6), "\(system.log)")
    }

    @Test("master is killed in the middle of a request: it is answered, and the process leaves")
    func killed() throws {
        let port = try FreePort.next()
        let system = try system("127.0.0.1:\(port) inet n - n - 3")
        defer { system.end() }
        let master = try system.start()
        let client = try Caller(.port(port))
        #expect(client.send("hello\n"))
        #expect(client.readLine() == "hello\n")
        #expect(client.send("sleep 500\n"))
        master.send(SIGKILL)
        #expect(master.finish().status == 128 + SIGKILL)
        #expect(client.readLine() == "slept\n")
        #expect(client.send("quit\n"))
        #expect(client.readAll() == "bye\n")
        #expect(eventually { system.processes(Self.program).isEmpty }, "\(system.processes(Self.program))")
    }

    @Test(
        "with unpriv and chroot the process is the mail owner in its jail, and nothing else",
        .enabled(if: geteuid() == 0, "SKIPPED: only root can give up privileges")
    )
    func privileges() throws {
        let system = try system("jailed unix n y y - 1")
        defer { system.end() }
        try system.start()
        let client = try Caller(.path(system.queueDirectory + "/public/jailed"))
        let owner = try #require(getpwnam(MailSystem.owner)).pointee
        #expect(client.send("ids\n"))
        #expect(client.readLine() == "\(owner.pw_uid) \(owner.pw_uid) \(owner.pw_gid)\n")
        let pid = try #require(system.processes(Self.program).first?.pid)
        let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
        func field(_ name: String) -> [String] {
            let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") } ?? ""
            return line.split { $0 == "\t" || $0 == " " }.dropFirst().map(String.init)
        }
        #expect(field("Uid") == Array(repeating: String(owner.pw_uid), count: 4))
        #expect(field("Gid") == Array(repeating: String(owner.pw_gid), count: 4))
        #expect(!field("Groups").contains("0"))
        for name in ["CapEff", "CapPrm", "CapAmb"] { #expect(field(name) == ["0000000000000000"], "\(name)") }
        #expect(field("Threads") == ["1"])
        let root = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/root")
        #expect(root == system.queueDirectory)
        // What it needs of the outside it has still.
        #expect(system.wait(for: "prepared by uid 0, made by uid \(owner.pw_uid)"), "\(system.log)")
        #expect(client.send("spread 10\n"))
        #expect(client.readLine() == "11 steps, 1 threads\n")
    }
}
