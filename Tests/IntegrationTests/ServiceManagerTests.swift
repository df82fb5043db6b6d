//===----------------------------------------------------------------------===//
// Quartermaster: tests of a master that a service manager has started
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import TestSupport
import Testing

@Suite("Under a service manager", .timeLimit(.minutes(60))) struct ServiceManagerTests {
    private static let names = [
        "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
    ]

    private func microseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }

    private func environment(ofProcess pid: Int32) throws -> [String] {
        try Data(contentsOf: URL(fileURLWithPath: "/proc/\(pid)/environ")).split(separator: 0)
            .map { String(decoding: $0, as: UTF8.self) }
    }

    @Test("it is told of start, reloads, signs of life and end; children hear nothing of it", arguments: [false, true])
    func notices(_ isAbstract: Bool) throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        let address = isAbstract ? "@quartermaster-\(UUID().uuidString)" : system.directory + "/notify"
        let manager = try NotifyReceiver(address)
        let variables = ["NOTIFY_SOCKET=\(address)", "WATCHDOG_USEC=100000"]
        let master = try system.start(prefix: ["/usr/bin/env"] + variables)
        #expect(eventually { !manager.news.isEmpty }, "\(system.log)")
        #expect(manager.notices.first == "READY=1\nMAINPID=\(master.pid)\nSTATUS=serving 2 services")
        #expect(eventually { manager.notices.count { $0 == "WATCHDOG=1" } > 3 }, "the loop turns")

        let before = microseconds()
        #expect(try system.reload())
        #expect(eventually { manager.news.count == 3 }, "\(manager.news)")
        let begun = try #require(manager.news[1].split(separator: "\n").first { $0.hasPrefix("MONOTONIC_USEC=") })
        let moment = try #require(Int64(begun.dropFirst("MONOTONIC_USEC=".count)))
        #expect(before <= moment && moment <= microseconds())
        #expect(manager.news[1].hasPrefix("RELOADING=1\n"))
        #expect(manager.news[2] == "READY=1\nSTATUS=serving 2 services")

        let good = system.services
        try system.setServices(good + ["nonsense"])
        #expect(try !system.reload())
        #expect(eventually { manager.news.count == 5 }, "\(manager.news)")
        #expect(manager.news[3].hasPrefix("RELOADING=1\n"))
        #expect(
            manager.news[4] == "READY=1\nSTATUS=serving 2 services; the last reload was refused, see the log"
        )

        let child = try #require(Caller.pid(.port(port)), "\(system.log)")
        let inherited = try environment(ofProcess: child)
        #expect(inherited.contains { $0.hasPrefix("GENERATION=") })
        for name in Self.names { #expect(!inherited.contains { $0.hasPrefix("\(name)=") }, "\(inherited)") }

        master.send(SIGTERM)
        #expect(eventually { !master.isRunning })
        #expect(manager.news.last == "STOPPING=1\nSTATUS=terminating on signal 15")
        #expect(system.count("NOTIFY_SOCKET") == 0)
    }

    @Test("an upgrade goes on telling it, and so does the program that gets its process back")
    func upgrades() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let manager = try NotifyReceiver(system.directory + "/notify")
        let variables = ["NOTIFY_SOCKET=\(system.directory)/notify", "WATCHDOG_USEC=100000"]
        let master = try system.start(prefix: ["/usr/bin/env"] + variables)
        func signs() -> Int { manager.notices.count { $0 == "WATCHDOG=1" } }
        func isTold() -> Bool {
            let before = signs()
            return eventually { signs() > before + 3 }
        }
        #expect(isTold())
        kill(master.pid, SIGUSR2)
        #expect(system.wait(for: "goes on where"), "\(system.log)")
        #expect(isTold(), "by the next program")
        // The trial is good; then the file is broken.
        let good = try String(contentsOfFile: system.mainCf, encoding: .utf8)
        try system.install(BuiltProducts.path("master"), as: "master.real")
        let script = """
            #!/bin/sh
            [ "$1" = --try-takeover ] || echo 'mail_owner = nobody-of-this-name' >>\(system.mainCf)
            exec \(system.daemonDirectory)/master.real "$@"

            """
        try PlacedFile.script(script, at: system.daemonDirectory + "/master")
        kill(master.pid, SIGUSR2)
        #expect(system.wait(for: "the program that ran before goes on"), "\(system.log)")
        #expect(isTold(), "by the program that ran before")
        try system.write(good, to: system.mainCf)
        let heard = manager.news.count
        #expect(try system.reload())
        #expect(eventually { manager.news.dropFirst(heard).contains { $0.hasPrefix("RELOADING=1\n") } })
    }

    @Test("in the background the pid is the daemon's", .enabled(if: geteuid() == 0, "SKIPPED: -w is for root"))
    func background() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let manager = try NotifyReceiver(system.directory + "/notify")
        try system.start(["-w"], prefix: ["/usr/bin/env", "NOTIFY_SOCKET=\(manager.address)"])
        let pid = try #require(system.recordedPID)
        defer { kill(pid, SIGTERM) }
        #expect(eventually { !manager.notices.isEmpty })
        #expect(manager.notices == ["READY=1\nMAINPID=\(pid)\nSTATUS=serving 2 services"])
    }

    @Test("nobody at the address is one warning, and everything goes on")
    func nobodyThere() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        let variables = ["NOTIFY_SOCKET=\(system.directory)/nobody", "WATCHDOG_USEC=20000"]
        try system.start(prefix: ["/usr/bin/env"] + variables)
        for _ in 0..<3 { #expect(try system.reload()) }
        #expect(Caller.pid(.port(port)) != nil)
        let text = "warning: NOTIFY_SOCKET \(system.directory)/nobody: connect: No such file or directory"
        #expect(system.count(text) == 1, "\(system.log)")
        #expect(system.count("NOTIFY_SOCKET") == 1, "\(system.log)")
    }

    @Test("what is no address and no number is a warning each")
    func nonsense() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let script = "LISTEN_PID=$$ exec \"$@\""
        let variables = ["NOTIFY_SOCKET=here", "WATCHDOG_USEC=soon", "LISTEN_FDS=many"]
        try system.start(prefix: ["/usr/bin/env"] + variables + ["/bin/sh", "-c", script, "sh"])
        #expect(
            system.count("warning: NOTIFY_SOCKET: here is no address of a UNIX-domain socket") == 1,
            "\(system.log)"
        )
        #expect(system.count("warning: LISTEN_FDS: bad number: many") == 1, "\(system.log)")
        #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil)
    }

    @Test("sockets that were opened for it are served, by address and by name; the others are closed")
    func offered() throws {
        let ports = try FreePort.several(2)
        let system = try MailSystem([
            Line.inet(ports[0], "argv"), Line.unix("talk", "serve"), Line.inet(ports[1], "serve"),
        ])
        defer { system.end() }
        let path = system.directory + "/talk"
        let variables = [
            "OFFER_PORT=\(ports[0])", "OFFER_PATH=\(path)", "LISTEN_FDNAMES=unknown:talk:deaf:talk",
        ]
        // The manager's soft limit has no room for copies of them.
        let limited = ["/bin/sh", "-c", "ulimit -S -n 16; exec \"$@\"", "sh"]
        let starter = ["/usr/bin/env"] + variables + [system.daemonDirectory + "/test-child", "start-offered"]
        let master = try system.start(prefix: limited + starter)
        for text in [
            "service 127.0.0.1:\(ports[0]): the service manager has opened 127.0.0.1 port \(ports[0])",
            "service talk: the service manager has opened \(path)",
            "warning: LISTEN_FDS: no service wants descriptor 5 \"deaf\" (a socket that does not listen): it is closed",
            "warning: LISTEN_FDS: no service wants descriptor 6 \"talk\" (neither a socket nor a FIFO): it is closed",
        ] { #expect(system.count(text) == 1, "\(text) in \(system.log)") }
        // Its port could not be bound beside the one that was handed over: that one does not share it.
        let said = try #require(Caller.ask(.port(ports[0])), "\(system.log)")
        #expect(said.contains(" test-child -n 127.0.0.1:\(ports[0]) -t inet "), "\(said)")
        #expect(!FileManager.default.fileExists(atPath: system.queueDirectory + "/public/talk"), "nothing was made")
        let child = try #require(Caller.pid(.path(path)), "\(system.log)")
        #expect(Caller.pid(.port(ports[1])) != nil, "what was not handed over was made")

        let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(child)/fd").compactMap { Int($0) }
        #expect(open.sorted() == Array(0...6), "nothing else is open in a child")
        let inherited = try environment(ofProcess: child)
        for name in Self.names { #expect(!inherited.contains { $0.hasPrefix("\(name)=") }, "\(inherited)") }

        #expect(try system.reload(), "\(system.log)")
        #expect(Caller.ask(.port(ports[0])) != nil && Caller.pid(.path(path)) != nil, "\(system.log)")
        try system.setServices([Line.inet(ports[0], "argv")])
        #expect(try system.reload(), "\(system.log)")
        #expect(FileManager.default.fileExists(atPath: path), "the file is the manager's")
        #expect(master.isRunning)
    }

    @Test("descriptors that are meant for another process are closed without a word")
    func foreign() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        try system.start(prefix: ["/usr/bin/env", "LISTEN_FDS=3", "LISTEN_PID=1", "LISTEN_FDNAMES=a:b:c"])
        #expect(system.count("LISTEN_FD") == 0, "\(system.log)")
        #expect(Caller.pid(.port(port)) != nil)
    }

    /// How a system on a port and a path that are handed over is started.
    private func starter(_ word: String, _ system: MailSystem, _ port: UInt16, _ path: String) -> [String] {
        let variables = ["OFFER_PORT=\(port)", "OFFER_PATH=\(path)", "LISTEN_FDNAMES=:talk::"]
        return ["/usr/bin/env"] + variables + [system.daemonDirectory + "/test-child", word]
    }

    @Test(
        "sockets that were closed to clients when master was killed are open under the next one, and stay so without one",
        .enabled(if: geteuid() == 0, "SKIPPED: only root can open a listener again")
    )
    func keptSockets() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve"), Line.unix("talk", "serve")])
        defer { system.end() }
        let path = system.queueDirectory + "/public/handed"
        try system.start(prefix: starter("start-again", system, port, path))
        let places = [Place.port(port), .path(path)]
        let names = ["127.0.0.1:\(port)", "talk"]
        for (name, place) in zip(names, places) {
            #expect(Caller.pid(place) != nil, "\(system.log)")
            #expect(try system.masterctl("disable", name).succeeded)
            #expect((try? Caller(place)) == nil, "\(name) is closed")
        }
        let first = try #require(system.recordedPID)
        kill(first, SIGKILL)
        #expect(system.wait(for: "daemon started -- version ", count: 2), "\(system.log)")
        for place in places { #expect(Caller.pid(place) != nil, "\(system.log)") }
        #expect(system.recordedPID != first)
        #expect(system.count("turn clients away") == 0, "\(system.log)")

        // Without a service they are the manager's, as they were.
        for name in names { #expect(try system.masterctl("disable", name).succeeded) }
        try system.setServices([])
        #expect(try system.reload(), "\(system.log)")
        for place in places { #expect(throws: Never.self) { _ = try Caller(place) } }
        #expect(!FileManager.default.fileExists(atPath: path + " refused"))
    }

    @Test(
        "who could not open a socket again that is handed over does not close it to clients: they wait",
        .enabled(if: geteuid() == 0, "SKIPPED: only root can become another user")
    )
    func keptOpen() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")], programs: ["masterctl"], owner: "nobody")
        defer { system.end() }
        try run(["/bin/chown", "-R", "nobody", system.directory])
        let nobody = ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        let prefix = nobody + starter("start-offered", system, port, system.queueDirectory + "/public/handed")
        try system.start(prefix: prefix)
        let name = "127.0.0.1:\(port)"
        #expect(Caller.pid(.port(port)) != nil, "\(system.log)")
        #expect(try system.masterctl("drain", name, "--refuse", prefix: nobody).output.contains("new clients wait"))
        let text = "service \(name): cannot turn clients away: setsockopt: Operation not permitted -- they wait instead"
        #expect(system.count("warning: " + text) == 1, "\(system.log)")
        let waiting = try Caller(.port(port))
        #expect(waiting.send("patient\n"))
        #expect(try system.masterctl("resume", name, prefix: nobody).succeeded)
        #expect(waiting.readAll()?.hasSuffix(" patient\n") == true)
    }

    @Test(
        "every end that was asked for is announced, and the page says that it was",
        arguments: ["stop", "-e", "TERM"]
    )
    func farewell(_ end: String) throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let manager = try NotifyReceiver(system.directory + "/notify")
        let options = end == "-e" ? ["-d", "-e", "1"] : ["-d"]
        // Not `start`: with -e it may have ended by the time that is looked at.
        let master = try system.launch(options, prefix: ["/usr/bin/env", "NOTIFY_SOCKET=\(manager.address)"])
        #expect(system.wait(for: "daemon started -- version "), "\(master.output)")
        if end == "stop" { #expect(try system.masterctl("stop").succeeded) }
        if end == "TERM" { master.send(SIGTERM) }
        _ = master.finish()
        let reasons = [
            "stop": "stopped, as was asked", "-e": "exit time has arrived", "TERM": "terminating on signal 15",
        ]
        #expect(manager.news.last == "STOPPING=1\nSTATUS=\(reasons[end] ?? "")", "\(manager.news)")
        #expect(try system.page().master.state == .stopping)
    }
}
