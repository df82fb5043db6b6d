//===----------------------------------------------------------------------===//
// Quartermaster: tests of processes that are replaced by fresh ones
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import TestSupport
import Testing

@Suite("Retiring a service's processes", .timeLimit(.minutes(60))) struct RetirementTests {
    @Test("a retirement under load replaces every process, and no client is lost", arguments: Place.Kind.allCases)
    func retire(_ kind: Place.Kind) throws {
        let scene = try SteeredService(kind, maxproc: 8)
        let system = scene.system
        defer { system.end() }
        let clients = SteadyClients([scene.place], each: 3)
        defer { clients.finish() }
        #expect(clients.served(50))
        for round in 1...5 {
            let before = Set(system.processes().map(\.pid))
            let result = try system.masterctl("retire", scene.service)
            #expect(result.succeeded && result.output.contains("were replaced\n"), "\(result)")
            #expect(before.isDisjoint(with: system.processes().map(\.pid)), "round \(round)")
            #expect(clients.served(20))
        }
        let ledger = clients.finish()
        #expect(ledger.losses == [:] && ledger.opened == ledger.answered, "\(ledger)")
        #expect(system.complaints == [], "\(system.log)")
        let after = eventually { system.processes().count <= 8 }
        #expect(after)
    }

    @Test("in the middle of a retirement, a process puts its channel to an end", arguments: ["former", "fresh"])
    func endOfChannel(whose: String) throws {
        let scene = try SteeredService(.unix)
        let system = scene.system
        defer { system.end() }
        let former = try #require(Caller.pid(scene.place))
        let asker = try system.beginMasterctl("retire", scene.service)
        // The former ones leave when the fresh ones have been there for a second.
        var fresh: Int32?
        let isThere = eventually(every: .milliseconds(2)) {
            fresh = system.processes().map(\.pid).first { $0 != former && catches(SIGUSR1, $0) }
            return fresh != nil
        }
        #expect(isThere, "\(system.log)")
        kill(whose == "former" ? former : try #require(fresh), SIGUSR1)
        #expect(system.wait(for: "end of file on the status channel -- opening a new one"), "\(system.log)")
        _ = asker.finish()
        #expect(eventually { !system.processes().contains { $0.pid == former } }, "\(system.log)")
        #expect(Caller.pid(scene.place).map { $0 != former } == true, "\(system.log)")
        #expect(system.recordedPID == scene.master.pid)
    }

    /// Whether a process has come so far that it has a handler.
    private func catches(_ signal: Int32, _ pid: Int32) -> Bool {
        let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }
        let caught = line.flatMap { UInt64($0.dropFirst(7).drop { $0 == "\t" }, radix: 16) } ?? 0
        return caught >> (signal - 1) & 1 == 1
    }

    @Test("a retirement whose fresh processes fail: those that run stay")
    func badRetirement() throws {
        let scene = try SteeredService(.unix)
        let system = scene.system
        defer { system.end() }
        let pid = try #require(Caller.pid(scene.place))
        try system.install("/bin/false", as: "test-child")
        let result = try system.masterctl("retire", "talk")
        #expect(result.status == 1 && result.output.contains("fail, as the log tells: the old ones stay"), "\(result)")
        #expect(Caller.pid(scene.place) == pid)
        try system.install(BuiltProducts.path("test-child"), as: "test-child")
        #expect(try system.masterctl("release", "talk").succeeded)
        let retired = try system.masterctl("retire", "talk")
        #expect(retired.succeeded, "\(retired)")
        #expect(Caller.pid(scene.place).map { $0 != pid } == true)
    }

    @Test("retirements that fail in a storm of reports leave everything as it was: who runs stays, and is heard")
    func badRetirementsInStorm() throws {
        let scene = try SteeredService(.unix, maxproc: 8)
        let system = scene.system
        defer { system.end() }
        let clients = SteadyClients([scene.place], each: 4)
        defer { clients.finish() }
        #expect(clients.served(200))
        let before = Set(system.processes().map(\.pid))
        #expect(!before.isEmpty)
        try system.install("/bin/false", as: "test-child")
        for _ in 1...4 {
            let result = try system.masterctl("retire", "talk")
            #expect(result.status == 1 && result.output.contains("the old ones stay"), "\(result)")
            #expect(try system.masterctl("release", "talk").succeeded)
            #expect(clients.served(50))
        }
        #expect(system.count("bad command startup") > 0)
        #expect(before.allSatisfy { kill($0, 0) == 0 }, "nobody has left")
        let ledger = clients.finish()
        #expect(ledger.losses == [:] && ledger.opened == ledger.answered, "\(ledger)")
        let holding = try Caller(scene.place)
        #expect(holding.send("half "))
        _ = try system.page { $0.services.contains { $0.texts.name == "talk" && $0.load.busy == 1 } }
        #expect(holding.send("done\n") && holding.readAll()?.hasSuffix(" half done\n") == true)
        _ = try system.page { $0.services.contains { $0.texts.name == "talk" && $0.load.busy == 0 } }
    }

    @Test("a throttled service is not retired: who runs stays")
    func throttledRetirement() throws {
        let scene = try SteeredService(.unix, main: ["service_throttle_time": "1000s"])
        let system = scene.system
        defer { system.end() }
        let pid = try #require(Caller.pid(scene.place))
        try system.install("/bin/false", as: "test-child")
        #expect(try system.masterctl("retire", "talk").output.contains("fail, as the log tells"))
        try system.install(BuiltProducts.path("test-child"), as: "test-child")
        let result = try system.masterctl("retire", "talk")
        #expect(
            result.status == 1 && result.output.contains("throttled, so no new process can be started"),
            "\(result)"
        )
        #expect(Caller.pid(scene.place) == pid)
    }
}
