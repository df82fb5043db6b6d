//===----------------------------------------------------------------------===//
// Quartermaster: masterctl stop, and drains that many ask for
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import StatusPage
import TestSupport
import Testing

extension SteeringTests {
    @Test("stop waits for who is served, then master ends with status 0 and leaves nothing behind")
    func stop() throws {
        let scene = try SteeredService(.unix)
        let system = scene.system
        defer { system.end() }
        let client = try scene.holdingClient()
        let stop = try system.beginMasterctl("stop")
        #expect(eventually { stop.output.contains("1 process left") })
        #expect(scene.master.isRunning)
        #expect(client.send("done\n"))
        #expect(client.readAll()?.hasSuffix(" half done\n") == true)
        let result = stop.finish()
        #expect(result.succeeded && result.output.hasSuffix("all processes have left, and master ends\n"), "\(result)")
        #expect(scene.master.finish().status == 0)
        #expect(system.count("]: stopped, as was asked") == 1, "\(system.log)")
        #expect(system.processes().isEmpty)
        #expect(access(system.controlSocket, F_OK) != 0)
        #expect(try system.masterctl("stop").status == 2)
    }

    @Test("stop with a deadline: who holds on is cut off, and the exit status says so; a resume takes a stop back")
    func stopInTime() throws {
        let scene = try SteeredService(.unix)
        let system = scene.system
        defer { system.end() }
        let client = try scene.holdingClient()
        let stop = try system.beginMasterctl("stop")
        #expect(eventually { stop.output.contains("1 process left") })
        #expect(try system.masterctl("resume").succeeded)
        let back = stop.finish()
        #expect(back.status == 1 && back.output.contains("the drain was taken back"), "\(back)")
        #expect(scene.master.isRunning && Caller.pid(scene.place) != nil)
        let result = try system.masterctl("stop", "--timeout", "1")
        #expect(
            result.status == 1 && result.output.contains("master ends, with 1 process cut off: talk/unix pid "),
            "\(result)"
        )
        #expect(scene.master.finish().status == 0)
        withExtendedLifetime(client) {}
    }

    @Test("a log writer that is drained itself: master writes to the file")
    func drainedLogWriter() throws {
        let services = [Line.unix("talk", "serve"), "postlog unix-dgram n - n - 1 postlogd"]
        let system = try MailSystem(services, programs: ["masterctl", "postlogd"])
        defer { system.end() }
        let master = try system.start()
        #expect(try system.masterctl("drain", "postlog").succeeded)
        #expect(try system.masterctl("drain", "talk").succeeded)
        #expect(system.wait(for: "service talk: all processes have left"), "\(system.log)")
        #expect(try system.masterctl("stop").succeeded)
        #expect(master.finish().status == 0)
        #expect(system.count("stopped, as was asked") == 1)
    }

    @Test("eight who wait for a drain without end keep nobody out; what was asked for by one who left goes on")
    func manyWait() throws {
        let scene = try SteeredService(.unix)
        let system = scene.system
        defer { system.end() }
        let client = try scene.holdingClient()
        let waiting = try (0..<8).map { _ in try Caller(.path(system.controlSocket)) }
        for caller in waiting {
            #expect(caller.send("drain talk\n"))
            #expect(caller.readLine()?.contains("1 process left") == true)
        }
        #expect(try system.masterctl("version").succeeded)
        #expect(waiting[0].readAll()?.contains("others ask, too") == true)
        for caller in waiting[1...] { #expect(!caller.peek()) }
        #expect(waiting[7].send("and more\n"))
        let surplus = waiting[7].readAll() ?? ""
        #expect(surplus.contains("\"failed\"") && surplus.contains("what was asked for before goes on"), "\(surplus)")
        let gone = try system.beginMasterctl("drain", "talk")
        #expect(eventually { gone.output.contains("1 process left") })
        gone.send(SIGKILL)
        _ = gone.finish()
        #expect(client.send("done\n"))
        #expect(client.readAll()?.hasSuffix(" half done\n") == true)
        for caller in waiting[2..<7] { #expect(caller.readAll()?.contains("\"status\":\"ok\"") == true) }
        #expect(system.wait(for: "service talk: all processes have left"))
    }
}
