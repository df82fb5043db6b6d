//===----------------------------------------------------------------------===//
// Quartermaster: tests of master with children that misbehave
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("Children that misbehave", .timeLimit(.minutes(60))) struct ChildTests {
    @Test("a missing program: said at once, throttled, the client waits, and is served when the program is there")
    func missingProgram() throws {
        let (port, other) = (try FreePort.next(), try FreePort.next())
        let system = try MailSystem([
            "127.0.0.1:\(port) inet n - n - 5 late-child mode=serve", Line.inet(other, "serve"),
        ])
        defer { system.end() }
        let master = try system.start()
        let begun = ContinuousClock.now
        let client = try Caller(.port(port))
        #expect(client.send("patience\n"))
        let program = system.daemonDirectory + "/late-child"
        #expect(system.wait(for: "warning: master_spawn: exec \(program): No such file or directory"))
        #expect(system.wait(for: "warning: \(program): bad command startup -- throttling"), "\(system.log)")
        #expect(
            system.logLines.contains { $0.contains("warning: process \(program) pid ") && $0.contains("exit status") }
        )
        #expect(Caller.pid(.port(other)) != nil, "others are served meanwhile")
        try system.install(BuiltProducts.path("test-child"), as: "late-child")
        #expect(client.readAll()?.hasSuffix(" patience\n") == true, "released after service_throttle_time")
        // On a slow machine the program may have come too late for the second attempt or the third.
        let attempts = system.count("master_spawn: exec \(program)") + 1
        #expect(
            ContinuousClock.now - begun >= .seconds(2) * (attempts - 1),
            "no attempt while throttled: \(system.log)"
        )
        #expect(master.isRunning)
    }

    @Test("a program that may not be executed")
    func notExecutable() throws {
        let port = try FreePort.next()
        let system = try MailSystem(["127.0.0.1:\(port) inet n - n - 5 plain-file"])
        defer { system.end() }
        try "no program".write(toFile: system.daemonDirectory + "/plain-file", atomically: false, encoding: .utf8)
        try system.start()
        let client = try Caller(.port(port))
        #expect(client.send("x\n"))
        #expect(system.wait(for: "warning: master_spawn: exec \(system.daemonDirectory)/plain-file: Permission denied"))
    }

    @Test("a child that crashes before its first request is throttled and released, again and again")
    func crash() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "crash")], main: ["service_throttle_time": "1s"])
        defer { system.end() }
        try system.start()
        let client = try Caller(.port(port), limit: patience * 2)
        #expect(client.send("x\n"))
        let program = system.daemonDirectory + "/test-child"
        #expect(system.wait(for: "warning: \(program): bad command startup -- throttling", count: 3), "\(system.log)")
        #expect(
            system.logLines.count { $0.contains("warning: process \(program) pid ") && $0.hasSuffix("exit status 3") }
                >= 3
        )
        try system.setServices([Line.inet(port, "serve")])
        #expect(try system.reload())
        #expect(client.readAll()?.hasSuffix(" x\n") == true, "the client that waited since the first crash")
    }

    @Test("a child that ends without fault before its first request: the next one serves, nothing is throttled")
    func earlyExit() throws {
        let port = try FreePort.next()
        let system = try MailSystem([])
        defer { system.end() }
        try system.setServices([Line.inet(port, "exit flag=\(system.dataDirectory)/flag")])
        try system.start()
        #expect(Caller.pid(.port(port)) != nil)
        #expect(FileManager.default.fileExists(atPath: system.dataDirectory + "/flag"), "one ended early")
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test("processes that fail after their first client, one after the other: a hundred lines in ten seconds")
    func mortal() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "mortal")])
        defer { system.end() }
        let master = try system.start()
        let begun = ContinuousClock.now
        for _ in 0..<250 { #expect(Caller.pid(.port(port)) != nil, "\(system.log)") }
        try system.settle()
        // The seconds of the interval are whole ones, so it may be a little shorter.
        let intervals = Int((ContinuousClock.now - begun) / .seconds(9)) + 1
        let told = system.count(" exit status 3")
        #expect((50...100 * intervals).contains(told), "\(told)")
        // A machine on which they take longer may have told of each.
        let isSummedUp =
            told == 250
            || eventually(every: .milliseconds(500)) {
                _ = Caller.pid(.port(port))
                return system.count(" more processes ended, which is not logged one by one") > 0
            }
        #expect(isSummedUp, "\(system.log)")
        #expect(system.count("throttling") == 0, "each was of use")
        #expect(master.isRunning)
    }

    @Test(
        "status records that are garbage, partial, of another life or about others: a message, and service",
        arguments: [
            ("garbage", "sent partial status update ("),
            ("partial", "sent partial status update (5 bytes)"),
            ("dead", "ignoring status update from child pid "),
            ("foreign", "master_status_event: ignoring unknown status: "),
        ]
    )
    func badRecords(_ mode: String, _ message: String) throws {
        let (port, other) = (try FreePort.next(), try FreePort.next())
        let system = try MailSystem([Line.inet(port, mode, maxproc: 1), Line.inet(other, "serve", maxproc: 1)])
        defer { system.end() }
        let master = try system.start()
        let neighbour = try #require(Caller.pid(.port(other)))
        for _ in 0..<20 {
            #expect(Caller.pid(.port(port)) != nil)
            #expect(Caller.pid(.port(other)) == neighbour)
        }
        #expect(system.wait(for: message), "\(system.log)")
        #expect(master.isRunning)
        #expect(system.processes().count == 2)
        #expect(system.count("fatal") + system.count("panic") + system.count("throttling") == 0)
        if mode == "partial" || mode == "garbage" {
            let named = "service 127.0.0.1:\(port)([127.0.0.1]:\(port)): child (pid "
            #expect(system.count(named) >= 1, "\(system.log)")
        }
    }

    @Test("a child that hangs: its client waits, the next clients get other processes")
    func hang() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "hang", maxproc: 1)])
        defer { system.end() }
        try system.start()
        let client = try Caller(.port(port))
        #expect(client.send("x\n"))
        #expect(eventually { system.processes().count == 1 })
        try system.settle()
        #expect(system.processes().count == 1, "it counts as idle, so no other is started")
        let hung = try #require(system.processes().first?.pid)
        try system.setServices([Line.inet(port, "serve", maxproc: 1)])
        #expect(try system.reload())
        #expect(client.readAll()?.hasSuffix(" x\n") == true, "retired by the reload, replaced")
        #expect(eventually { !system.processes().map(\.pid).contains(hung) })
    }

    @Test("a removed service whose child ignores SIGTERM: others are served, SIGKILL after five seconds")
    func stubborn() throws {
        let (port, other) = (try FreePort.next(), try FreePort.next())
        let system = try MailSystem([Line.inet(port, "stubborn"), Line.inet(other, "serve")])
        defer { system.end() }
        try system.start()
        let child = try #require(Caller.pid(.port(port)))
        _ = Caller.pid(.port(other))
        try system.setServices([Line.inet(other, "serve")])
        let removed = ContinuousClock.now
        #expect(try system.reload())
        let clients = SteadyClients([.port(other)])
        defer { clients.finish() }
        #expect(eventually { !ProcessTable.exists(child) })
        #expect(ContinuousClock.now - removed > .seconds(4), "it had its time")
        #expect(clients.served(50))
        let ledger = clients.finish()
        #expect(ledger.losses == [:])
        #expect(ledger.answered == ledger.opened, "\(ledger)")
        let text = "service 127.0.0.1:\(port) was removed, but 1 of its processes ignore SIGTERM -- sending SIGKILL"
        #expect(system.count("warning: " + text) == 1, "\(system.log)")
        #expect((try? Caller(.port(port))) == nil, "and nothing listens on its port")
    }

    @Test("a removed service that comes back while its old child still lingers is served by a new one")
    func removedAndBack() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "stubborn")])
        defer { system.end() }
        try system.start()
        let old = try #require(Caller.pid(.port(port)))
        try system.setServices([])
        #expect(try system.reload())
        try system.setServices([Line.inet(port, "serve")])
        #expect(try system.reload(), "\(system.log)")
        // The old child still listens too, and may take a client; a new one must be among those who answer.
        let fresh = eventually { Caller.pid(.port(port)).map { $0 != old } ?? false }
        #expect(fresh, "\(system.log)")
    }

    @Test("children killed with SIGKILL under load: no more clients are lost than were being served")
    func kills() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve", maxproc: 4)])
        defer { system.end() }
        let master = try system.start()
        let clients = SteadyClients([.port(port)], each: 4)
        defer { clients.finish() }
        var killed = 0
        for _ in 0..<10 {
            #expect(clients.served(20), "\(system.log)")
            guard let child = system.processes().randomElement() else { continue }
            kill(child.pid, SIGKILL)
            killed += 1
            // Dead and buried, so that it is not killed twice.
            let isBuried = system.wait(for: "pid \(child.pid) killed by signal 9")
            #expect(isBuried, "\(system.log)")
        }
        #expect(killed > 0)
        let ledger = clients.finish()
        let lost = ledger.opened - ledger.answered
        #expect(lost <= killed, "each kill cost at most its own client: \(ledger)")
        #expect(
            ledger.losses.keys.allSatisfy { $0.hasSuffix(": none") || $0.hasSuffix(": ") },
            "no client got a wrong answer: \(ledger)"
        )
        #expect(system.logLines.count { $0.hasSuffix("killed by signal 9") } == killed)
        #expect(master.isRunning)
        #expect(Caller.pid(.port(port)) != nil)
    }
}
