//===----------------------------------------------------------------------===//
// Quartermaster: tests of addresses and queues that change while a service runs
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("Addresses that change at a reload", .timeLimit(.minutes(60))) struct AddressReloadTests {
    private static let nobody = ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]

    /// One service on a port of the addresses of `inet_interfaces`, which are those of loopback.
    private final class Scene {
        let system: MailSystem
        let port: UInt16
        let master: RunningProcess
        private let prefix: [String]

        init(
            _ interfaces: String,
            maxproc: Int = 5,
            main: [String: String] = [:],
            owner: String = MailSystem.owner,
            prefix: [String] = []
        ) throws {
            self.prefix = prefix
            port = try FreePort.next()
            let addresses = ["inet_interfaces": interfaces, "inet_protocols": "all"]
            system = try MailSystem(
                ["\(port) inet n - n - \(maxproc) test-child mode=serve"],
                main: addresses.merging(main) { $1 },
                programs: ["masterctl"],
                owner: owner
            )
            if !prefix.isEmpty { try run(["/bin/chown", "-R", owner, system.directory]) }
            master = try system.start(prefix: prefix)
        }

        func reload(_ interfaces: String) throws -> ProcessResult {
            try system.setMain(["inet_interfaces": interfaces])
            return try system.masterctl("reload", prefix: prefix)
        }

        /// The kernel's numbers of the sockets that listen on the port, by address.
        func listeners() throws -> [String: String] {
            let lines = try run(["/usr/bin/ss", "-Hltne", "sport = :\(port)"]).output.split(separator: "\n")
            return Dictionary(
                lines.compactMap { line in
                    let words = line.split(separator: " ")
                    let inode = words.first { $0.hasPrefix("ino:") }
                    return words.count > 3 ? inode.map { (String(words[3]), String($0)) } : nil
                },
                uniquingKeysWith: { "\($0) \($1)" }
            )
        }

        /// Length of each queue that clients may wait in.
        func queueLengths() throws -> [String] {
            let lines = try run(["/usr/bin/ss", "-Hltn", "sport = :\(port)"]).output.split(separator: "\n")
            return lines.compactMap { line in
                let words = line.split(separator: " ")
                return words.count > 2 ? String(words[2]) : nil
            }
        }
    }

    @Test(
        "addresses come and go under load: a queue that stays loses nothing, and a lost address turns clients away",
        .enabled(if: Loopback.hasIPv6, "SKIPPED: this machine has no IPv6 loopback, so no second address"),
        arguments: [false, true]
    )
    func comeAndGo(isOrdinary: Bool) throws {
        if isOrdinary, geteuid() != 0 { return }
        let scene =
            isOrdinary
            ? try Scene("127.0.0.1", owner: "nobody", prefix: Self.nobody) : try Scene("127.0.0.1")
        let (system, port) = (scene.system, scene.port)
        defer { system.end() }
        let clients = SteadyClients([.port(port)], each: 3)
        defer { clients.finish() }
        try #require(clients.served(30))
        let stays = try #require(try scene.listeners()["127.0.0.1:\(port)"])
        for _ in 0..<3 {
            #expect((try? Caller(.port6(port))) == nil)
            let more = try scene.reload("127.0.0.1, [::1]")
            #expect(more.output.contains("\(port)/inet now listens on ::1 port \(port)\n"), "\(more) \(system.log)")
            #expect(Caller.pid(.port6(port)) != nil)
            let holder = try Caller(.port6(port))
            #expect(holder.send("held "))
            let newcomers = SteadyClients([.port6(port)], each: 1)
            #expect(newcomers.served(5))
            // Who comes while the address goes is turned away; who was there before is served.
            _ = newcomers.finish()
            #expect(newcomers.losses == [:])
            let fewer = try scene.reload("127.0.0.1")
            #expect(fewer.output.contains("\(port)/inet no longer listens on ::1 port \(port)\n"), "\(fewer)")
            #expect((try? Caller(.port6(port))) == nil, "although a process has it still")
            #expect(holder.send("line\n"))
            #expect(holder.readAll()?.hasSuffix(" held line\n") == true)
            #expect(clients.served(5))
        }
        #expect(try scene.listeners()["127.0.0.1:\(port)"] == stays, "the same socket all the time")
        let ledger = clients.finish()
        #expect(ledger.losses == [:])
        #expect(ledger.opened == ledger.answered, "\(ledger)")
        let isClosed = eventually { (try? scene.listeners().keys.contains("[::1]:\(port)")) == false }
        #expect(isClosed, "nobody keeps the lost address open")
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test("the wildcard takes the place of one address under load, and back: nobody is lost")
    func wildcard() throws {
        let scene = try Scene("127.0.0.1", main: ["inet_protocols": "ipv4"])
        let system = scene.system
        defer { system.end() }
        let clients = SteadyClients([.port(scene.port)], each: 3)
        defer { clients.finish() }
        try #require(clients.served(20))
        for _ in 0..<5 {
            for interfaces in ["all", "loopback-only"] {
                #expect(try scene.reload(interfaces).succeeded, "\(system.log)")
                #expect(clients.served(20))
            }
        }
        let ledger = clients.finish()
        #expect(ledger.losses == [:])
        #expect(ledger.opened == ledger.answered, "\(ledger)")
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test(
        "who was in the queue of an address that is taken away is served",
        .enabled(if: Loopback.hasIPv6, "SKIPPED: this machine has no IPv6 loopback, so no second address")
    )
    func queued() throws {
        let scene = try Scene("127.0.0.1, [::1]", maxproc: 1)
        let (system, port) = (scene.system, scene.port)
        defer { system.end() }
        let busy = try Caller(.port(port))
        #expect(busy.send("half "))
        #expect(eventually { system.processes().count == 1 })
        try system.settle()
        let waiting = try (0..<3).map { _ in try Caller(.port6(port)) }
        for (number, client) in waiting.enumerated() { #expect(client.send("\(number)\n")) }
        #expect(try scene.reload("127.0.0.1").succeeded)
        #expect(busy.send("done\n"))
        #expect(busy.readAll()?.hasSuffix(" half done\n") == true)
        for (number, client) in waiting.enumerated() {
            #expect(client.readAll()?.hasSuffix(" \(number)\n") == true, "\(system.log)")
        }
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test(
        "when a new address cannot be had, nothing changes, and who asked hears of each with place and cure",
        .enabled(if: Loopback.hasIPv6, "SKIPPED: this machine has no IPv6 loopback, so no second address")
    )
    func allOrNothing() throws {
        let foreign = [try ForeignListener(), try ForeignListener()]
        let lines = foreign.map { "\($0.port) inet n - n - 2 test-child mode=serve" }
        let system = try MailSystem(
            lines,
            main: ["inet_interfaces": "::1", "inet_protocols": "all"],
            programs: ["masterctl"]
        )
        defer { system.end() }
        let master = try system.start()
        let before = foreign.map { Caller.pid(.port6($0.port)) }
        try system.setMain(["inet_interfaces": "127.0.0.1, [::1]"])
        let refused = try system.masterctl("reload")
        #expect(refused.status == 1)
        for (line, listener) in foreign.enumerated() {
            let text =
                "fatal: \(system.masterCf), line \(line + 1): bind 127.0.0.1 port \(listener.port): Address already"
            #expect(refused.output.contains(text), "\(refused)")
        }
        #expect(refused.output.contains("Stop whatever uses the port"), "\(refused)")
        #expect(foreign.map { Caller.pid(.port6($0.port)) } == before, "the same processes")
        #expect(master.isRunning)
        // A start names all of them, too.
        let other = try MailSystem(lines, main: ["inet_interfaces": "127.0.0.1"])
        defer { other.end() }
        let start = try other.runMaster("-d")
        #expect(start.status == 1)
        for (line, listener) in foreign.enumerated() {
            #expect(other.count(", line \(line + 1): bind 127.0.0.1 port \(listener.port): ") == 1, "\(other.log)")
        }
    }

    @Test("the length of a queue changes with those who are in it, for all services or for one")
    func backlog() throws {
        let scene = try Scene("127.0.0.1", maxproc: 1)
        let (system, port) = (scene.system, scene.port)
        defer { system.end() }
        #expect(try scene.queueLengths() == ["100"], "as Postfix has it")
        let busy = try Caller(.port(port))
        #expect(busy.send("half "))
        #expect(eventually { system.processes().count == 1 })
        let waiting = try (0..<5).map { _ in try Caller(.port(port)) }
        for (number, client) in waiting.enumerated() { #expect(client.send("\(number)\n")) }
        for (name, length) in [("master_listen_backlog", 7), ("\(port)_master_listen_backlog", 200)] {
            try system.setMain([name: "\(length)"])
            let result = try system.masterctl("reload")
            #expect(result.output.contains("another length of the queue: \(port)/inet\n"), "\(result)")
            #expect(try scene.queueLengths() == ["\(length)"])
        }
        try system.setMain(["\(port)_master_listen_backlog": "65536"])
        let bad = try system.masterctl("reload")
        #expect(bad.output.contains("invalid \(port)_master_listen_backlog parameter value 65536 > 65535"), "\(bad)")
        #expect(try scene.queueLengths() == ["7"])
        #expect(busy.send("done\n"))
        #expect(busy.readAll()?.hasSuffix(" half done\n") == true)
        for (number, client) in waiting.enumerated() {
            #expect(client.readAll()?.hasSuffix(" \(number)\n") == true, "\(system.log)")
        }
    }
}
