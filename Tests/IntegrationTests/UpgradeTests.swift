//===----------------------------------------------------------------------===//
// Quartermaster: tests of programs that take over from a running master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// The next program goes on in the same process, or the running one goes on as if nothing had been asked.
@Suite("Upgrades in place", .timeLimit(.minutes(60))) struct UpgradeTests {
    private static let done = " goes on where "
    private static let refused = " -- the running program goes on"

    /// Puts another file where master's program is: the same program with a byte more, or a script.
    private func replaceProgram(_ system: MailSystem, bytesMore: Int = 0, script: String? = nil) throws {
        let path = system.daemonDirectory + "/master"
        if let script { return try PlacedFile.script(script, at: path) }
        try system.install(BuiltProducts.path("master"), as: "master.next")
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path + ".next"))
        try file.seekToEnd()
        try file.write(contentsOf: Data(repeating: 0, count: bytesMore))
        try file.close()
        try #require(rename(path + ".next", path) == 0)
    }

    /// A program whose trial is good, and which then finds one more line in a file.
    private func replaceProgram(_ system: MailSystem, adding line: String, to file: String) throws {
        try system.install(BuiltProducts.path("master"), as: "master.real")
        try replaceProgram(
            system,
            script: """
                #!/bin/sh
                [ "$1" = --try-takeover ] || echo '\(line)' >>\(file)
                exec \(system.daemonDirectory)/master.real "$@"

                """
        )
    }

    private func upgrade(_ system: MailSystem, _ pid: Int32) -> Bool {
        let before = (done: system.count(Self.done), refused: system.count(Self.refused))
        kill(pid, SIGUSR2)
        let isOver = eventually(every: .milliseconds(2)) {
            system.count(Self.done) > before.done || system.count(Self.refused) > before.refused
        }
        #expect(isOver, "\(system.log.suffix(2000))")
        return system.count(Self.done) > before.done
    }

    @Test("a hundred upgrades under load lose no client, no child and no pid")
    func hundredUnderLoad() throws {
        let port = try FreePort.next()
        let system = try MailSystem([
            Line.inet(port, "serve", maxproc: 3), Line.unix("talk", "serve", maxproc: 3),
        ])
        defer { system.end() }
        let master = try system.start()
        let clients = SteadyClients([.port(port), .path(system.queueDirectory + "/public/talk")], each: 3)
        defer { clients.finish() }
        try #require(clients.served(50))
        try system.settle()
        let children = Set(system.processes().map(\.pid))
        for round in 0..<100 {
            try replaceProgram(system, bytesMore: round % 2)
            try #require(upgrade(system, master.pid), "round \(round)")
            #expect(clients.served(1))
        }
        let ledger = clients.finish()
        #expect(ledger.losses == [:])
        #expect(ledger.opened == ledger.answered, "\(ledger)")
        #expect(system.recordedPID == master.pid)
        #expect(children.isSubset(of: system.processes().map(\.pid)), "no child had to go")
        #expect(Caller.pid(.port(port)) != nil)
        #expect(try system.reload(), "the next program obeys: \(system.log.suffix(2000))")
        #expect(system.complaints == [], "\(system.log.suffix(2000))")
    }

    @Test("clients in the middle of their connections, locks and what else is open stay as they are")
    func staysAsItIs() throws {
        let system = try MailSystem([Line.unix("talk", "serve", maxproc: 2), Line.unix("quiet", "serve")])
        defer { system.end() }
        let master = try system.start()
        let place = Place.path(system.queueDirectory + "/public/talk")
        let client = try Caller(place)
        try #require(client.send("half a "))
        try #require(eventually { !system.servingChildren().isEmpty })
        try system.settle()
        let before = Self.openFiles(of: master.pid)
        for _ in 0..<3 { #expect(upgrade(system, master.pid)) }
        try system.settle()
        #expect(client.send("line\n"))
        #expect(client.readAll()?.hasSuffix(" half a line\n") == true)
        let isSame = eventually { Self.openFiles(of: master.pid) == before }
        #expect(isSame, "no descriptor more or less: \(before) \(Self.openFiles(of: master.pid))")
        let second = try system.runMaster("-t")
        #expect(second.status == 1, "the lock is held: \(second)")
        let words = try String(contentsOfFile: "/proc/\(master.pid)/cmdline", encoding: .utf8)
        #expect(words.hasPrefix(system.daemonDirectory + "/master\0-c\0"))
        #expect(Caller.pid(.path(system.queueDirectory + "/public/quiet")) != nil, "master watches")
    }

    @Test("a service that is throttled stays so until its time, and one whose process is busy counts it")
    func stateGoesOn() throws {
        let system = try MailSystem(
            [Line.unix("bad", "crash"), Line.unix("one", "serve", maxproc: 1)],
            main: ["bad_service_throttle_time": "1000s"]
        )
        defer { system.end() }
        let master = try system.start()
        let bad = try Caller(.path(system.queueDirectory + "/public/bad"))
        try #require(system.wait(for: "bad command startup"))
        let busy = try Caller(.path(system.queueDirectory + "/public/one"))
        try #require(busy.send("half"))
        try #require(eventually { !system.servingChildren().isEmpty })
        try system.settle()
        #expect(upgrade(system, master.pid))
        let waiting = try Caller(.path(system.queueDirectory + "/public/one"))
        #expect(waiting.send("next\n"))
        try system.settle()
        #expect(system.processes().count == 1, "the limit holds, and nothing is started for the throttled service")
        #expect(system.count("bad command startup") == 1)
        #expect(busy.send(" done\n"))
        #expect(waiting.readAll()?.hasSuffix(" next\n") == true)
        withExtendedLifetime(bad) {}
    }

    @Test(
        "a program that cannot take over leaves the running one alone",
        arguments: [
            ("#!/bin/sh\nexit 0\n", "it is no master that can take over"),
            ("#!/bin/sh\necho no; exit 3\n", "exit status 3"),
            ("#!/bin/sh\nkill -SEGV $$\n", "killed by signal 11"),
            ("#!/nowhere/interpreter\n", "No such file or directory"),
            ("#!/bin/sh\nexec sleep 60\n", "not tried the take-over out within"),
            ("#!/bin/sh\nexec /usr/lib/postfix/sbin/master \"$@\"\n", "it cannot take over"),
            ("#!/bin/sh\n\(BuiltProducts.path("master")) \"$@\"\n", "which has to execute it in its own place"),
        ]
    )
    func unfit(script: String, reason: String) throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        let place = Place.path(system.queueDirectory + "/public/talk")
        let child = try #require(Caller.pid(place))
        try replaceProgram(system, script: script)
        #expect(!upgrade(system, master.pid))
        #expect(system.count(reason) == 1, "\(system.log.suffix(2000))")
        #expect(Caller.pid(place) == child, "the same child serves")
        try replaceProgram(system)
        #expect(upgrade(system, master.pid), "\(system.log.suffix(2000))")
        #expect(Caller.pid(place) == child)
    }

    @Test(
        "who asks with masterctl is answered: by the next program when it goes on, and with the reason when it does not"
    )
    func asked() throws {
        let system = try MailSystem([Line.unix("talk", "serve")], programs: ["masterctl"])
        defer { system.end() }
        let master = try system.start()
        let command = system.daemonDirectory + "/masterctl"
        try system.install(BuiltProducts.path("master"), as: "other")
        let done = try run(
            [command, "upgrade", system.daemonDirectory + "/other", "-c", system.configDirectory],
            timeout: patience
        )
        #expect(done.status == 0 && done.output.contains(Self.done), "\(done)")
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(master.pid)/exe")
        #expect(program == system.daemonDirectory + "/other")
        let refused = try run([command, "upgrade", "/bin/false", "-c", system.configDirectory], timeout: patience)
        #expect(refused.status == 1 && refused.output.contains("it cannot take over"), "\(refused)")
        let none = try run([command, "upgrade", "/nowhere", "-c", system.configDirectory], timeout: patience)
        #expect(none.status == 1 && none.output.contains("no program that may be executed"), "\(none)")
        let relative = try run([command, "upgrade", "master", "-c", system.configDirectory], timeout: patience)
        #expect(relative.status == 64, "\(relative)")
        let version = try run([command, "version", "-c", system.configDirectory], timeout: patience)
        #expect(version.status == 0, "the next program can be steered: \(version)")
    }

    @Test("a program that cannot be executed, and none at all")
    func notThere() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        let path = system.daemonDirectory + "/master"
        try #require(chmod(path, 0o644) == 0)
        #expect(!upgrade(system, master.pid))
        try #require(unlink(path) == 0)
        #expect(!upgrade(system, master.pid))
        #expect(system.count("there is no program that may be executed") == 2)
        #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil)
    }

    @Test("a configuration that the next program refuses, before and after the trial")
    func badConfiguration() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        let place = Place.path(system.queueDirectory + "/public/talk")
        let child = try #require(Caller.pid(place))
        let good = try String(contentsOfFile: system.mainCf, encoding: .utf8)
        try system.write(good + "soft_bounce = perhaps\nmail_owner = nobody-of-this-name\n", to: system.mainCf)
        #expect(!upgrade(system, master.pid))
        #expect(system.count("mail_owner") > 0, "the log says what is wrong: \(system.log)")
        try system.write(good, to: system.mainCf)
        // A program whose trial is good, and which then finds the file broken.
        try replaceProgram(system, adding: "mail_owner = nobody-of-this-name", to: system.mainCf)
        kill(master.pid, SIGUSR2)
        #expect(system.wait(for: "the program that ran before goes on"), "\(system.log)")
        try system.settle()
        #expect(Caller.pid(place) == child)
        #expect(system.recordedPID == master.pid && master.isRunning)
        try system.write(good, to: system.mainCf)
        #expect(try system.reload(), "the program that ran before obeys: \(system.log)")
        try replaceProgram(system)
        #expect(upgrade(system, master.pid), "and is upgraded from where its file was: \(system.log)")
        #expect(Caller.pid(place) != nil)
    }

    @Test("a port that another program has is found by the trial, and nothing is executed")
    func portInUse() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        let place = Place.path(system.queueDirectory + "/public/talk")
        let child = try #require(Caller.pid(place))
        var holder: ForeignListener? = try ForeignListener()
        let taken = try #require(holder?.port)
        try system.setServices(system.services + [Line.inet(taken, "serve")])
        #expect(!upgrade(system, master.pid))
        #expect(system.count("Address already in use") > 0 && system.count("it cannot take over") == 1, "\(system.log)")
        #expect(system.count("the program that ran before goes on") == 0)
        #expect(Caller.pid(place) == child)
        withExtendedLifetime(holder) {}
        holder = nil
        #expect(upgrade(system, master.pid), "\(system.log)")
        #expect(Caller.pid(.port(taken)) != nil)
    }

    @Test("a main.cf that is being edited is waited for, as at a reload")
    func edited() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        let place = Place.path(system.queueDirectory + "/public/talk")
        let child = try #require(Caller.pid(place))
        let good = try String(contentsOfFile: system.mainCf, encoding: .utf8)
        // Half a file, which PlacedFile would have made old.
        try (good + "mail_name = half").write(toFile: system.mainCf, atomically: false, encoding: .utf8)
        kill(master.pid, SIGUSR2)
        rest(.milliseconds(200))
        try good.write(toFile: system.mainCf, atomically: false, encoding: .utf8)
        #expect(system.wait(for: Self.done), "\(system.log)")
        #expect(Caller.pid(place) == child, "nothing has changed: \(system.log)")
    }

    @Test("a state that cannot be read gives the process back, and is no start")
    func unreadable() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        let place = Place.path(system.queueDirectory + "/public/talk")
        let child = try #require(Caller.pid(place))
        // Two states are made in this process, for the trial and for the program; the third seek is the program's.
        let tracer = try Traced(master.pid, "-e", "trace=lseek,execve", "-e", "inject=lseek:error=EIO:when=3")
        kill(master.pid, SIGUSR2)
        #expect(system.wait(for: "the state of the running master cannot be read"), "\(system.log) \(tracer.report)")
        #expect(system.wait(for: "the program that ran before goes on"), "\(system.log)")
        tracer.end()
        #expect(Caller.pid(place) == child)
    }

    @Test("a name that comes into the configuration after the trial is not asked for: nobody waits for a name service")
    func lateName() throws {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        try replaceProgram(system, adding: "late.invalid:2525 inet n - n - 1 serve", to: system.masterCf)
        kill(master.pid, SIGUSR2)
        #expect(system.wait(for: "did not have at the trial: host \"late.invalid\""), "\(system.log)")
        #expect(system.wait(for: "the program that ran before goes on"), "\(system.log)")
        #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil)
    }

    /// What is open, by kind: new sockets, for the log and the control socket, have other numbers.
    private static func openFiles(of pid: Int32) -> [String] {
        let directory = "/proc/\(pid)/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: directory + "/" + $0) }
            .map { $0.filter { !$0.isNumber } }
            .sorted()
    }
}
