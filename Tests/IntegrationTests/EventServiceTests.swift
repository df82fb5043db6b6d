//===----------------------------------------------------------------------===//
// Quartermaster: tests of event services under a real master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("Event services") struct EventServiceTests {
    /// A thousand clients need as many descriptors, here and in the service, which inherits the limit.
    private static let hasRoom: Bool = {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return false }
        limit.rlim_cur = min(limit.rlim_max, 4096)
        return setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 && limit.rlim_cur >= 4096
    }()

    /// A system with the service of the tests, in its own process.
    private func system(_ arguments: String) throws -> MailSystem {
        let system = try MailSystem(["talk unix n - n - 1 talk \(arguments) serve=events"])
        try system.install(BuiltProducts.path("test-service"), as: "talk")
        return system
    }

    private func ask(_ caller: Caller, _ line: String) -> String? { caller.send(line + "\n") ? caller.readLine() : nil }

    @Test("one line reaches a thousand clients of a chat; the room closes at a reload, and the next one opens")
    func chat() throws {
        try #require(Self.hasRoom, "a limit of 4096 descriptors")
        let port = try FreePort.next()
        let system = try MailSystem(["127.0.0.1:\(port) inet n - n - 1 chat"], programs: ["chat"])
        defer { system.end() }
        try system.start()
        let clients = try (0..<1000).map { _ in try Caller(.port(port)) }
        for client in clients { #expect(client.readLine()?.hasPrefix("* /nick") == true) }
        #expect(ask(clients[0], "/nick ada") == "* so it is\n")
        #expect(ask(clients[1], "/who") == "* clients here: 1000\n")
        #expect(clients[0].send("hello to all\r\n"))
        let heard = clients.dropFirst().count { $0.readLine() == "ada: hello to all\n" }
        #expect(heard == 999)
        #expect(!clients[0].peek(), "the speaker knows")

        try system.setMain(["max_idle": "77s"])
        #expect(try system.reload())
        let closed = clients.count { $0.readAll() == "* the room is closed: connect again\n" }
        #expect(closed == 1000)
        let (first, second) = (try Caller(.port(port)), try Caller(.port(port)))
        #expect(first.readLine() != nil && second.readLine() != nil)
        #expect(first.send("a new room\n"))
        #expect(second.readLine() == "guest1: a new room\n")
    }

    @Test("a reload in the middle of a request: its client loses nothing, and new ones are served at once")
    func reloaded() throws {
        let system = try system("finish=300")
        defer { system.end() }
        try system.start()
        let place = Place.path(system.queueDirectory + "/public/talk")
        let client = try Caller(place)
        let other = try Caller(place)
        let before = try #require(ask(client, "pid"))
        #expect(ask(other, "pid") == before)
        #expect(client.send("later 1500 promised before\npart of a req"))
        try system.setMain(["max_idle": "77s"])
        #expect(try system.reload())
        // Who comes before that is accepted by the old process.
        #expect(eventually { ask(other, "pid") != before })
        // With a process limit of one: master takes the old process for ended.
        let next = try Caller(place)
        let fresh = try #require(ask(next, "pid"))
        #expect(fresh != before)
        #expect(client.send("uest\n"))
        #expect(client.readLine() == "part of a request\n")
        #expect(client.readLine() == "promised before\n")
        #expect(ask(client, "reason") == "replaced\n")
        let heir = try #require(ask(client, "pid"))
        #expect(heir != before && heir != fresh)
        #expect(client.finish() && other.finish())
        let pid = try #require(Int32(heir.dropLast()))
        #expect(eventually { !ProcessTable.exists(pid) })
        #expect(next.finish())
    }

    @Test("master is killed in the middle of a request: its client loses nothing, and then the process ends")
    func killed() throws {
        let system = try system("finish=300")
        defer { system.end() }
        let master = try system.start()
        let client = try Caller(.path(system.queueDirectory + "/public/talk"))
        let before = try #require(ask(client, "pid"))
        let other = try Caller(.path(system.queueDirectory + "/public/talk"))
        #expect(ask(other, "reason") == "none\n")
        #expect(client.send("later 1000 promised before\npart of a req"))
        master.send(SIGKILL)
        _ = master.finish()
        #expect(eventually { ask(other, "reason") == "masterGone\n" })
        #expect(client.send("uest\n"))
        #expect(client.readLine() == "part of a request\n")
        #expect(client.readLine() == "promised before\n")
        #expect(ask(client, "pid") == before, "there is nobody to be independent of")
        #expect(client.finish())
        #expect(other.finish())
        let pid = try #require(Int32(before.dropLast()))
        #expect(eventually { !ProcessTable.exists(pid) })
    }

    @Test("an upgrade of master is nothing to an event service")
    func upgraded() throws {
        let system = try system("finish=300")
        defer { system.end() }
        let master = try system.start()
        let client = try Caller(.path(system.queueDirectory + "/public/talk"))
        let before = try #require(ask(client, "pid"))
        #expect(client.send("part of a req"))
        master.send(SIGUSR2)
        #expect(system.wait(for: " goes on where "))
        #expect(client.send("uest\n"))
        #expect(client.readLine() == "part of a request\n")
        #expect(ask(client, "pid") == before)
        #expect(client.finish())
    }
}
