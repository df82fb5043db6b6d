//===----------------------------------------------------------------------===//
// Quartermaster: tests of reloads that have to wait
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

/// A reload may have to wait for a name or for an editor; everybody else is served meanwhile.
@Suite("Reloads that wait", .timeLimit(.minutes(60))) struct ReloadWaitTests {
    /// A running system whose resolver hangs or is slow for some names.
    private final class Scene {
        let system: MailSystem
        let port: UInt16
        let master: RunningProcess

        init(timeLimit: String) throws {
            port = try FreePort.next()
            system = try MailSystem([Line.inet(port, "serve")], main: ["master_name_lookup_time_limit": timeLimit])
            let source = (#filePath as NSString).deletingLastPathComponent + "/../Support/hanging-names/hanging_names.c"
            let library = system.directory + "/hanging_names.so"
            let built = try run(["/usr/bin/env", "clang", "-shared", "-fPIC", "-O2", "-o", library, source])
            guard built.succeeded else { throw TestSupportError("cannot build the resolver: \(built)") }
            // The environment of children is cleaned up: only master gets the library.
            master = try system.start(prefix: ["/usr/bin/env", "LD_PRELOAD=\(library)"])
        }

        /// Asks for a reload with a service at this host.
        func askForReload(withHost host: String, port: UInt16) throws {
            try system.setServices([
                Line.inet(self.port, "serve"), "\(host):\(port) inet n - n - 5 test-child mode=serve",
            ])
            kill(master.pid, SIGHUP)
        }

        /// The same, and waits until its name is being looked up, or the time for that is over.
        func reload(withHost host: String, port: UInt16) throws {
            let refused = system.count(" reload refused: ")
            try askForReload(withHost: host, port: port)
            // One that looks up accounts is there for a moment before; this one stays, and sleeps.
            var last: Int32?
            let isAsked = eventually {
                let now = helpers
                defer { last = now.first }
                if system.count(" reload refused: ") > refused { return true }
                return now.count == 1 && now.first == last && ProcessSnapshot(now[0])?.state == "S"
            }
            guard isAsked else { throw TestSupportError("no helper:\n\(system.log)") }
        }

        /// Copies of master that look names up.
        var helpers: [Int32] { system.processes("master").map(\.pid).filter { $0 != master.pid } }
    }

    @Test("a resolver that hangs: others are served, the reload is refused in time, and a good one is accepted")
    func hangingResolver() throws {
        let patient = try Scene(timeLimit: "600s")
        defer { patient.system.end() }
        try patient.reload(withHost: "hangs.example", port: try FreePort.next())
        for _ in 0..<20 { #expect(Caller.pid(.port(patient.port)) != nil, "served while a name is looked up") }
        kill(patient.master.pid, SIGHUP)
        try patient.system.settle()
        #expect(patient.helpers.count == 1, "a second signal starts no second reload")

        let scene = try Scene(timeLimit: "2s")
        let system = scene.system
        defer { system.end() }
        try scene.askForReload(withHost: "hangs.example", port: try FreePort.next())
        #expect(system.wait(for: " reload refused: "), "\(system.log)")
        #expect(system.count("warning: cannot look up host \"hangs.example\": no answer after 2 seconds") == 1)
        #expect(system.count(" reload refused: ") == 1)
        #expect(eventually { scene.helpers.isEmpty }, "the helper is ended and buried")
        try system.setServices([Line.inet(scene.port, "serve")])
        #expect(try system.reload(), "\(system.log)")
        #expect(Caller.pid(.port(scene.port)) != nil)
    }

    @Test("the process that looks names up is stopped for a while: it is none that nobody knows")
    func stoppedHelper() throws {
        let scene = try Scene(timeLimit: "600s")
        let system = scene.system
        defer { system.end() }
        try scene.reload(withHost: "hangs.example", port: try FreePort.next())
        let helper = try #require(scene.helpers.first)
        kill(helper, SIGSTOP)
        #expect(eventually { ProcessSnapshot(helper)?.state == "T" })
        try system.settle()
        kill(helper, SIGCONT)
        try system.settle()
        #expect(scene.helpers == [helper], "it is waited for")
        kill(helper, SIGKILL)
        #expect(system.wait(for: " reload refused: "), "\(system.log)")
        #expect(eventually { scene.helpers.isEmpty })
        try system.settle()
        #expect(system.count("ignoring unknown pid") == 0, "\(system.log)")
    }

    @Test("a signal during a look-up that has no answer: what the files say by then is accepted")
    func correctedMeanwhile() throws {
        // A machine on which the signal comes too late gets more time.
        let isSeen = try [5, 20, 80].contains { seconds in
            let scene = try Scene(timeLimit: "\(seconds)s")
            defer { scene.system.end() }
            return try isCorrected(scene, "no answer after \(seconds) seconds") {}
        }
        #expect(isSeen)
    }

    @Test("the same when the process that looks up has ended; the next look-up that fails is refused")
    func correctedAfterKill() throws {
        let scene = try Scene(timeLimit: "600s")
        let system = scene.system
        defer { system.end() }
        let isSeen = try isCorrected(scene, "the process that asks for it has ended early") {
            for pid in scene.helpers { kill(pid, SIGKILL) }
        }
        #expect(isSeen)
        // Once for a signal: there is no other one now.
        try scene.reload(withHost: "hangs.example", port: try FreePort.next())
        for pid in scene.helpers { kill(pid, SIGKILL) }
        #expect(system.wait(for: " reload refused: "), "\(system.log)\n\(scene.helpers)")
        #expect(system.count(Self.again) == 1)
    }

    private static let again = "reading the configuration again, as was asked meanwhile"

    /// - Returns: false when the look-up was over before the signal came.
    private func isCorrected(_ scene: Scene, _ reason: String, deed: () -> Void) throws -> Bool {
        let system = scene.system
        let added = try FreePort.next()
        try scene.reload(withHost: "hangs.example", port: try FreePort.next())
        try system.setServices([Line.inet(scene.port, "serve"), Line.inet(added, "serve")])
        kill(scene.master.pid, SIGHUP)
        #expect(system.wait(for: " reload -- version ", count: 2))
        deed()
        #expect(system.wait(for: " reload accepted: added 127.0.0.1:\(added)/inet"), "\(system.log)")
        if system.count(" reload refused: ") > 0 { return false }
        let warning = "warning: reload: host \"hangs.example\": \(reason) -- \(Self.again)"
        #expect(system.count(warning) == 1, "\(system.log)")
        #expect(Caller.pid(.port(added)) != nil)
        #expect(eventually { scene.helpers.isEmpty })
        return true
    }

    @Test("a slow name: the reload is done when the answer is there")
    func slowName() throws {
        let scene = try Scene(timeLimit: "60s")
        let system = scene.system
        defer { system.end() }
        let added = try FreePort.next()
        try scene.askForReload(withHost: "slow.example", port: added)
        #expect(system.wait(for: " reload accepted: added slow.example:\(added)/inet"), "\(system.log)")
        #expect(Caller.pid(.port(added)) != nil)
        #expect(eventually { scene.helpers.isEmpty })
    }

    @Test("a helper that is killed: the reload is refused")
    func killedHelper() throws {
        let scene = try Scene(timeLimit: "600s")
        let system = scene.system
        defer { system.end() }
        try scene.reload(withHost: "hangs.example", port: try FreePort.next())
        for pid in scene.helpers { kill(pid, SIGKILL) }
        #expect(system.wait(for: " reload refused: "), "\(system.log)")
        #expect(system.count("cannot look up host \"hangs.example\": the process that asks for it has ended") == 1)
    }

    @Test("master ends in the middle of a look-up: the helper ends too", arguments: [SIGTERM, SIGKILL])
    func endOfMaster(_ signal: Int32) throws {
        let scene = try Scene(timeLimit: "600s")
        defer { scene.system.end() }
        try scene.reload(withHost: "hangs.example", port: try FreePort.next())
        scene.master.send(signal)
        #expect(!scene.master.finish().timedOut)
        #expect(eventually { scene.helpers.isEmpty })
    }

    @Test("the helper holds nothing of master's but its pipe")
    func descriptorsOfHelper() throws {
        let scene = try Scene(timeLimit: "600s")
        defer { scene.system.end() }
        try scene.reload(withHost: "hangs.example", port: try FreePort.next())
        let directory = "/proc/\(scene.helpers[0])/fd"
        let numbers = try FileManager.default.contentsOfDirectory(atPath: directory).compactMap { Int32($0) }
        let above = numbers.filter { $0 > 2 }
        #expect(above.count == 1)
        let link = try FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\(above[0])")
        #expect(link.hasPrefix("pipe:"))
    }

    @Test("two signals while main.cf is being edited: one reload, when it has settled")
    func editedMain() throws {
        // When this thread stands still, the file has settled before the second signal comes.
        #expect(try (0..<10).contains { _ in try areTwoSignalsOneReload() })
    }

    /// - Returns: false when the first reload was over before the second signal came.
    private func areTwoSignalsOneReload() throws -> Bool {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        let main = try String(contentsOfFile: system.mainCf, encoding: .utf8)
        try main.write(toFile: system.mainCf, atomically: false, encoding: .utf8)
        kill(master.pid, SIGHUP)
        #expect(system.wait(for: " reload -- version "))
        kill(master.pid, SIGHUP)
        #expect(system.wait(for: " reload -- version ", count: 2))
        if system.count(" reload accepted: ") > 0 { return false }
        #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil)
        #expect(system.wait(for: " reload accepted: "), "\(system.log)")
        try system.settle()
        #expect(system.count(" reload -- version ") == 2)
        #expect(system.count(" reload accepted: ") == 1)
        #expect(system.count("reload: main.cf was edited a moment ago") == 1)
        return true
    }

    @Test("a main.cf that is written again and again is read after a while, and the log says so once")
    func restlessMain() throws {
        // When this thread stands still, the file settles.
        #expect(try (0..<10).contains { _ in try isReadWhileWritten() })
    }

    /// - Returns: false when there was a pause between two times that it was written.
    private func isReadWhileWritten() throws -> Bool {
        let system = try MailSystem([Line.unix("talk", "serve")])
        defer { system.end() }
        let master = try system.start()
        var last = ContinuousClock.now
        var longestPause = Duration.zero
        let isDone = eventually(every: .milliseconds(200)) {
            utimes(system.mainCf, nil)
            longestPause = max(longestPause, ContinuousClock.now - last)
            last = ContinuousClock.now
            if system.count(" reload -- version ") == 0 { kill(master.pid, SIGHUP) }
            return system.count(" reload accepted: ") > 0
        }
        #expect(isDone, "\(system.log)")
        if longestPause > .milliseconds(900) { return false }
        #expect(system.count("reload: main.cf was edited a moment ago") == 1)
        #expect(system.count("warning: reload: main.cf is still being edited after 10 seconds") == 1)
        #expect(Caller.pid(.path(system.queueDirectory + "/public/talk")) != nil)
        return true
    }
}
