//===----------------------------------------------------------------------===//
// Quartermaster: who misbehaves at the control socket, and a master that does not hear
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Synchronization
import SystemCalls
import TestSupport
import Testing

extension ControlTests {
    @Test("who answers need not be master: nothing of it steers a terminal, and a line without end fills no memory")
    func impostor() throws {
        for arguments in [["version"], ["version", "--json"]] {
            let system = try MailSystem([Line.unix("one", "serve")])
            defer { system.end() }
            let address = try #require(SocketAddress(unixPath: system.queueDirectory + "/pid/master.control"))
            let listener = try makeSocket(.unix, .stream)
            try listener.number.bind(to: address)
            try listener.number.listen(backlog: 1)
            let asker = try RunningProcess(
                [BuiltProducts.path("masterctl")] + arguments + ["-c", system.configDirectory]
            )
            #expect(try listener.number.waitForInput(milliseconds: 60_000))
            guard case .client(let client) = try listener.number.accept(blocking: true) else {
                Issue.record("nobody came")
                return
            }
            let red = "\\u001b[31m\\u009b"
            var rest = Array(
                """
                \u{1b}[2J{"type":"news"}
                {"type":"problem","severity":"fatal","text":"\(red)p","file":"\(red)f","cure":"\(red)c"}
                {"type":"change","change":"added","service":"\(red)s"}
                {"type":"progress","text":"\(red)g"}

                """.utf8
            )
            rest += [UInt8](repeating: 0x1b, count: 3 * 1024 * 1024)
            rest += Array("\n{\"type\":\"result\",\"status\":\"failed\",\"text\":\"\(red)r\"}\n".utf8)
            while !rest.isEmpty {
                guard case .bytes(let count) = try client.number.send(rest, waiting: true) else { continue }
                rest.removeFirst(count)
            }
            let result = asker.finish()
            #expect(result.status == 1, "\(result)")
            #expect(result.output.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 32 && $0.value != 0x9b })
            #expect(result.output.utf8.count < 2000 && result.output.contains("[31m"), "\(result)")
        }
    }

    @Test("a master that is stopped hears nobody: that is said, with the cure, and what was asked for is done later")
    func stopped() throws {
        let system = try MailSystem([Line.unix("one", "serve")])
        defer { system.end() }
        let master = try system.start()
        kill(master.pid, SIGSTOP)
        defer { kill(master.pid, SIGCONT) }
        let result = try system.masterctl("verbose", "on")
        #expect(result.status == 1, "\(result)")
        #expect(result.output.contains("master (pid \(master.pid)) is stopped (SIGSTOP or a debugger)"), "\(result)")
        #expect(result.output.contains("let it go on with kill -CONT \(master.pid)"))
        let limited = try system.masterctl("version", "--timeout", "1")
        #expect(limited.status == 1 && limited.output.contains("no answer within 1 s:"), "\(limited)")
        #expect(try system.masterctl("version", "--timeout", "-1").status == 64)
        kill(master.pid, SIGCONT)
        #expect(system.wait(for: ") asks: verbose on"))
        #expect(try system.masterctl("version").succeeded)
    }

    @Test("no master, a dead one, another user's: the reason, and an exit status of its own")
    func notThere() throws {
        let system = try MailSystem([Line.unix("one", "serve")])
        defer { system.end() }
        #expect(try system.masterctl("reload").status == 2)
        let master = try system.start()
        #expect(try system.masterctl("version").output.hasPrefix("Quartermaster "))
        if geteuid() == 0 {
            let nobody = ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
            let result = try system.masterctl("version", prefix: nobody)
            #expect(result.status == 1 && result.output.contains("only root"), "\(result)")
            // Even if the file were open to all, the kernel tells who calls.
            chmod(system.controlSocket, 0o666)
            let refused = try system.masterctl("version", prefix: nobody)
            #expect(refused.status == 1 && refused.output.contains("only root, and the user"), "\(refused)")
            #expect(system.count("warning: control socket: refused user 65534 (pid ") == 1, "\(system.log)")
        }
        master.send(SIGKILL)
        _ = master.finish()
        let dead = try system.masterctl("version")
        #expect(dead.status == 2 && dead.output.contains("no master that can be steered"), "\(dead)")
        try system.start()
        #expect(try system.masterctl("version").succeeded, "the socket of the dead one is out of the way")
    }

