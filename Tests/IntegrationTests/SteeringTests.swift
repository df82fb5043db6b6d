//===----------------------------------------------------------------------===//
// Quartermaster: tests of drains, retirements and their like, with clients
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import TestSupport
import Testing

@Suite("Steering a master", .timeLimit(.minutes(60))) struct SteeringTests {
    @Test(
        "a drain waits for who is served; who comes waits, and is served when it is resumed",
        arguments: Place.Kind.allCases
    )
    func drain(_ kind: Place.Kind) throws {
        let scene = try SteeredService(kind)
        let system = scene.system
        defer { system.end() }
        let client = try scene.holdingClient()
        let drain = try system.beginMasterctl("drain", scene.service)
        #expect(eventually { drain.output.contains("1 process left to wait for") }, "\(drain.output)")
        let waiting = try Caller(scene.place)
        #expect(waiting.send("patient\n"))
        try system.settle()
        #expect(try system.masterctl("why", scene.service).output.contains("new clients wait in its queue"))
        #expect(drain.isRunning)
        #expect(client.send("done\n"))
        #expect(client.readAll()?.hasSuffix(" half done\n") == true)
        let result = drain.finish()
        #expect(result.succeeded && result.output.contains(" is drained: new clients wait\n"), "\(result)")
        #expect(eventually { system.processes().isEmpty })
        #expect(!waiting.peek())
        let again = try system.masterctl("drain")
        #expect(again.succeeded, "what is drained is drained: \(again)")
        #expect(!again.output.contains("0 processes"), "\(again)")
        let enabled = try system.masterctl("enable", scene.service)
        #expect(enabled.status == 1 && enabled.output.contains(" was not disabled: it is drained, and"), "\(enabled)")
        let resumed = try system.masterctl("resume", scene.service)
        #expect(resumed.succeeded && resumed.output.contains(" is served again\n"), "\(resumed)")
        #expect(waiting.readAll()?.hasSuffix(" patient\n") == true)
        #expect(try system.masterctl("resume", scene.service).output.contains("was not drained"))
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test("who waits without a deadline is told for whom, and what would help", arguments: ["drain", "stop"])
    func wordWhileWaiting(_ verb: String) throws {
        let scene = try SteeredService(.unix)
        let system = scene.system
        defer { system.end() }
        let client = try scene.holdingClient()
        #expect(eventually { !system.servingChildren().isEmpty })
        let pid = try #require(system.servingChildren().first)
        let waiting = try verb == "drain" ? system.beginMasterctl("drain", "talk") : system.beginMasterctl("stop")
        defer { waiting.end() }
        let word = "masterctl: waiting: 1 process has not left yet: \(pid) of talk/unix, busy for "
        #expect(eventually { waiting.output.contains(word) }, "\(waiting.output)")
        #expect(
            waiting.output.contains(" (the same with --timeout would end them); to interrupt this command does not")
        )
        #expect(client.send("done\n"))
        let result = waiting.finish()
        #expect(result.succeeded, "\(result)")
    }

    @Test(
        "at the deadline a client that holds on is cut off, a process that ignores SIGTERM too, and it is told who it was"
    )
    func deadline() throws {
        let scene = try SteeredService(.unix)
        let system = scene.system
        defer { system.end() }
        let client = try scene.holdingClient()
        #expect(eventually { !system.servingChildren().isEmpty })
        let pid = try #require(system.servingChildren().first)
        let result = try system.masterctl("drain", "talk", "--timeout", "1")
        #expect(result.status == 1, "\(result)")
        #expect(
            result.output.contains("masterctl: drained, with 1 process cut off: talk/unix pid \(pid)\n"),
            "\(result)"
        )
        #expect(client.readAll() != " half \n")
        #expect(system.count(" pid \(pid) is cut off: it was still at work at the deadline of the drain") == 1)
        #expect(system.count("killed by signal") == 0 && system.count("throttling") == 0, "\(system.log)")
        try system.setServices([Line.unix("talk", "stubborn")])
        #expect(try system.reload())
        #expect(try system.masterctl("resume").output == "1 service resumed\n")
        let second = try scene.holdingClient()
        let stubborn = try #require(system.servingChildren().first)
        let killed = try system.masterctl("drain", "talk", "--timeout", "0")
        #expect(killed.status == 1 && killed.output.contains("pid \(stubborn)"), "\(killed)")
        #expect(system.processes().isEmpty, "killed five seconds later")
        withExtendedLifetime(second) {}
    }

    @Test(
        "with --refuse clients are turned away at once, and those in the queue are served",
        arguments: Place.Kind.allCases
    )
    func refuse(_ kind: Place.Kind) throws {
        let scene = try SteeredService(kind, maxproc: 1)
        let system = scene.system
        defer { system.end() }
        let client = try scene.holdingClient()
        let queued = try (0..<5).map { _ in try Caller(scene.place) }
        for (number, caller) in queued.enumerated() { #expect(caller.send("number \(number)\n")) }
        let drain = try system.beginMasterctl("drain", scene.service, "--refuse")
        #expect(eventually { scene.isRefusing }, "\(system.log)")
        #expect(drain.isRunning)
        #expect(client.send("done\n"))
        #expect(client.readAll()?.hasSuffix(" half done\n") == true)
        for (number, caller) in queued.enumerated() {
            #expect(caller.readAll()?.hasSuffix(" number \(number)\n") == true)
        }
        let result = drain.finish()
        #expect(result.succeeded && result.output.contains(": new clients are turned away\n"), "\(result)")
        #expect(scene.isRefusing)
        #expect(try system.masterctl("resume").succeeded)
        #expect(Caller.pid(scene.place) != nil)
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test(
        "the same as an ordinary user, who steers a master of their own",
        .enabled(if: geteuid() == 0, "SKIPPED: only root can become another user"),
        arguments: Place.Kind.allCases
    )
    func ordinaryUser(_ kind: Place.Kind) throws {
        let scene = try SteeredService(kind, isOrdinary: true)
        let system = scene.system
        defer { system.end() }
        #expect(Caller.pid(scene.place) != nil)
        let drained = try scene.masterctl("drain", "--refuse")
        #expect(drained.succeeded, "\(drained)")
        #expect(scene.isRefusing)
        #expect(try scene.masterctl("resume").succeeded)
        #expect(Caller.pid(scene.place) != nil, "\(system.log)")
        #expect(try scene.masterctl("reload").succeeded)
        let retired = try scene.masterctl("retire", scene.service)
        #expect(retired.succeeded, "\(retired)")
        // Root is another user, and may.
        #expect(try system.masterctl("drain", scene.service).succeeded)
        let stopped = try scene.masterctl("stop")
        #expect(stopped.succeeded, "\(stopped)")
        #expect(scene.master.finish().status == 0)
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test(
        "all of it under load, as an ordinary user: who gets in is served, whatever is asked for",
        .enabled(if: geteuid() == 0, "SKIPPED: only root can become another user"),
        arguments: Place.Kind.allCases
    )
    func ordinaryUserUnderLoad(_ kind: Place.Kind) throws {
        let scene = try SteeredService(kind, maxproc: 8, isOrdinary: true)
        let system = scene.system
        defer { system.end() }
        let clients = SteadyClients([scene.place], each: 3, mayBeRefused: true)
        defer { clients.finish() }
        #expect(clients.served(50))
        for round in 1...3 {
            for (deeds, isRefusing) in [
                (["drain", "resume"], false), (["drain --refuse", "resume"], true), (["disable", "enable"], true),
                (["retire"], false),
            ] {
                for (number, deed) in deeds.enumerated() {
                    let words = deed.split(separator: " ").map(String.init)
                    let result = try scene.masterctl([words[0], scene.service] + words.dropFirst())
                    #expect(result.succeeded, "\(deed), round \(round): \(result)")
                    if isRefusing { #expect(scene.isRefusing == (number == 0), "\(deed), round \(round)") }
                }
                #expect(clients.served(20), "\(deeds), round \(round): \(system.log)")
            }
        }
        #expect(system.complaints == [], "\(system.log)")
        // A throttle that is ended by hand; those that run serve meanwhile.
        try system.install("/bin/false", as: "test-child")
        #expect(try scene.masterctl("retire", scene.service).status == 1)
        try system.install(BuiltProducts.path("test-child"), as: "test-child")
        #expect(try scene.masterctl("release", scene.service).succeeded)
        let retired = try scene.masterctl("retire", scene.service)
        #expect(retired.succeeded, "\(retired)")
        #expect(clients.served(20))
        let ledger = clients.finish()
        #expect(ledger.losses == [:] && ledger.opened == ledger.answered + clients.refused, "\(ledger)")
        #expect(clients.refused > 0)
        let holding = try scene.holdingClient()
        let stopped = try scene.masterctl("stop", "--timeout", "1")
        #expect(stopped.status == 1 && stopped.output.contains("with 1 process cut off"), "\(stopped)")
        #expect(scene.master.finish().status == 0)
        withExtendedLifetime(holding) {}
    }

    @Test("drains, retirements and reloads beneath a storm of the load generator: its ledger adds up")
    func storm() throws {
        let system = try MailSystem(["echo unix n - n - 4 echo"], programs: ["masterctl", "echo"])
        defer { system.end() }
        try system.start()
        let path = system.queueDirectory + "/public/echo"
        var rounds = 0
        // When this thread stands still, a storm may be over before the first round.
        for _ in 0..<20 where rounds == 0 {
            let load = try RunningProcess([
                BuiltProducts.path("bench-accept"), "storm", "--preset", "echo", "--unix", path, "--clients", "8",
                "--count", "20000", "--timeout", "300",
            ])
            let isOver = eventually(within: patience * 4, every: .milliseconds(1)) {
                guard load.isRunning else { return true }
                rounds += 1
                for words in [["drain", "echo", "timeout=300"], ["resume"], ["retire", "echo"], ["reload"]] {
                    let answer = system.control(words.joined(separator: " ")) ?? "none"
                    #expect(answer.contains("\"status\":\"ok\""), "\(words): \(answer)")
                }
                return false
            }
            #expect(isOver)
            let result = load.finish()
            #expect(result.succeeded, "\(result)")
        }
        #expect(rounds > 0)
        #expect(system.complaints == [], "\(system.complaints.prefix(5))")
    }
}
