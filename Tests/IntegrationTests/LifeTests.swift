//===----------------------------------------------------------------------===//
// Quartermaster: tests of master under load: reloaded, stopped, killed, with a log without a reader
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("A master in use", .timeLimit(.minutes(60))) struct LifeTests {
    @Test("25 reloads under load: opened = answered, on TCP and on a UNIX-domain socket")
    func reloadUnderLoad() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve", maxproc: 3), Line.unix("talk", "serve", maxproc: 3)])
        defer { system.end() }
        let master = try system.start()
        let clients = SteadyClients([.port(port), .path(system.queueDirectory + "/public/talk")], each: 3)
        defer { clients.finish() }
        #expect(clients.served(50))
        for round in 0..<25 {
            // Services come, go and change beside those under load.
            let extra = round % 2 == 0 ? [Line.unix("extra\(round)", "serve")] : []
            try system.setServices(Array(system.services.prefix(2)) + extra)
            kill(master.pid, SIGHUP)
            #expect(system.wait(for: " reload -- version ", count: round + 1))
            #expect(clients.served(20), "after reload \(round + 1)")
        }
        let ledger = clients.finish()
        #expect(ledger.losses == [:])
        #expect(ledger.opened == ledger.answered, "\(ledger)")
        #expect(master.isRunning)
        #expect(system.complaints == [], "\(system.log)")
        let settled = eventually { system.processes().count <= 6 }
        #expect(settled, "no child is left over: \(system.processes())")
    }

    @Test("a service removed by a reload while clients use another; its clients are refused only after the reload")
    func removal() throws {
        let (port, other) = (try FreePort.next(), try FreePort.next())
        let system = try MailSystem([Line.inet(port, "serve"), Line.inet(other, "serve")])
        defer { system.end() }
        try system.start()
        #expect(Caller.pid(.port(port)) != nil)
        try system.setServices([Line.inet(other, "serve")])
        #expect(try system.reload())
        #expect(eventually { (try? Caller(.port(port))) == nil }, "nothing listens any more")
        #expect(Caller.pid(.port(other)) != nil)
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test("a new command line takes effect with the next process; a client being served keeps its own")
    func change() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        try system.start()
        let client = try Caller(.port(port))
        #expect(client.send("old "))
        #expect(eventually { !system.servingChildren().isEmpty })
        try system.setServices([Line.inet(port, "argv")])
        #expect(try system.reload())
        #expect(Caller.ask(.port(port))?.hasPrefix("GENERATION=") == true)
        #expect(client.send("client\n"))
        #expect(client.readAll()?.hasSuffix(" old client\n") == true)
    }

    @Test("SIGKILL: the children leave by themselves, and the next master finds the way free")
    func killed() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve"), Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        #expect(Caller.pid(.port(port)) != nil)
        #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil)
        master.send(SIGKILL)
        #expect(master.finish().status == 128 + SIGKILL)
        #expect(eventually { system.processes().isEmpty }, "\(system.processes())")
        try system.start()
        #expect(Caller.pid(.port(port)) != nil)
    }

    @Test(
        "SIGTERM: master dies of it without waiting, its children die with it, and its locks are free at once",
        arguments: [
            SIGTERM, SIGINT, SIGQUIT,
        ]
    )
    func terminated(_ signal: Int32) throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve"), Line.unix("deaf", "stubborn")])
        defer { system.end() }
        let master = try system.start()
        #expect(Caller.pid(.port(port)) != nil)
        let deaf = try #require(Caller.pid(.path(system.queueDirectory + "/public/deaf")))
        master.send(signal)
        #expect(master.finish().status == 128 + signal)
        #expect(system.processes().contains { $0.pid == deaf }, "a child that ignores SIGTERM is not waited for")
        #expect(system.count("terminating on signal \(signal)") == 1)
        let next = try system.start()
        #expect(system.recordedPID == next.pid)
        #expect(eventually { Caller.pid(.port(port)) != nil })
    }

    @Test("a log receiver that never reads: master serves, and what it had to say is in the file in the end")
    func stalledLog() throws {
        let port = try FreePort.next()
        let services = [Line.inet(port, "serve"), "postlog unix-dgram n - n - 1 test-child mode=stall"]
        let system = try MailSystem(services)
        defer { system.end() }
        // That it has started is a line for the receiver, too.
        let master = try system.launch()
        let receiver = system.queueDirectory + "/public/postlog"
        #expect(eventually { access(receiver, F_OK) == 0 }, "\(master.output)")
        try DatagramFlood.fill(receiver)
        let reloads = 12
        for _ in 0..<reloads {
            kill(master.pid, SIGHUP)
            #expect(Caller.pid(.port(port)) != nil, "served while the log is not read")
            // Each reload is a line; signals that come together would be one.
            try system.settle()
        }
        #expect(Caller.pid(.port(port)) != nil)
        master.send(SIGTERM)
        #expect(!master.finish().timedOut)
        #expect(system.count("terminating on signal 15") == 1)
        #expect(system.count(" reload -- version ") == reloads, "what waited went to the file: \(system.log)")
    }

    @Test("clients beyond the process limit wait, and all are answered")
    func limit() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve", maxproc: 2)])
        defer { system.end() }
        try system.start()
        let callers = try (0..<30).map { _ in try Caller(.port(port)) }
        for (number, caller) in callers.enumerated().reversed() {
            #expect(caller.send("number \(number)\n"))
        }
        for (number, caller) in callers.enumerated() {
            #expect(caller.readAll()?.hasSuffix(" number \(number)\n") == true)
        }
        #expect(system.processes().count <= 2)
    }

    @Test(
        "an ordinary user runs a separate mail system with -d, and root is not needed for anything",
        .enabled(if: geteuid() == 0, "SKIPPED: only root can become another user")
    )
    func ordinaryUser() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve"), Line.unix("talk", "serve")], owner: "nobody")
        defer { system.end() }
        try run(["/bin/chown", "-R", "nobody", system.directory])
        let nobody = ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        let attached = try system.launch(["-w"], prefix: nobody).finish()
        #expect(attached.status == 1)
        #expect(attached.output.contains("fatal: the master command is reserved for the superuser"), "\(attached)")

        try system.start(["-d"], prefix: nobody)
        #expect(Caller.pid(.port(port)) != nil)
        #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil)
        try system.setServices(system.services + ["c unix - - y - 1 test-child", "p unix - n n - 1 test-child"])
        #expect(try !system.reload())
        #expect(system.count("line 3: service c: chroot needs root privileges") == 1, "\(system.log)")
        #expect(system.count("line 4: service p: a privileged service needs root privileges") == 1)
        #expect(Caller.pid(.port(port)) != nil)

        try system.setMain(["mail_owner": "mail"])
        let check = try system.launch(["--check"], prefix: nobody).finish()
        #expect(check.status == 1)
        #expect(check.output.contains("and for the mail_owner \"mail\""), "\(check)")
    }
}