    @Test("the socket: of its owner only, gone at the end; what is no socket stays, and a reload tries again")
    func file() throws {
        let system = try MailSystem([Line.unix("one", "serve")])
        defer { system.end() }
        try system.write("precious\n", to: system.controlSocket)
        let master = try system.start()
        #expect(
            system.count("warning: control socket pid/master.control: something that is no socket is in the way") == 1
        )
        #expect(try String(contentsOfFile: system.controlSocket, encoding: .utf8) == "precious\n")
        #expect(try system.reload())
        #expect(system.count("warning: control socket") == 1, "said once")
        unlink(system.controlSocket)
        #expect(try system.reload())
        var facts = stat()
        #expect(stat(system.controlSocket, &facts) == 0 && facts.st_mode == S_IFSOCK | 0o600)
        #expect(try system.masterctl("version").succeeded)
        master.send(SIGTERM)
        _ = master.finish()
        #expect(stat(system.controlSocket, &facts) != 0)
    }

    @Test("garbage, half lines and too much: refused or closed, and everybody else is served")
    func misbehaviour() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        try system.start()
        for (request, reason) in [
            ("reboot", "unknown request"), ("reload\u{7}", "control characters"),
            ("reload\nreload", "something behind"),
            (String(repeating: "x", count: 5000), "too long"), ("\u{0}\u{1}\u{ff}", "control characters"),
        ] {
            #expect(
                system.control(request)?.contains("\"status\":\"refused\",\"text\":\"") == true,
                "\(request.prefix(9))"
            )
            #expect(system.control(request)?.contains(reason) == true, "\(request.prefix(9))")
        }
        // Seven who never finish their line: one place is left for others, and after ten seconds all are.
        let silent = try (0..<7).map { _ in try Caller(.path(system.controlSocket)) }
        for caller in silent { #expect(caller.send("rel")) }
        #expect(system.control("version")?.contains("\"ok\"") == true)
        #expect(Caller.pid(.port(port)) != nil)
        for caller in silent { #expect(caller.readAll() == "", "closed without a word") }
        #expect(system.count(") asks: version") == 1)
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test("a hundred at once all get their answer, while clients are served")
    func crowd() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        try system.start()
        let clients = SteadyClients([.port(port)])
        defer { clients.finish() }
        #expect(clients.served(10))
        let answered = Mutex(0)
        let begun = ContinuousClock.now
        let socket = Place.path(system.controlSocket)
        DispatchQueue.concurrentPerform(iterations: 100) { _ in
            if Caller.ask(socket, "version")?.contains("\"status\":\"ok\"") == true { answered.withLock { $0 += 1 } }
        }
        #expect(answered.withLock { $0 } == 100)
        #expect(clients.served(10))
        let ledger = clients.finish()
        #expect(ledger.losses == [:] && ledger.opened == ledger.answered, "\(ledger)")
        // The seconds of the interval are whole ones, so it may be a little shorter.
        let intervals = Int((ContinuousClock.now - begun) / .seconds(9)) + 1
        let told = system.count(") asks: version")
        #expect((50...min(50 * intervals, 100)).contains(told), "beyond fifty in ten seconds they are counted: \(told)")
    }

    @Test("a client that does not read its long answer is closed, and holds up nobody")
    func stalledReader() throws {
        let system = try MailSystem([Line.unix("one", "serve")])
        defer { system.end() }
        try system.start()
        // More problems than the kernel and master keep for a client.
        let bad = (0..<4000).map { "service-number-\($0) tcp - - n - - c" }.joined(separator: "\n")
        try system.write(bad + "\n", to: system.masterCf)
        let stalled = try Caller(.path(system.controlSocket))
        #expect(stalled.send("check\n"))
        #expect(stalled.peek() || eventually { stalled.peek() })
        for _ in 0..<3 { #expect(Caller.pid(.path(system.queueDirectory + "/public/one")) != nil) }
        #expect(system.control("version")?.contains("\"ok\"") == true)
        // It wakes up too late for the end of its answer.
        #expect(system.isClosed(stalled))
        // One who reads gets a result, whatever did not fit.
        let result = try system.masterctl("check")
        #expect(result.status == 1)
        #expect(
            result.output.hasSuffix("4000 problems: master would not accept this configuration\n"),
            "\(result.output.suffix(300))"
        )
    }
}

extension MailSystem {
    /// Whether master closes this connection, which it has to notice without any reading of ours.
    fileprivate func isClosed(_ caller: Caller) -> Bool {
        eventually(every: .milliseconds(100)) { caller.isHungUp }
    }
}
