//===----------------------------------------------------------------------===//
// Quartermaster: tests of masterctl with a real master: running, stopped, dead, and with something else in its place
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension MailSystem {
    func masterctl(_ arguments: String...) throws -> ProcessResult {
        try run([BuiltProducts.path("masterctl")] + arguments + ["-c", configDirectory]).withoutPatience
    }
}

@Suite("masterctl", .timeLimit(.minutes(60))) struct MasterctlTests {
    @Test("a master that serves, is stopped, goes on, and is dead")
    func life() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve"), Line.unix("talk", "serve")])
        defer { system.end() }
        let before = try system.masterctl("status")
        #expect(before.status == 2 && before.output.contains("no master runs here"), "\(before)")
        let master = try system.start()
        #expect(Caller.pid(.port(port)) != nil)
        let well = try system.masterctl("status")
        #expect(well.status == 0 && well.output.contains("pid \(master.pid): running\n"), "\(well)")
        #expect(well.output.contains("every service takes clients"))
        let one = try system.masterctl("status", "talk")
        #expect(one.status == 0 && one.output.contains("talk/unix (public/talk), program test-child"), "\(one)")

        kill(master.pid, SIGSTOP)
        #expect(eventually { ProcessSnapshot(master.pid)?.state == "T" })
        let stopped = try system.masterctl("status")
        #expect(stopped.status == 1 && stopped.output.hasPrefix("master is stopped"), "\(stopped)")
        #expect(try system.masterctl("why", "talk").output.contains("talk/unix: master is stopped"))
        kill(master.pid, SIGCONT)
        #expect(eventually { (try? system.masterctl("status").status) == 0 })

        kill(master.pid, SIGKILL)
        #expect(eventually { !master.isRunning })
        let dead = try system.masterctl("status")
        #expect(
            dead.status == 2 && dead.output.hasPrefix("master is not running: this is what it said last"),
            "\(dead)"
        )
        #expect(dead.output.contains("pid \(master.pid): dead"))
        #expect(try system.masterctl("services").output.contains("talk/unix"))
        #expect(try system.masterctl("metrics").output.contains("\nquartermaster_up 0\n"))
        // The next one makes a page of its own.
        let next = try system.start()
        #expect(try system.masterctl("status").output.contains("pid \(next.pid): running"))
    }

    @Test("a service that is throttled, one that is full, and one that is fine: what it says, and its exit status")
    func why() throws {
        let system = try MailSystem(
            [
                Line.unix("bad", "crash"), Line.unix("full", "serve", maxproc: 1), Line.unix("good", "serve"),
                "gone unix n - n - 5 no-such-program",
            ],
            main: ["service_throttle_time": "1000s"]
        )
        defer { system.end() }
        try system.start()
        let directory = system.queueDirectory + "/public/"
        let (bad, held) = (try Caller(.path(directory + "bad")), try Caller(.path(directory + "full")))
        defer { withExtendedLifetime((bad, held)) {} }
        #expect(eventually { (try? system.masterctl("why", "bad"))?.output.contains("throttled for another ") == true })
        let throttled = try system.masterctl("why", "bad")
        #expect(throttled.output.contains("bad/unix: throttled for another "), "\(throttled)")
        #expect(throttled.output.contains("exit status 3"), "\(throttled)")
        // Nobody serves them, and master counts them all the same.
        let crowd = try (0..<3).map { _ in try Caller(.path(directory + "bad")) }
        defer { withExtendedLifetime(crowd) {} }
        #expect(
            eventually {
                (try? system.masterctl("status", "bad"))?.output.contains("waiting        4 clients ") == true
            }
        )
        // The one process is busy; somebody has to wait for it to make that a trouble.
        #expect(eventually { (try? system.masterctl("why", "full"))?.output.contains("fine: the 1 process") == true })
        let waiting = try Caller(.path(directory + "full"))
        defer { withExtendedLifetime(waiting) {} }
        #expect(eventually { (try? system.masterctl("why", "full"))?.output.contains("1 busy, 1 waiting") == true })
        let full = try system.masterctl("why", "full/unix")
        #expect(full.output.contains("full/unix: limit reached: 1 busy, 1 waiting"), "\(full)")
        // All that are in trouble, whether asked for by name or not.
        let all = try system.masterctl("why")
        #expect(all.status == 1 && all.output.contains("full/unix: ") && all.output.contains("gone/unix: "), "\(all)")
        #expect(!all.output.contains("good/unix"), "\(all)")
        let lines = try system.masterctl("why", "--json").output.split(separator: "\n")
        #expect(lines.count >= 2 && lines.allSatisfy { $0.contains("\"isServed\":false") }, "\(lines)")
        let good = try system.masterctl("why", "good")
        #expect(good.status == 0 && good.output.contains("good/unix: fine"), "\(good)")
        let gone = try system.masterctl("why", "gone")
        #expect(gone.status == 1 && gone.output.contains("program missing: \(system.daemonDirectory)/no-such-program"))
        let none = try system.masterctl("why", "bod")
        #expect(
            none.status == 1 && none.output.contains("there is no service \"bod\" (did you mean bad/unix?)"),
            "\(none)"
        )
        let nothing = try system.masterctl("why", "something")
        #expect(
            nothing.output.contains("there is no service \"something\". There are: bad/unix full/unix"),
            "\(nothing)"
        )
        #expect(try system.masterctl("why", "no-such-program").output.contains("gone/unix: program missing"))
        let status = try system.masterctl("status")
        #expect(status.status == 1 && status.output.contains("  full/unix  "), "\(status)")

        let events = try system.masterctl("events", "bad")
        #expect(events.status == 0 && events.output.contains(" bad/unix: throttled: no process is started for 1000 s"))
        #expect(!events.output.contains("full/unix"))
        let fails = try system.masterctl("events", "--json", "--kind", "fail", "--since", "1h")
        let failed = try fails.output.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
        #expect(!failed.isEmpty && failed.allSatisfy { $0["kind"] as? String == "fail" && $0["value"] as? Int == 3 })
        #expect(try system.masterctl("events", "--kind", "bang").status == 64)
        #expect(try system.masterctl("events", "--since", "soon").status == 64)
    }

    @Test("JSON, tables, metrics and one picture of the live view, without a terminal")
    func views() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        try system.start()
        let pid = try #require(Caller.pid(.path(system.queueDirectory + "/public/talk")))
        let document = try #require(
            try JSONSerialization.jsonObject(with: Data(system.masterctl("status", "--json").output.utf8))
                as? [String: Any]
        )
        let processes = try #require(document["processes"] as? [[String: Any]])
        #expect(processes.contains { $0["pid"] as? Int == Int(pid) && $0["service"] as? String == "talk/unix" })
        #expect(try system.masterctl("processes", "talk").output.contains("\(pid)  talk/unix"))
        #expect(try system.masterctl("metrics").output.hasSuffix("# EOF\n"))
        // Half a file must not be taken for a whole one.
        let full = "\(BuiltProducts.path("masterctl")) metrics -c \(system.configDirectory) >/dev/full"
        let unwritten = try run(["/bin/sh", "-c", full], timeout: patience)
        #expect(unwritten.status == 1, "\(unwritten)")
        // Nothing that it opens takes the place of an output that is closed: its conversation with master, say.
        let closing = "\(BuiltProducts.path("masterctl")) reload -c \(system.configDirectory) >&-"
        let closed = try run(["/bin/sh", "-c", closing], timeout: patience)
        #expect(closed.status == 1, "\(closed)")
        #expect(closed.output == "masterctl: cannot write to standard output: Bad file descriptor\n")
        #expect(unwritten.output == "masterctl: cannot write to standard output: No space left on device\n")
        let top = try system.masterctl("top", "--delay", "0.2")
        #expect(top.status == 0 && top.output.contains("talk/unix") && !top.output.contains("\u{1b}"), "\(top)")
        #expect(try system.masterctl("top", "--delay", "0").status == 64)
        #expect(!top.output.contains("LAST MINUTE"), "\(top)")
        let command = [BuiltProducts.path("masterctl"), "top", "--delay", "0.2", "-c", system.configDirectory]
        let narrow = try run(command, environment: ["COLUMNS": "60"], timeout: patience)
        #expect(narrow.output.split(separator: "\n").allSatisfy { $0.count < 60 }, "\(narrow)")
    }

    @Test("the command line: -c before the command, hints, and a version of its own")
    func commandLine() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        func masterctl(_ arguments: String...) throws -> ProcessResult {
            try run([BuiltProducts.path("masterctl")] + arguments, timeout: patience)
        }
        let nobody = try masterctl("-c", system.configDirectory, "status")
        #expect(nobody.status == 2 && nobody.output.contains("was edited since master was started"), "\(nobody)")
        try system.start()
        #expect(try masterctl("-c", system.configDirectory, "status", "talk").status == 0)
        #expect(try masterctl("-c", system.configDirectory, "services", "--json").output.hasPrefix("{"))
        for words in [["statu"], ["-c", system.configDirectory, "statu"], ["help", "statu"]] {
            let result = try run([BuiltProducts.path("masterctl")] + words, timeout: patience)
            #expect(
                result.status == 64 && result.output.contains("no command \"statu\" (did you mean status?)"),
                "\(result)"
            )
        }
        #expect(try masterctl("sdfgh").output.contains("(there are: status services "))
        let version = try masterctl("--version")
        #expect(version.status == 0 && version.output.hasPrefix("masterctl of Quartermaster "), "\(version)")
        #expect(try masterctl("help", "status").status == 0)
        #expect(try masterctl("metrics", "--json", "-c", system.configDirectory).status == 64)
        #expect(
            try masterctl("drain", "--timeout", "-5", "-c", system.configDirectory).output.contains("wants seconds")
        )
    }

    @Test("a package's masterctl knows the package's configuration; MAIL_CONFIG and -c say otherwise")
    func packaged() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        for directory in ["root", "root/sbin", "root/lib", "root/lib/quartermaster"] {
            #expect(mkdir(system.directory + "/" + directory, 0o755) == 0)
        }
        let program = system.directory + "/root/sbin/masterctl"
        try PlacedFile.program(BuiltProducts.path("masterctl"), at: program)
        #expect(symlink(system.configDirectory, system.directory + "/root/lib/quartermaster/config") == 0)
        let well = try run([program, "status"], environment: [:])
        #expect(well.status == 0 && well.output.contains("pid \(master.pid): running\n"), "\(well)")
        let elsewhere = system.directory + "/elsewhere"
        let told = try run([program, "status"], environment: ["MAIL_CONFIG": elsewhere])
        #expect(told.status == 1 && told.output.contains("\(elsewhere)/main.cf"), "\(told)")
        let asked = try run([program, "status", "-c", elsewhere], environment: [:])
        #expect(asked.status == 1 && asked.output.contains("\(elsewhere)/main.cf"), "\(asked)")
        // Steering finds it, too; and its daemons, which are beside the link.
        #expect(try run([program, "version"], environment: [:]).succeeded)
        let daemon = system.directory + "/root/lib/quartermaster/master"
        try PlacedFile.program(BuiltProducts.path("master"), at: daemon)
        let check = try run([daemon, "--check"], environment: [:])
        #expect(check.output.contains("\(system.configDirectory): "), "\(check)")
    }

    @Test("events are followed across a reload")
    func follow() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        try system.start()
        let follower = try RunningProcess(
            [BuiltProducts.path("masterctl"), "events", "--follow", "-c", system.configDirectory]
        )
        defer { follower.end() }
        let pid = try #require(Caller.pid(.path(system.queueDirectory + "/public/talk")))
        #expect(eventually { follower.output.contains("talk/unix: process \(pid) started") })
        try system.write("nonsense\n", to: system.masterCf)
        #expect(try !system.reload())
        #expect(eventually { follower.output.contains(": reload REFUSED for 1 problem") }, "\(follower.output)")
        try system.setServices([Line.unix("talk", "serve")])
        #expect(try system.reload())
        #expect(eventually { follower.output.contains(": reload accepted") })
        #expect(try system.masterctl("status").output.contains("accepted, asked for with SIGHUP"))

        // What keeps nobody from a reload is no problem; what does is told again until it is put right.
        try system.write(String(contentsOfFile: system.mainCf, encoding: .utf8) + "max_idl = 5\n", to: system.mainCf)
        #expect(try system.reload())
        let warned = try system.masterctl("status")
        #expect(warned.status == 0 && warned.output.contains(" ago, accepted with 1 warning, asked for"), "\(warned)")
        try system.write("nonsense\n", to: system.masterCf)
        #expect(try !system.reload())
        let refused = try system.masterctl("status")
        #expect(refused.status == 1, "\(refused)")
        #expect(refused.output.contains(" ago, REFUSED for 1 problem and 1 warning, asked for"), "\(refused)")
        #expect(refused.output.contains("masterctl check says what is wrong now\nevery service takes clients\n"))
        #expect(eventually { follower.output.contains(": reload accepted with 1 warning") })
    }

    @Test("what is no page is called by its name")
    func foreign() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let path = system.pagePath
        for (make, text) in [
            ({ try "#!/bin/sh\n".write(toFile: path, atomically: false, encoding: .utf8) }, "is cut off"),
            (
                { try String(repeating: "x", count: 5000).write(toFile: path, atomically: false, encoding: .utf8) },
                "is no status page"
            ),
            (
                {
                    unlink(path)
                    mkdir(path, 0o755)
                }, "is no file"
            ),
            (
                {
                    rmdir(path)
                    mkfifo(path, 0o644)
                }, "is no file"
            ),
        ] as [(() throws -> Void, String)] {
            try make()
            let result = try system.masterctl("status")
            #expect(result.status == 2 && result.output.contains(text) && !result.timedOut, "\(result)")
        }
        let nowhere = try run(
            [BuiltProducts.path("masterctl"), "status", "-c", system.directory + "/nowhere"],
            timeout: patience
        )
        #expect(nowhere.status == 1 && nowhere.output.contains("open \(system.directory)/nowhere/main.cf"))
    }

    @Test(
        "anybody may read: an ordinary user sees what root sees",
        .enabled(if: geteuid() == 0, "SKIPPED: only root can become another user")
    )
    func anybody() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        let argv = ["/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        // A copy, since the build directory may be root's alone.
        try system.install(BuiltProducts.path("masterctl"), as: "masterctl")
        let result = try run(
            argv + [system.daemonDirectory + "/masterctl", "status", "-c", system.configDirectory],
            timeout: patience
        )
        #expect(result.status == 0 && result.output.contains("pid \(master.pid): running"), "\(result)")
    }
}
