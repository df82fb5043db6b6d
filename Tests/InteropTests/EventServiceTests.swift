//===----------------------------------------------------------------------===//
// Quartermaster: event services under both masters
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    @Suite("Event services") struct EventServices {
        private func ask(_ caller: Caller, _ line: String) -> String? {
            caller.send(line + "\n") ? caller.readLine() : nil
        }

        @Test("a chat of two hundred", arguments: [MasterUnderTest.quartermaster, .debian])
        func chat(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.install(BuiltProducts.path("chat"), as: "chat")
            try sandbox.addService("chat unix n - n - 1 chat")
            try sandbox.start()
            let place = Place.path(sandbox.queueDirectory + "/public/chat")
            let clients = try (0..<200).map { _ in try Caller(place) }
            for client in clients { #expect(client.readLine()?.hasPrefix("* /nick") == true) }
            #expect(clients[7].send("is anybody there?\n"))
            for (index, client) in clients.enumerated() where index != 7 {
                #expect(client.readLine()?.hasSuffix(": is anybody there?\n") == true)
            }
            try sandbox.reload()
            for client in clients { #expect(client.readAll() == "* the room is closed: connect again\n") }
            #expect(try Caller(place).readLine()?.hasPrefix("* /nick") == true)
            #expect(sandbox.alarms == [])
        }

        @Test(
            "in the jail and without privileges; a reload in the middle of a request loses nothing",
            arguments: [MasterUnderTest.quartermaster, .debian]
        )
        func reloaded(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.install(BuiltProducts.path("test-service"), as: "talk")
            // A limit of one: the next process comes only when the former one has ended, as master sees it.
            try sandbox.addService("talk unix n y y - 1 talk finish=300 demand-retires serve=events")
            try sandbox.start()
            let place = Place.path(sandbox.queueDirectory + "/public/talk")
            let client = try Caller(place)
            let other = try Caller(place)
            let before = try #require(ask(client, "pid"))
            let pid = try #require(Int32(before.dropLast()))
            let root = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/root")
            #expect(root == sandbox.queueDirectory)
            #expect(ask(client, "uid") != "0\n")
            #expect(ask(other, "pid") == before)
            #expect(client.send("later 1500 promised before\npart of a req"))
            try sandbox.reload()
            // Who comes before that is accepted by the old process.
            #expect(eventually { ask(other, "pid") != before })
            let next = try Caller(place)
            let fresh = try #require(ask(next, "pid"))
            #expect(fresh != before)
            #expect(client.send("uest\n"))
            #expect(client.readLine() == "part of a request\n")
            #expect(client.readLine() == "promised before\n")
            #expect(ask(client, "reason") == "replaced\n")
            let heir = try #require(ask(client, "pid").flatMap { Int32($0.dropLast()) })
            #expect(client.finish() && other.finish())
            #expect(eventually { !ProcessTable.exists(heir) })
            #expect(next.finish())
            #expect(sandbox.alarms == [])
        }

        @Test("the time to retire and the limit of uses", arguments: [MasterUnderTest.quartermaster, .debian])
        func limits(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.install(BuiltProducts.path("test-service"), as: "talk")
            try sandbox.addService("retiring unix n - n - 1 talk -r 1 finish=300 demand-retires measures serve=events")
            try sandbox.addService("used unix n - n - 1 talk -m 1 measures serve=events")
            try sandbox.start()
            let retiring = Place.path(sandbox.queueDirectory + "/public/retiring")
            let client = try Caller(retiring)
            let before = try #require(ask(client, "pid"))
            #expect(eventually { ask(client, "reason") == "retired\n" })
            let heir = try #require(ask(client, "pid"))
            #expect(heir != before)
            let fresh = try #require(try ask(Caller(retiring), "pid"))
            #expect(fresh != before && fresh != heir)
            #expect(client.finish())
            let used = Place.path(sandbox.queueDirectory + "/public/used")
            let first = try #require(try ask(Caller(used), "pid"))
            #expect(eventually { (try? ask(Caller(used), "pid")) ?? first != first })
            #expect(sandbox.alarms == [])
        }
    }
}
