//===----------------------------------------------------------------------===//
// Quartermaster: tests of reloads that touch only what changed, or take their time
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("Reloads that touch only what changed", .timeLimit(.minutes(60))) struct SparingReloadTests {
    private static let nobody = ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]

    /// Services of one process each, which the process serves under.
    private final class Scene {
        let system: MailSystem
        let names: [String]
        let master: RunningProcess
        private let prefix: [String]

        init(
            _ names: [String] = ["one", "two", "three"],
            main: [String: String] = [:],
            owner: String = MailSystem.owner,
            prefix: [String] = []
        ) throws {
            self.names = names
            self.prefix = prefix
            system = try MailSystem(
                names.map { Line.unix($0, "serve", maxproc: 1) },
                main: main,
                programs: ["masterctl"],
                owner: owner
            )
            if !prefix.isEmpty { try run(["/bin/chown", "-R", owner, system.directory]) }
            master = try system.start(prefix: prefix)
            guard names.allSatisfy({ Caller.pid(place($0)) != nil }) else {
                throw TestSupportError("not served:\n\(system.log)")
            }
            try system.settle()
        }

        func place(_ name: String) -> Place { .path(system.queueDirectory + "/public/" + name) }

        /// Who serves, by service: whom a client of each finds.
        func servers() -> [String: Int32] {
            Dictionary(uniqueKeysWithValues: names.compactMap { name in Caller.pid(place(name)).map { (name, $0) } })
        }

        /// How often each process has served, as master counts it.
        func uses() throws -> [Int32: Int] {
            try system.settle()
            let text = try system.masterctl("processes", "--json").output
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            let processes = object?["processes"] as? [[String: Any]] ?? []
            return Dictionary(
                uniqueKeysWithValues: processes.compactMap { process in
                    guard let pid = process["pid"] as? Int, let uses = process["uses"] as? Int else { return nil }
                    return (Int32(pid), uses)
                }
            )
        }

        func reload(_ options: String...) throws -> ProcessResult {
            options.isEmpty
                ? try system.masterctl("reload", prefix: prefix)
                : try system.masterctl("reload", options[0], prefix: prefix)
        }

        /// A change of a parameter that only the test child's kin would read.
        func changeMain(_ value: Int) throws { try system.setMain(["max_use": "\(value)"]) }
    }

    @Test("masterctl reload keeps the processes of services that have not changed, under load")
    func kept() throws {
        let scene = try Scene()
        let system = scene.system
        defer { system.end() }
        let before = scene.servers()
        let clients = SteadyClients(scene.names.map(scene.place), each: 2)
        defer { clients.finish() }
        try #require(clients.served(30))
        let uses = try scene.uses()
        let idle = try scene.reload()
        #expect(
            idle.output == "main.cf and 4 services are as they were: their processes stay\nreload accepted\n",
            "\(idle)"
        )
        // Other bytes that say the same.
        let text = try String(contentsOfFile: system.mainCf, encoding: .utf8)
        try system.write("# a comment\n\n" + text, to: system.mainCf)
        #expect(try scene.reload().output.contains("their processes stay"))
        #expect(clients.served(30))
        var now = uses
        let wentOn = try eventually(every: .milliseconds(200)) {
            now = try scene.uses()
            return before.values.allSatisfy { now[$0] ?? 0 > uses[$0] ?? 0 }
        }
        #expect(wentOn, "\(uses) \(now)")

        try system.setServices([
            Line.unix("one", "serve", maxproc: 1), Line.unix("two", "serve", maxproc: 2),
            Line.unix("three", "serve", maxproc: 1),
        ])
        let changed = try scene.reload()
        #expect(changed.output.contains("changed two/unix\n"), "\(changed)")
        #expect(changed.output.contains("3 services are as they were"), "\(changed)")
        #expect(clients.served(30))
        let after = scene.servers()
        #expect(after["one"] == before["one"] && after["three"] == before["three"])
        #expect(after["two"] != before["two"])

        let all = try scene.reload("--all")
        #expect(all.output == "reload accepted: no service was added, removed or changed\n", "\(all)")
        #expect(eventually { scene.servers().allSatisfy { after[$0.key] != $0.value } }, "everybody is replaced")
        let third = scene.servers()
        #expect(try system.reload(), "SIGHUP")
        #expect(eventually { scene.servers().allSatisfy { third[$0.key] != $0.value } }, "as Postfix does")
        let fourth = scene.servers()
        try scene.changeMain(7)
        let main = try scene.reload()
        #expect(main.output == "reload accepted: no service was added, removed or changed\n", "\(main)")
        #expect(eventually { scene.servers().allSatisfy { fourth[$0.key] != $0.value } }, "children read main.cf")
        let ledger = clients.finish()
        #expect(ledger.losses == [:])
        #expect(ledger.opened == ledger.answered, "\(ledger)")
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test("a throttle ends, and who was disabled is served, also where nothing has changed")
    func throttled() throws {
        let system = try MailSystem(
            [Line.unix("shaky", "crash"), Line.unix("off", "serve")],
            main: ["service_throttle_time": "1000s"],
            programs: ["masterctl"]
        )
        defer { system.end() }
        try system.start()
        let client = try Caller(.path(system.queueDirectory + "/public/shaky"))
        try #require(system.wait(for: "bad command startup"))
        #expect(try system.masterctl("disable", "off").succeeded)
        #expect(try system.masterctl("reload").output.contains("their processes stay"))
        #expect(system.wait(for: "bad command startup", count: 2), "it was tried again: \(system.log)")
        #expect(Caller.pid(.path(system.queueDirectory + "/public/off")) != nil)
        withExtendedLifetime(client) {}
    }

    @Test("when main.cf was seen with other values in between, a process may have them: all leave")
    func strayed() throws {
        let scene = try Scene(["one"])
        let system = scene.system
        defer { system.end() }
        let before = scene.servers()
        let good = try String(contentsOfFile: system.mainCf, encoding: .utf8)
        try system.write(good + "max_idle = never\n", to: system.mainCf)
        #expect(try scene.reload().status == 1)
        try system.write(good, to: system.mainCf)
        #expect(try scene.reload().output == "reload accepted: no service was added, removed or changed\n")
        #expect(eventually { scene.servers()["one"] != before["one"] })
        let after = scene.servers()
        #expect(try scene.reload().output.contains("their processes stay"))
        #expect(scene.servers() == after)
    }

    @Test("who asked for a reload is told, and that it was a signal")
    func asker() throws {
        let scene = try Scene(["one"])
        let system = scene.system
        defer { system.end() }
        let asker = try system.beginMasterctl("reload")
        #expect(asker.finish().succeeded)
        let status = try system.masterctl("status").output
        #expect(status.contains(" ago, accepted, asked for by uid \(geteuid()), pid \(asker.pid)\n"), "\(status)")
        let json = try system.masterctl("status", "--json").output
        #expect(json.contains("\"cause\":\"request\""), "\(json)")
        #expect(json.contains("\"uid\":\(geteuid()),\"pid\":\(asker.pid)"), "\(json)")
        #expect(try system.reload())
        #expect(try system.masterctl("status").output.contains(" ago, accepted, asked for with SIGHUP\n"))
    }

    @Test(
        "with master_reload_spread, services take turns, nobody is cut off, and an upgrade in between changes nothing",
        arguments: [false, true]
    )
    func spread(isUpgraded: Bool) throws {
        let names = ["one", "two", "three", "four"]
        let scene = try Scene(names, main: ["master_reload_spread": "3s"])
        let system = scene.system
        defer { system.end() }
        let before = scene.servers()
        let clients = SteadyClients(names.map(scene.place), each: 1)
        defer { clients.finish() }
        try #require(clients.served(20))
        try scene.changeMain(7)
        let result = try scene.reload()
        #expect(result.output.contains(" processes to leave within 3 seconds\n"), "\(result)")
        if isUpgraded {
            #expect(try system.masterctl("upgrade").succeeded, "\(system.log)")
        }
        #expect(system.wait(for: "reload: all processes were told to leave"), "\(system.log)")
        #expect(eventually { scene.servers().allSatisfy { before[$0.key] != $0.value } })
        #expect(!(try system.masterctl("status").output).contains("spread out"))
        let ledger = clients.finish()
        #expect(ledger.losses == [:])
        #expect(ledger.opened == ledger.answered, "\(ledger)")
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test("in the middle of a spread, a signal plans anew; masterctl reload and an upgrade leave the turns")
    func spreadAgain() throws {
        let scene = try Scene(["one", "two"], main: ["master_reload_spread": "1d"])
        let system = scene.system
        defer { system.end() }
        let before = scene.servers()
        #expect(try system.reload(), "the spread counts for signals, too")
        #expect(system.count("reload accepted: 1 service tell") + system.count("reload accepted: 2 services tell") >= 1)
        #expect(eventually { scene.servers()["one"] != before["one"] }, "the first one's turn is at once")
        let between = scene.servers()
        #expect(between["two"] == before["two"])
        #expect(try scene.reload().output.contains("their processes stay"))
        #expect(scene.servers() == between)
        func expectTurnToCome(_ place: SourceLocation = #_sourceLocation) throws {
            let status = try system.masterctl("status").output
            #expect(
                status.contains("; spread out: 1 service left, the last one in "),
                "\(status)",
                sourceLocation: place
            )
            #expect(scene.servers() == between, "\(system.log)", sourceLocation: place)
        }
        try expectTurnToCome()
        #expect(try system.masterctl("upgrade").succeeded, "\(system.log)")
        try expectTurnToCome()
        try system.setMain(["master_reload_spread": "0"])
        #expect(try system.reload())
        #expect(system.wait(for: "reload: all processes were told to leave"), "\(system.log)")
        #expect(eventually { scene.servers().allSatisfy { between[$0.key] != $0.value } })
    }

    @Test(
        "an ordinary user's master does the same",
        .enabled(if: geteuid() == 0, "SKIPPED: only root can become another user")
    )
    func ordinaryUser() throws {
        let scene = try Scene(["one", "two"], owner: "nobody", prefix: Self.nobody)
        let system = scene.system
        defer { system.end() }
        let before = scene.servers()
        #expect(try scene.reload().output.contains("their processes stay"), "\(system.log)")
        #expect(scene.servers() == before)
        #expect(try scene.reload("--all").output == "reload accepted: no service was added, removed or changed\n")
        #expect(eventually { scene.servers().allSatisfy { before[$0.key] != $0.value } })
        #expect(system.complaints == [], "\(system.log)")
    }
}
