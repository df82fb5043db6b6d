//===----------------------------------------------------------------------===//
// Quartermaster: tests of how master starts, and of what it says when it cannot
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

@Suite("Starting master", .timeLimit(.minutes(60))) struct StartTests {
    /// The ways to start that this user has: an ordinary one stays in the foreground.
    static let ways = geteuid() == 0 ? ["-d", "-w", "-s"] : ["-d", "-s"]
    private static let held = "unable to set exclusive lock: Resource temporarily unavailable"

    @Test("a service is served, from the socket to the argument vector")
    func serves() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "argv") + " {a b} -o x=y", Line.unix("talk", "serve")])
        defer { system.end() }
        try system.start()
        let said = try #require(Caller.ask(.port(port)), "\(system.log)")
        let words = "test-child -n 127.0.0.1:\(port) -t inet -u -d mode=argv a b -o x=y"
        #expect(said.hasPrefix("GENERATION="))
        #expect(said.contains(" test-child -n 127.0.0.1:\(port) -t inet "), "\(said) for \(words)")
        #expect(said.hasSuffix(" mode=argv a b -o x=y\n"))
        let pid = try #require(Caller.pid(.path(system.queueDirectory + "/public/talk")))
        #expect(system.processes().map(\.pid).contains(pid))
        #expect(system.processes().allSatisfy { $0.parent == system.recordedPID })
    }

    @Test("a second master on the same queue directory gives up, and the first does not notice")
    func twoMasters() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        let first = try system.start()
        let text = "fatal: open lock file pid/master.pid: \(Self.held)"
        for option in Self.ways {
            let second = try system.runMaster(option)
            #expect(second.status == 1, "\(option): \(second)")
            #expect(second.output.contains(text), "\(option) says why where a person looks: \(second)")
        }
        #expect(system.count(text) == Self.ways.count, "\(system.log)")
        #expect(first.isRunning)
        #expect(system.recordedPID == first.pid, "the lock file still names the first")
        #expect(Caller.pid(.port(port)) != nil)
    }

    /// An optimized program gives an owner's descriptor up after the last use of it, and not at the end of a function.
    @Test(
        "the same with the release build: why it gives up is where a person looks",
        .enabled(
            if: Release.directory != nil,
            "SKIPPED: QM_RELEASE_PRODUCTS names no release build (scripts/test does)"
        ),
        arguments: ways
    )
    func twoReleasedMasters(_ option: String) throws {
        let system = try MailSystem([])
        defer { system.end() }
        let first = try system.start()
        try system.install(Release.path("master"), as: "master")
        let second = try system.runMaster(option)
        let text = "master: fatal: open lock file pid/master.pid: \(Self.held)"
        #expect(second.status == 1 && second.output.contains(text), "\(second)")
        #expect(first.isRunning)
    }

    @Test("a second master with a queue of its own but the same data directory gives up")
    func sharedData() throws {
        let system = try MailSystem([])
        let other = try MailSystem([], main: ["data_directory": system.dataDirectory])
        defer {
            system.end()
            other.end()
        }
        let first = try system.start()
        let second = try other.runMaster("-d")
        let text = "fatal: open lock file \(system.dataDirectory)/master.lock: \(Self.held)"
        #expect(second.status == 1)
        #expect(second.output.contains(text), "\(second)")
        #expect(other.count(text) == 1)
        #expect(first.isRunning)
    }

    @Test(
        "the lock file of a master that is gone is taken over",
        arguments: [
            "                           99999\n", "", "garbage that is longer than any pid ever written in here\n",
        ]
    )
    func staleLock(_ content: String) throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        try content.write(toFile: system.pidFile, atomically: false, encoding: .utf8)
        let master = try system.start()
        #expect(system.recordedPID == master.pid || content.utf8.count > 33)
        let text = try String(contentsOfFile: system.pidFile, encoding: .utf8)
        let line = String(repeating: " ", count: 32 - String(master.pid).count) + "\(master.pid)\n"
        #expect(text.hasPrefix(line), "33 bytes, the pid on the right")
        #expect(Caller.pid(.port(port)) != nil)
    }

    @Test(
        "requests that come before master listens to them end nothing, and are not kept",
        arguments: [SIGHUP, SIGUSR1, SIGUSR2]
    )
    func earlySignal(_ signal: Int32) throws {
        // When this thread stands still, master may listen to them by then.
        #expect(try (0..<10).contains { _ in try isIgnored(signal) })
    }

    /// - Returns: false when master may have listened to the signal when it came.
    private func isIgnored(_ signal: Int32) throws -> Bool {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        // A file that was edited a moment ago is waited for, at the beginning of a start.
        let main = try String(contentsOfFile: system.mainCf, encoding: .utf8)
        try main.write(toFile: system.mainCf, atomically: false, encoding: .utf8)
        let master = try system.launch(["-d"])
        let isWaiting = eventually(every: .milliseconds(1)) {
            ProcessTable.ignores(signal, master.pid) || system.count("daemon started -- version ") > 0
        }
        #expect(isWaiting && master.isRunning)
        #expect(kill(master.pid, signal) == 0)
        guard ProcessTable.ignores(signal, master.pid) else { return false }
        #expect(system.wait(for: "daemon started -- version "), "\(system.log) \(master.output)")
        #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil)
        #expect(system.count(" reload") == 0 && system.count("draining") == 0 && system.count("upgrade") == 0)
        #expect(!ProcessTable.ignores(signal, master.pid))
        return true
    }

    @Test("a lock file with a second name is refused")
    func hardLink() throws {
        let system = try MailSystem([])
        defer { system.end() }
        try "x".write(toFile: system.pidFile, atomically: false, encoding: .utf8)
        try FileManager.default.linkItem(atPath: system.pidFile, toPath: system.directory + "/other")
        let result = try system.runMaster("-d")
        #expect(result.status == 1)
        #expect(result.output.contains("fatal: open lock file pid/master.pid: file has 2 hard links"), "\(result)")
        #expect(try String(contentsOfFile: system.directory + "/other", encoding: .utf8) == "x", "and left alone")
    }

    @Test("-w returns when the daemon serves, and leaves it behind")
    func waits() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        let result = try system.runMaster("-w")
        // An ordinary user stays in the foreground.
        guard geteuid() == 0 else { return #expect(result.status == 1) }
        #expect(result.status == 0, "\(result)")
        #expect(result.output == "")
        #expect(system.count("daemon started -- version ") == 1, "already when -w returns")
        let pid = try #require(system.recordedPID)
        let daemon = try #require(ProcessSnapshot(pid))
        #expect(daemon.session == pid, "a session of its own")
        #expect(daemon.workingDirectory == system.queueDirectory)
        #expect(Caller.pid(.port(port)) != nil)
        kill(pid, SIGTERM)
        #expect(eventually { !ProcessTable.exists(pid) || ProcessSnapshot(pid)?.state == "Z" })
    }

    @Test("-e: master leaves when its time has come, and so do its children")
    func exitTime() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        // The child has to be there before the time has come; a machine that is too slow for that gets more of it.
        for seconds in [2, 8, 32] {
            let master = try system.launch(["-d", "-e", String(seconds)])
            var child: Int32?
            _ = eventually {
                child = Caller.pid(.port(port))
                return child != nil || !master.isRunning
            }
            let result = master.finish(timeout: patience + .seconds(seconds))
            #expect(result.status == 0, "\(result)")
            #expect(result.elapsed > .milliseconds(seconds * 900))
            guard let child else { continue }
            #expect(system.logLines.last?.hasSuffix("master exit time has arrived") == true, "\(system.log)")
            #expect(eventually { !ProcessTable.exists(child) })
            return
        }
        Issue.record("no child in 32 seconds: \(system.log)")
    }

    @Test(
        "-i: process 1 of a container serves, reaps strangers and ends with status 0",
        .enabled(if: geteuid() == 0, "SKIPPED: a process namespace needs root")
    )
    func initMode() throws {
        let port = try FreePort.next()
        let system = try MailSystem([Line.inet(port, "serve")])
        defer { system.end() }
        let container = ["/usr/bin/unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        guard try run(container + ["/bin/true"]).succeeded else { return }
        let outside = try system.start(["-i"], prefix: container)
        #expect(system.recordedPID == 1)
        let orphanMaker = "(sleep 1000 &) ; exit 0"
        let master = try #require(system.processes("master").first)
        let enter = ["/usr/bin/nsenter", "-t", String(master.pid), "-p", "/bin/sh", "-c", orphanMaker]
        #expect(try run(enter).succeeded)
        var orphans: [ProcessSnapshot] = []
        let isAdopted = eventually {
            orphans = ProcessTable.all.filter { $0.parent == master.pid && $0.name == "sleep" }
            return !orphans.isEmpty
        }
        #expect(isAdopted)
        for orphan in orphans {
            kill(orphan.pid, SIGKILL)
            #expect(eventually { !ProcessTable.exists(orphan.pid) }, "reaped by a parent that never knew it")
        }
        #expect(Caller.pid(.port(port)) != nil, "\(system.log)")
        #expect(system.count("unknown pid") <= 1)
        kill(master.pid, SIGTERM)
        let result = outside.finish()
        #expect(result.status == 0, "\(result) \(system.log)")
        #expect(system.count("terminating on signal 15") == 1)
    }
}
