//===----------------------------------------------------------------------===//
// Quartermaster: tests of the control socket: reload and check, and clients that misbehave
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Synchronization
import SystemCalls
import TestSupport
import Testing

@Suite("The control socket", .timeLimit(.minutes(60))) struct ControlTests {
    @Test("reload tells what was added, removed and changed, and its exit status is 0")
    func reload() throws {
        let system = try MailSystem([Line.unix("one", "serve"), Line.unix("two", "serve")])
        defer { system.end() }
        try system.start()
        let idle = try system.masterctl("reload")
        #expect(
            idle.succeeded && idle.output.hasSuffix(" are as they were: their processes stay\nreload accepted\n"),
            "\(idle)"
        )
        try system.setServices([Line.unix("one", "argv"), Line.unix("three", "serve")])
        let result = try system.masterctl("reload")
        #expect(result.succeeded, "\(result)")
        #expect(
            result.output == "added three/unix\nremoved two/unix\nchanged one/unix\n"
                + "main.cf and 1 service are as they were: their processes stay\nreload accepted\n"
        )
        #expect(system.count("]: control socket: user \(geteuid()) (pid ") == 2, "\(system.log)")
        #expect(system.count(") asks: reload") == 2)
        #expect(system.count(" reload accepted: ") == 6, "\(system.log)")
    }

    @Test("a socket that was removed is missed by masterctl, which names the master, and made again at a reload")
    func removedSocket() throws {
        let system = try MailSystem([Line.unix("one", "serve")])
        defer { system.end() }
        let master = try system.start()
        let socket = system.queueDirectory + "/pid/master.control"
        try FileManager.default.removeItem(atPath: socket)
        let lost = try system.masterctl("version")
        #expect(lost.status == 1 && lost.output.contains("master runs (pid \(master.pid)), but nobody"), "\(lost)")
        master.send(SIGHUP)
        #expect(system.wait(for: "control socket pid/master.control was removed or replaced -- making it again"))
        #expect(eventually { (try? system.masterctl("version"))?.succeeded == true }, "\(system.log)")
        #expect(try system.masterctl("reload").succeeded)
        #expect(system.count("making it again") == 1, "once: \(system.log)")
        let mode = try FileManager.default.attributesOfItem(atPath: socket)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        master.send(SIGTERM)
        #expect(eventually { !master.isRunning })
        #expect(!FileManager.default.fileExists(atPath: socket))
    }

    @Test("a refused reload: every problem with file, line and cure, as text and as JSON, and exit status 1")
    func refusedReload() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        try system.start()
        try system.write("a tcp - - n - - c\nb unix x - n - - c\n\(Line.inet(port, "serve"))\n", to: system.masterCf)
        let result = try system.masterctl("reload")
        #expect(result.status == 1, "\(result)")
        #expect(result.output.contains("fatal: \(system.masterCf), line 1: bad transport type: tcp\n"), "\(result)")
        #expect(result.output.contains("fatal: \(system.masterCf), line 2: field \"private\": bad value: \"x\"\n"))
        #expect(result.output.contains("\n    "), "a cure stands below its problem: \(result)")
        #expect(
            result.output.hasSuffix(
                "masterctl: reload refused: everything keeps running on the previous configuration\n"
            )
        )
        let json = try system.masterctl("reload", "--json")
        #expect(json.status == 1)
        let lines = json.output.split(separator: "\n").map { Data($0.utf8) }
        let objects = lines.compactMap { try? JSONSerialization.jsonObject(with: $0) as? [String: Any] }
        try #require(objects.count == lines.count && objects.count == 3, "\(json)")
        #expect(objects[0]["severity"] as? String == "fatal")
        #expect(objects[0]["file"] as? String == system.masterCf)
        #expect(objects[0]["line"] as? Int == 1)
        #expect((objects[0]["cure"] as? String)?.isEmpty == false)
        #expect(objects[2]["status"] as? String == "refused")
        #expect(Caller.pid(.port(port)) != nil)
    }

    @Test(
        "several who ask for a reload while names are looked up all get its result; a signal beside them is one reload"
    )
    func severalAskers() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        let master = try system.start()
        // A file that was edited just now is waited for.
        let main = try String(contentsOfFile: system.mainCf, encoding: .utf8)
        try main.write(toFile: system.mainCf, atomically: false, encoding: .utf8)
        let askers = try (0..<5).map { _ in try system.beginMasterctl("reload") }
        kill(master.pid, SIGHUP)
        for asker in askers {
            let result = asker.finish()
            #expect(result.succeeded, "\(result)")
            #expect(result.output.hasSuffix("reload accepted: no service was added, removed or changed\n"))
        }
        #expect(system.count(") asks: reload") == 5)
    }

    @Test("check tells what master --check tells, and changes nothing")
    func check() throws {
        let lines = [Line.unix("one", "serve"), "postlog unix-dgram n - n - 1 postlogd"]
        let system = try MailSystem(lines, programs: ["postlogd"])
        defer { system.end() }
        let master = try system.start()
        let good = try system.masterctl("check")
        #expect(good.succeeded && good.output == "\(system.configDirectory): configuration is good\n", "\(good)")
        try system.write("a tcp - - n - - c\n", to: system.masterCf)
        let bad = try system.masterctl("check")
        let alone = try system.runMaster("--check")
        #expect(bad.status == 1)
        #expect(
            bad.output
                == alone.output.replacing(
                    "\(system.configDirectory): 1",
                    with: "masterctl: \(system.configDirectory): 1"
                )
        )
        #expect(Caller.pid(.path(system.queueDirectory + "/public/one")) != nil)
        #expect(eventually { system.processes("master").map(\.pid) == [master.pid] }, "the helper has ended")
        #expect(system.complaints == [], "\(system.log)")
    }

    @Test("release ends a throttle; a name that is none, or of two, is refused with a hint")
    func release() throws {
        let system = try MailSystem(
            [Line.unix("shaky", "crash"), Line.unix("twin", "serve"), "twin pass n - n - - test-child mode=serve"],
            main: ["service_throttle_time": "1000s"]
        )
        defer { system.end() }
        try system.start()
        let client = try Caller(.path(system.queueDirectory + "/public/shaky"))
        #expect(system.wait(for: ": bad command startup -- throttling"))
        let result = try system.masterctl("release", "shaky")
        #expect(result.succeeded && result.output == "shaky/unix is not throttled any more\n", "\(result)")
        #expect(system.wait(for: ": bad command startup -- throttling", count: 2), "a process is started at once")
        #expect(try system.masterctl("release", "shaky/unix").succeeded)
        withExtendedLifetime(client) {}
        let calm = try system.masterctl("release", "twin/pass")
        #expect(calm.output == "twin/pass is not throttled\n", "\(calm)")
        let both = try system.masterctl("release", "twin")
        #expect(both.status == 1 && both.output.contains("twin may be any of twin/unix, twin/pass"), "\(both)")
        let wrong = try system.masterctl("release", "shaki")
        #expect(wrong.status == 1 && wrong.output.contains("no service shaki (did you mean shaky/unix?)"), "\(wrong)")
    }

    @Test("verbose on and off, for master alone")
    func verbose() throws {
        let system = try MailSystem([Line.unix("one", "argv")])
        defer { system.end() }
        try system.start()
        let place = Place.path(system.queueDirectory + "/public/one")
        #expect(try system.masterctl("verbose", "on").succeeded)
        #expect(Caller.ask(place)?.contains(" -v") == false)
        #expect(system.wait(for: "service one: starting a process, because a client came"), "\(system.log)")
        #expect(try system.masterctl("verbose", "off").succeeded)
        #expect(try system.reload())
        let before = system.count("starting a process")
        #expect(Caller.ask(place) != nil)
        try system.settle()
        #expect(system.count("starting a process") == before)
        #expect(try system.masterctl("verbose", "maybe").status == 64)
    }
}
