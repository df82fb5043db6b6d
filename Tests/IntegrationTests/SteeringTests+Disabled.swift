//===----------------------------------------------------------------------===//
// Quartermaster: services that are disabled, and drains of everything
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import TestSupport
import Testing

extension SteeringTests {
    @Test(
        "SIGUSR1 drains everything, of the services that others need the last ones, and not the one that writes the log"
    )
    func signal() throws {
        let port = try FreePort.next()
        let services = [
            Line.unix("inner", "serve"), Line.inet(port, "serve"), "postlog unix-dgram n - n - 1 postlogd",
        ]
        let system = try MailSystem(services, programs: ["masterctl", "postlogd"])
        defer { system.end() }
        let master = try system.start()
        let outer = try Caller(.port(port))
        #expect(outer.send("half "))
        #expect(eventually { system.servingChildren().count == 1 })
        let inner = Place.path(system.queueDirectory + "/public/inner")
        master.send(SIGUSR1)
        #expect(system.wait(for: "draining all services, as SIGUSR1 asks"), "\(system.log)")
        #expect(Caller.pid(inner) != nil, "the outer one may need it")
        #expect(outer.send("done\n"))
        #expect(outer.readAll()?.hasSuffix(" half done\n") == true)
        #expect(system.wait(for: "service inner: all processes have left"), "\(system.log)")
        #expect(eventually { system.processes().isEmpty })
        let waiting = try Caller(inner)
        #expect(waiting.send("patient\n"))
        let refused = try system.masterctl("drain", "--refuse", "127.0.0.1:\(port)")
        #expect(refused.output.hasSuffix(" is drained: new clients are turned away\n"), "\(refused)")
        let mixed = try system.masterctl("drain")
        let text =
            "3 services drained: new clients are turned away of 127.0.0.1:\(port)/inet, and wait for the others\n"
        #expect(mixed.output == text, "each as it is: \(mixed)")
        try system.setServices(services + [Line.unix("late", "serve")])
        #expect(try system.masterctl("reload").succeeded, "a reload takes no drain back")
        #expect(system.wait(for: "service late: all processes have left"), "what comes later is drained too")
        #expect(!waiting.peek())
        // Beside these three, the turnstile of the tests.
        #expect(try system.masterctl("resume").output == "4 services resumed\n")
        #expect(waiting.readAll()?.hasSuffix(" patient\n") == true)
        #expect(Caller.pid(.port(port)) != nil)
    }

    @Test("disabled: turned away until it is enabled, or until a reload", arguments: Place.Kind.allCases)
    func disable(_ kind: Place.Kind) throws {
        let scene = try SteeredService(kind)
        let system = scene.system
        defer { system.end() }
        let client = try scene.holdingClient()
        #expect(try system.masterctl("disable", scene.service).succeeded)
        // Whoever was told that it is done sees it.
        let why = try system.masterctl("why", scene.service)
        #expect(why.status == 1 && why.output.contains(": disabled\n"), "\(why)")
        #expect(scene.isRefusing)
        let resumed = try system.masterctl("resume", scene.service)
        #expect(resumed.status == 1 && resumed.output.contains(" was not drained: it is disabled, and"), "\(resumed)")
        let retired = try system.masterctl("retire", scene.service)
        #expect(retired.status == 1 && retired.output.contains(" is disabled: it has no processes to"), "\(retired)")
        try system.settle()
        #expect(try system.masterctl("why", scene.service).output.contains("new clients are refused"))
        #expect(client.send("done\n"))
        #expect(client.readAll()?.hasSuffix(" half done\n") == true, "who is served is served to the end")
        #expect(try system.masterctl("enable", scene.service).output.hasSuffix(" is served again\n"))
        #expect(Caller.pid(scene.place) != nil)
        #expect(try system.masterctl("disable", scene.service).succeeded)
        #expect(scene.isRefusing)
        #expect(try system.reload())
        #expect(Caller.pid(scene.place) != nil)
        #expect(try system.masterctl("enable", scene.service).output.hasSuffix(" was not disabled\n"))
        // One that is removed while it is disabled leaves nothing behind.
        #expect(try system.masterctl("disable", scene.service).succeeded)
        try system.setServices([])
        #expect(try system.reload())
        let left = try FileManager.default.contentsOfDirectory(atPath: system.queueDirectory + "/public")
        #expect(left.allSatisfy { !$0.hasSuffix("refused") }, "\(left)")
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test("a socket's file that was removed while clients were turned away is made again")
    func removedWhileDisabled() throws {
        let scene = try SteeredService(.unix)
        let system = scene.system
        defer { system.end() }
        #expect(Caller.pid(scene.place) != nil)
        #expect(try system.masterctl("disable", scene.service).succeeded)
        #expect(eventually { scene.isRefusing })
        try FileManager.default.removeItem(atPath: system.queueDirectory + "/public/talk refused")
        let enabled = try system.masterctl("enable", scene.service)
        #expect(enabled.succeeded && enabled.output.hasSuffix(" is served again\n"), "\(enabled)")
        #expect(Caller.pid(scene.place) != nil, "\(system.log)")
        #expect(try system.masterctl("disable", scene.service).succeeded)
        #expect(try system.masterctl("enable", scene.service).succeeded)
        #expect(Caller.pid(scene.place) != nil, "the new one is like the old one")
    }

    @Test("all drained, and resumed one by one: the drain is over with the last one, also for what a reload adds")
    func resumeOneByOne() throws {
        let services = [Line.unix("one", "serve"), Line.unix("two", "serve")]
        let system = try MailSystem(services, programs: ["masterctl"])
        defer { system.end() }
        try system.start()
        #expect(try system.masterctl("drain").succeeded)
        _ = try system.page { $0.master.state == .draining }
        // The turnstile of the tests is a service, too.
        for name in ["one", "turnstile"] { #expect(try system.masterctl("resume", name).succeeded) }
        try system.settle()
        #expect(try system.page().master.state == .draining, "one is still drained")
        #expect(try system.masterctl("resume", "two").succeeded)
        _ = try system.page { $0.master.state == .running }
        try system.setServices(services + [Line.unix("late", "serve")])
        #expect(try system.masterctl("reload").succeeded)
        #expect(Caller.pid(.path(system.queueDirectory + "/public/late")) != nil)
    }

    @Test("all drained: the service that writes the log is not, when a reload adds it")
    func addedLogWriter() throws {
        let services = [Line.unix("talk", "serve")]
        let system = try MailSystem(services, programs: ["masterctl", "postlogd"])
        defer { system.end() }
        try system.start()
        #expect(try system.masterctl("drain").succeeded)
        try system.setServices(services + ["postlog unix-dgram n - n - 1 postlogd", Line.unix("late", "serve")])
        #expect(try system.masterctl("reload").succeeded)
        #expect(system.wait(for: "service late: all processes have left"), "\(system.log)")
        let writer = try system.page().services.first { $0.texts.name == "postlog" }
        #expect(writer.map { $0.load.cover != .draining } == true, "\(String(describing: writer))")
        #expect(system.count("service postlog: all processes have left") == 0)
        #expect(eventually { !system.processes("postlogd").isEmpty }, "it writes")
    }
}
