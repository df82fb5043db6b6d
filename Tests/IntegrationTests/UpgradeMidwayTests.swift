//===----------------------------------------------------------------------===//
// Quartermaster: tests of programs that take over in the middle of something
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import TestSupport
import Testing

extension MailSystem {
    /// Asks for an upgrade to the program that is installed, and waits for its end: whether the next one goes on.
    func upgrade() -> Bool {
        let before = (done: count(" goes on where "), refused: count(" -- the running program goes on"))
        guard let pid = recordedPID else { return false }
        kill(pid, SIGUSR2)
        let isOver = eventually(every: .milliseconds(2)) {
            count(" goes on where ") > before.done || count(" -- the running program goes on") > before.refused
        }
        return isOver && count(" goes on where ") > before.done
    }
}

/// Whatever is under way goes on, and whoever waits for it is answered.
@Suite("Upgrades in the middle of something", .timeLimit(.minutes(60))) struct UpgradeMidwayTests {
    /// One service, and a client of it that has its process and has not finished its line.
    private final class Scene {
        let system: MailSystem
        let place: Place
        let master: RunningProcess
        let client: Caller

        init(main: [String: String] = [:]) throws {
            system = try MailSystem([Line.unix("talk", "serve")], main: main, programs: ["masterctl"])
            place = .path(system.queueDirectory + "/public/talk")
            master = try system.start()
            client = try Caller(place)
            let system = self.system
            guard client.send("half "), eventually({ system.servingChildren().count == 1 }) else {
                throw TestSupportError("not taken:\n\(system.log)")
            }
            try system.settle()
        }

        func finishLine() -> Bool { client.send("done\n") && client.readAll()?.hasSuffix(" half done\n") == true }
    }

    @Test("a retirement, in each of its phases: the former processes leave, and who asked is told")
    func retirement() throws {
        let scene = try Scene()
        let system = scene.system
        defer { system.end() }
        let before = Set(system.processes().map(\.pid))
        let retire = try system.beginMasterctl("retire", "talk")
        #expect(eventually { retire.output.contains(" left to replace") }, "\(retire.output)")
        #expect(system.upgrade(), "\(system.log)")
        // The fresh ones are there, and the busy one is to leave.
        let isLeaving = eventually { Caller.pid(scene.place).map { !before.contains($0) } ?? false }
        #expect(isLeaving)
        for _ in 0..<3 { #expect(system.upgrade(), "\(system.log)") }
        #expect(retire.isRunning, "\(retire.output)")
        #expect(scene.finishLine())
        let result = retire.finish()
        #expect(result.succeeded && result.output.hasSuffix("all processes of talk/unix were replaced\n"), "\(result)")
        #expect(eventually { before.isDisjoint(with: system.processes().map(\.pid)) })
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test("a drain with a deadline: the deadline stays where it was, and who asked is told who was cut off")
    func drain() throws {
        // A machine on which an upgrade takes longer than the deadline gets a later one.
        #expect(try [4, 20, 100].contains { try drain(seconds: $0) > 1 }, "upgrades before a deadline")
    }

    /// - Returns: how many upgrades were asked for before the drain was over.
    private func drain(seconds: Int) throws -> Int {
        let scene = try Scene()
        let system = scene.system
        defer { system.end() }
        let asked = ContinuousClock.now
        let drain = try system.beginMasterctl("drain", "talk", "--timeout", "\(seconds)")
        #expect(eventually { drain.output.contains("1 process left to wait for") }, "\(drain.output)")
        let waiting = try Caller(scene.place)
        #expect(waiting.send("patient\n"))
        // As long as the drain is not over: a deadline that began anew each time would never come.
        var rounds = 0
        let isOver = eventually(within: patience + .seconds(seconds)) {
            rounds += 1
            #expect(system.upgrade(), "\(system.log)")
            return !drain.isRunning
        }
        #expect(isOver)
        #expect(ContinuousClock.now - asked >= .seconds(seconds))
        let result = drain.finish()
        #expect(result.status == 1 && result.output.contains("1 process cut off: talk/unix pid "), "\(result)")
        #expect(!waiting.peek(), "it is drained")
        #expect(try system.masterctl("resume").output == "1 service resumed\n")
        #expect(waiting.readAll()?.hasSuffix(" patient\n") == true)
        return rounds
    }

    @Test("a drain of everything, and a stop: master ends when the last process has left, and says so")
    func stop() throws {
        let scene = try Scene()
        let system = scene.system
        defer { system.end() }
        let stop = try system.beginMasterctl("stop")
        #expect(eventually { stop.output.contains(" left to wait for") }, "\(stop.output)")
        #expect(system.upgrade(), "\(system.log)")
        #expect(try system.page { $0.master.state == .stopping }.master.pid == scene.master.pid)
        #expect(scene.finishLine())
        let result = stop.finish()
        #expect(result.succeeded && result.output.hasSuffix("all processes have left, and master ends\n"), "\(result)")
        #expect(scene.master.finish().status == 0)
    }

    @Test("a throttle, stress, and a wake-up that is due: each goes on to its own time")
    func times() throws {
        let port = try FreePort.next()
        // Stress is for services that other machines reach.
        let system = try MailSystem(
            [
                Line.unix("bad", "crash"), "\(port) inet n - n - 2 test-child mode=serve",
                "timed unix n - n 3000 1 echo",
            ],
            main: ["bad_service_throttle_time": "1000s", "inet_interfaces": "all"],
            programs: ["echo"]
        )
        defer { system.end() }
        try system.start()
        let bad = try Caller(.path(system.queueDirectory + "/public/bad"))
        // The second process is the last one that there may be.
        let busy = try (0..<2).map { _ in try Caller(.port(port)) }
        for (number, caller) in busy.enumerated() {
            #expect(caller.send("half "))
            #expect(eventually { system.servingChildren().count >= number + 1 })
        }
        func times() throws -> [[Int64]] {
            try system.page().services.map { [$0.counts.throttledUntil, $0.counts.stressUntil, $0.counts.nextWakeup] }
        }
        _ = try system.page { page in
            [\ServiceCounts.throttledUntil, \.stressUntil, \.nextWakeup].allSatisfy { time in
                page.services.contains { $0.counts[keyPath: time] != 0 }
            }
        }
        try system.settle()
        let expected = try times()
        for _ in 0..<3 { #expect(system.upgrade(), "\(system.log)") }
        let after = try times()
        #expect(after == expected, "\(after) \(expected)")
        for caller in busy {
            #expect(caller.send("done\n"))
            #expect(caller.readAll()?.hasSuffix(" half done\n") == true)
        }
        withExtendedLifetime(bad) {}
    }

    /// The first line of a reload that is accepted; there may be another.
    private static let accepted = " reload accepted: no service was added, removed or changed"

    @Test("half a request, a check, and a reload that waits for an editor: all are answered by the next program")
    func administrators() throws {
        let scene = try Scene()
        let system = scene.system
        defer { system.end() }
        // A file that is being edited: it is read when it has settled. When this thread stands still, it has before.
        let text = try String(contentsOfFile: system.mainCf, encoding: .utf8)
        var reloads = 0
        let isAnswered = try (0..<10).contains { _ in
            let started = ContinuousClock.now
            let half = try Caller(.path(system.controlSocket))
            #expect(half.send("ver"))
            try (text + "max_idle = 77s\n").write(toFile: system.mainCf, atomically: true, encoding: .utf8)
            let reload = try system.beginMasterctl("reload")
            reloads += 1
            let isWaiting = eventually {
                system.count("it is read when it has settled") > 0 || system.count(Self.accepted) >= reloads
            }
            #expect(isWaiting, "\(system.log)")
            let isMidway = system.count(Self.accepted) < reloads
            #expect(system.upgrade(), "\(system.log)")
            #expect(half.send("sion\n"))
            let answer = half.readAll()
            let result = reload.finish()
            #expect(result.succeeded && result.output.contains("reload accepted"), "\(result)")
            #expect(system.count(Self.accepted) == reloads, "\(system.log)")
            // Who takes ten seconds for a request is not waited for.
            if !isMidway || answer == "" && ContinuousClock.now - started >= .seconds(9) { return false }
            #expect(answer?.contains("\"status\":\"ok\"") == true)
            return true
        }
        #expect(isAnswered)
        #expect(system.recordedPID == scene.master.pid)
        #expect(system.processes("master").count == 1, "nobody who looks names up is left")
    }

    @Test("a signal that comes at any moment of an upgrade is heeded")
    func signals() throws {
        let scene = try Scene()
        let system = scene.system
        defer { system.end() }
        #expect(scene.finishLine())
        for round in 1...25 {
            let before = system.count(" goes on where ")
            kill(scene.master.pid, SIGUSR2)
            usleep(UInt32(round) * 2000)
            kill(scene.master.pid, SIGHUP)
            #expect(system.wait(for: " reload accepted: ", count: round), "round \(round): \(system.log.suffix(3000))")
            #expect(eventually { system.count(" goes on where ") > before }, "\(system.log.suffix(3000))")
        }
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test("verbose stays on, and children are started as before; the page says that an upgrade is under way")
    func verbose() throws {
        let port = try FreePort.next()
        let services = [Line.unix("talk", "serve"), "127.0.0.1:\(port) inet n - n - 1 exporter"]
        let system = try MailSystem(services, programs: ["masterctl", "exporter"])
        defer { system.end() }
        try system.start()
        #expect(try system.masterctl("verbose", "on").succeeded)
        let (held, real) = (system.directory + "/hold", system.daemonDirectory + "/master.real")
        try system.install(BuiltProducts.path("master"), as: "master.real")
        try PlacedFile.script(
            """
            #!/bin/sh
            while [ -e \(held) ]; do sleep 0.05; done
            exec \(real) "$@"

            """,
            at: system.daemonDirectory + "/master"
        )
        try Data().write(to: URL(fileURLWithPath: held))
        let upgrade = try system.beginMasterctl("upgrade")
        #expect(try system.page { $0.master.state == .upgrading }.master.pid == system.recordedPID)
        let caller = try Caller(.port(port))
        #expect(caller.send("GET /readyz HTTP/1.0\r\n\r\n"))
        #expect(caller.readAll()?.hasSuffix("\r\n\r\nready\n") == true, "everybody is served meanwhile")
        #expect(upgrade.isRunning)
        unlink(held)
        #expect(upgrade.finish().succeeded)
        #expect(try system.page { $0.master.state == .running }.master.pid == system.recordedPID)
        let pid = try #require(Caller.pid(.path(system.queueDirectory + "/public/talk")))
        #expect(system.count("service talk: starting a process, because a client came") == 1, "\(system.log)")
        let arguments = try String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8).split(separator: "\0")
        #expect(!arguments.contains("-v"), "\(arguments)")
    }

    @Test("events go on behind those before: none is lost, and counters of reloads do not begin anew")
    func events() throws {
        let system = try MailSystem([Line.unix("talk", "serve")], programs: ["masterctl"])
        defer { system.end() }
        try system.start()
        let follower = try system.beginMasterctl("events", "--follow", "--json")
        #expect(try system.reload())
        for round in 1...5 {
            #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil)
            #expect(system.upgrade(), "round \(round): \(system.log)")
        }
        let page = try system.page { $0.events.count { $0.kind == .upgrade } == 5 }
        #expect(page.events.map(\.number) == Array(1...UInt64(page.events.count)), "none is missing")
        #expect(page.events.contains { $0.kind == .reload } && page.events.contains { $0.kind == .start })
        #expect(page.master[.reloads] == 1 && page.master.lastReload.result == .accepted)
        // Who follows them sees each once, through all programs.
        #expect(eventually { follower.output.split(separator: "\n").count >= page.events.count }, "\(follower.output)")
        #expect(follower.isRunning)
        let kinds = follower.output.split(separator: "\n").count { $0.contains("\"upgrade\"") }
        #expect(kinds == 5, "\(follower.output)")
        follower.end()
    }

    @Test(
        "an ordinary user's own master: ten upgrades under load",
        .enabled(if: geteuid() == 0, "SKIPPED: only root can become another user")
    )
    func ordinaryUser() throws {
        let nobody = ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        let port = try FreePort.next()
        let services = [Line.inet(port, "serve", maxproc: 3), Line.unix("talk", "serve", maxproc: 3)]
        let system = try MailSystem(services, programs: ["masterctl"], owner: "nobody")
        defer { system.end() }
        try run(["/bin/chown", "-R", "nobody", system.directory])
        let master = try system.start(prefix: nobody)
        let clients = SteadyClients([.port(port), .path(system.queueDirectory + "/public/talk")], each: 2)
        defer { clients.finish() }
        #expect(clients.served(20))
        for round in 1...10 {
            let result = try system.masterctl("upgrade", prefix: nobody)
            #expect(result.succeeded, "round \(round): \(result)")
            #expect(clients.served(5))
        }
        #expect(try system.masterctl("reload", prefix: nobody).succeeded)
        let ledger = clients.finish()
        #expect(ledger.losses == [:] && ledger.opened == ledger.answered, "\(ledger)")
        #expect(system.recordedPID == master.pid)
        #expect(system.complaints == [], "\(system.log)")
    }
}
