//===----------------------------------------------------------------------===//
// Quartermaster: policyd, the whole program: what outlives it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct PolicydStateTests {
    @Test("killed in the middle of saving, 200 times, it loses no answer that was given")
    func killed() throws {
        let rounds = ProcessInfo.processInfo.environment["QM_QUICK"] == nil ? 200 : 20
        let scene = try Policyd.Scene(starts: false)
        var known: [String] = []
        var number = 0
        for round in 0..<rounds {
            try scene.start(Policyd.oneForEach)
            // What was answered before is known; of the last round all of it, of earlier ones every hundredth.
            let peers = try (0..<3).map { _ in try scene.connect() }
            for sender in known.suffix(60) {
                #expect(
                    try Policyd.ask(peers[0], sender, ["instance": "again\(round)"]) == "450 enough",
                    "round \(round)"
                )
            }
            // Three clients ask without a pause; the third waits for no answer, so that there is always work.
            for _ in 0..<(1 + round % 17) {
                for peer in peers[0...1] {
                    number += 1
                    let sender = "\(number)@example.com"
                    guard try Policyd.ask(peer, sender) == "DUNNO" else {
                        Issue.record("\(sender) was known")
                        continue
                    }
                    known.append(sender)
                }
            }
            let flood = (0..<100).map { Policyd.question("flood\(round).\($0)@example.com") }.joined()
            try peers[2].send(flood)
            // At another moment of its work each time.
            usleep(UInt32(round * 37 % 1500))
            try scene.kill()
            // What it answered to the third client before it died counts, too.
            var answers = 0
            // After the answers comes the end of the connection, or its reset.
            while (try? Policyd.answer(peers[2])) == "DUNNO" { answers += 1 }
            known += (0..<answers).map { "flood\(round).\($0)@example.com" }
        }
        try scene.start(Policyd.oneForEach)
        let peer = try scene.connect()
        for sender in known {
            let action = try Policyd.ask(peer, sender, ["instance": "last"])
            #expect(action == "450 enough", "\(sender) is lost")
        }
        #expect(known.count > rounds * 5)
        #expect(scene.room.log.count("damaged") == 0)
        #expect(scene.room.log.count("fatal") == 0)
    }

    @Test(
        "killed at any step of writing the file anew, it loses nothing",
        .enabled(if: access("/usr/bin/strace", X_OK) == 0, "SKIPPED: needs strace"),
        arguments: ["unlinkat", "openat", "pwrite64", "fdatasync", "renameat", "fsync"]
    )
    func killedWhileRewriting(_ call: String) throws {
        let scene = try Policyd.Scene(Policyd.oneForEach)
        let peer = try scene.connect()
        let senders = (0..<50).map { "\($0)@example.com" }
        for sender in ["first@example.com"] + senders { #expect(try Policyd.ask(peer, sender) == "DUNNO") }
        try scene.kill()
        // A damaged record in the middle is a reason to write the file anew at once.
        var bytes = [UInt8](try #require(FileManager.default.contents(atPath: scene.stateFile)))
        bytes[70] ^= 1
        _ = FileManager.default.createFile(
            atPath: scene.stateFile,
            contents: Data(bytes),
            attributes: [.posixPermissions: 0o600]
        )
        // Of openat(2) only the one that makes a new file has this flag set; strace counts those of the path.
        let path = scene.stateFile + ".new"
        let name = "policyd.state.new"
        let filter = ["unlinkat", "openat"].contains(call) ? ["-P", name, "-P", path] : []
        // At the start, what may be left of a new file is removed.
        let inject = "inject=\(call):signal=KILL:when=\(call == "unlinkat" ? 2 : 1)"
        try scene.start(
            Policyd.oneForEach,
            under: ["/usr/bin/strace", "-q", "-o", "/dev/null"] + filter + ["-e", inject]
        )
        let end = scene.child?.exit()
        #expect(end == 1000 + SIGKILL || end == 128 + SIGKILL, "\(String(describing: end))")
        func names() throws -> [String] {
            try FileManager.default.contentsOfDirectory(atPath: scene.room.directory.path)
                .filter { $0.hasPrefix("policyd.state") }.sorted()
        }
        // It was killed before the deed itself.
        let hasNew = ["pwrite64", "fdatasync", "renameat"].contains(call)
        #expect(try names() == ["policyd.state"] + (hasNew ? ["policyd.state.new"] : []))
        #expect(scene.room.log.contains("1 damaged records are left out"))
        try scene.start(Policyd.oneForEach)
        let other = try scene.connect()
        for sender in senders {
            #expect(try Policyd.ask(other, sender, ["instance": "again"]) == "450 enough", "\(sender) is lost")
        }
        #expect(try eventually { try names() == ["policyd.state"] })
        let isWhole = call == "fsync"
        #expect(scene.room.log.count("1 damaged records are left out") == (isWhole ? 1 : 2))
    }

    @Test(
        "a full disk stops no mail, and what could not be saved is saved later",
        .enabled(if: access("/usr/bin/strace", X_OK) == 0, "SKIPPED: needs strace")
    )
    func fullDisk() throws {
        let scene = try Policyd.Scene(Policyd.oneForEach)
        let peer = try scene.connect()
        #expect(try Policyd.ask(peer, "a@example.com") == "DUNNO")
        let pid = try #require(scene.child?.pid)
        let trace = try Traced(pid, "-e", "inject=pwrite64:error=ENOSPC:when=1")
        #expect(try Policyd.ask(peer, "b@example.com") == "DUNNO")
        trace.end()
        #expect(scene.room.log.contains("No space left on device -- decisions are not saved; trying again"))
        #expect(scene.room.log.contains("policyd.state: all decisions are saved again"))
        try scene.kill()
        try scene.start(Policyd.oneForEach)
        let other = try scene.connect()
        for sender in ["a@example.com", "b@example.com"] {
            #expect(try Policyd.ask(other, sender, ["instance": "2"]) == "450 enough")
        }
    }

    @Test("at a reload the next process waits for the one before, and nothing is lost")
    func handOver() throws {
        let scene = try Policyd.Scene(Policyd.oneForEach)
        let peer = try scene.connect()
        #expect(try Policyd.ask(peer, "a@example.com") == "DUNNO")
        let first = try #require(scene.child)
        try scene.start(Policyd.oneForEach)
        // It may well have come to the lock by now; either way, there is one writer.
        usleep(200_000)
        #expect(try Policyd.ask(peer, "b@example.com") == "DUNNO")
        first.closeStatus()
        #expect(first.exit() == 0)
        #expect(peer.isDisconnected(), "who stays connected connects again")
        let other = try scene.connect()
        for sender in ["a@example.com", "b@example.com"] {
            #expect(try Policyd.ask(other, sender, ["instance": "2"]) == "450 enough")
        }
        #expect(scene.room.log.count("fatal") == 0)
    }

    @Test(
        "a question that is half asked at a reload is answered by the process of before, and the next one knows of it"
    )
    func halfAsked() throws {
        let scene = try Policyd.Scene(Policyd.oneForEach)
        let peer = try scene.connect()
        #expect(try Policyd.ask(peer, "a@example.com") == "DUNNO")
        let first = try #require(scene.child)
        let question = Policyd.question("b@example.com")
        try peer.send(String(question.prefix(60)))
        // An answer to somebody else shows that the first part has been read.
        #expect(try Policyd.ask(try scene.connect(), "c@example.com") == "DUNNO")
        first.closeStatus()
        try scene.start(Policyd.oneForEach)
        try peer.send(String(question.dropFirst(60)))
        #expect(try Policyd.answer(peer) == "DUNNO")
        #expect(peer.isDisconnected())
        #expect(first.exit() == 0)
        let other = try scene.connect()
        for sender in ["a@example.com", "b@example.com", "c@example.com"] {
            #expect(try Policyd.ask(other, sender, ["instance": "2"]) == "450 enough")
        }
    }

    @Test(
        "a file that is removed, cut off or replaced while it is in use is written anew",
        arguments: ["rm", "cut", "mv"]
    )
    func takenAway(_ how: String) throws {
        let scene = try Policyd.Scene(Policyd.oneForEach + ["policyd_sync_interval=1s"])
        let peer = try scene.connect()
        for number in 0..<5 { #expect(try Policyd.ask(peer, "\(number)@example.com") == "DUNNO") }
        switch how {
        case "rm": unlink(scene.stateFile)
        case "cut": truncate(scene.stateFile, 64)
        default: rename(scene.stateFile, scene.stateFile + ".old")
        }
        #expect(try Policyd.ask(peer, "last@example.com") == "DUNNO")
        #expect(scene.room.log.contains("is gone, or is no longer the file that was written to -- writing all"))
        #expect(scene.room.log.contains("policyd.state: all decisions are saved again"))
        try scene.kill()
        try scene.start(Policyd.oneForEach)
        let other = try scene.connect()
        for sender in (0..<5).map(String.init) + ["last"] {
            #expect(try Policyd.ask(other, "\(sender)@example.com", ["instance": "2"]) == "450 enough")
        }
    }

    @Test(
        "what a disk that failed may have forgotten is written anew",
        .enabled(if: access("/usr/bin/strace", X_OK) == 0, "SKIPPED: needs strace")
    )
    func failedSynchronization() throws {
        let scene = try Policyd.Scene(Policyd.oneForEach + ["policyd_sync_interval=1s"])
        let pid = try #require(scene.child?.pid)
        let trace = try Traced(pid, "-e", "inject=fdatasync:error=EIO:when=1")
        #expect(try Policyd.ask(try scene.connect(), "a@example.com") == "DUNNO")
        #expect(scene.room.log.contains("Input/output error -- a power failure may undo decisions; writing them anew"))
        #expect(scene.room.log.contains("policyd.state: all decisions are saved again"))
        trace.end()
    }

    @Test(
        "what could not be saved before is saved when the process ends",
        .enabled(if: access("/usr/bin/strace", X_OK) == 0, "SKIPPED: needs strace")
    )
    func savedAtTheEnd() throws {
        let scene = try Policyd.Scene(Policyd.oneForEach)
        let pid = try #require(scene.child?.pid)
        let peer = try scene.connect()
        #expect(try Policyd.ask(peer, "a@example.com") == "DUNNO")
        // The file itself, and the first attempt to write it anew, ten seconds before the next one.
        let trace = try Traced(pid, "-e", "inject=pwrite64:error=ENOSPC:when=1..2")
        #expect(try Policyd.ask(peer, "b@example.com") == "DUNNO")
        let reason = "pwrite \(scene.stateFile).new: No space left on device"
        #expect(scene.room.log.contains("anew: \(reason) -- trying again in 10 seconds"))
        trace.end()
        try scene.leave()
        #expect(scene.room.log.contains("policyd.state: all decisions are saved again"))
        try scene.start(Policyd.oneForEach)
        #expect(try Policyd.ask(try scene.connect(), "b@example.com", ["instance": "2"]) == "450 enough")
    }

    @Test("a state file of another version is set aside")
    func foreign() throws {
        let scene = try Policyd.Scene(starts: false)
        let junk = Data("SQLite format 3\0 and so on, for longer than a head is: certainly so".utf8)
        _ = FileManager.default.createFile(
            atPath: scene.stateFile,
            contents: junk,
            attributes: [.posixPermissions: 0o600]
        )
        try scene.start()
        #expect(try Policyd.ask(try scene.connect(), "a@example.com")?.hasPrefix("defer_if_permit") == true)
        #expect(scene.room.log.contains("keeping it as \(scene.stateFile).set-aside, and beginning with nothing"))
        #expect(FileManager.default.contents(atPath: scene.stateFile + ".set-aside") == junk)
    }

    @Test("a symbolic link in the place of the state file ends it before it touches anything")
    func planted() throws {
        let scene = try Policyd.Scene(starts: false)
        let victim = try scene.room.directory.write("precious", to: "victim")
        #expect(symlink(victim, scene.stateFile) == 0)
        try scene.start()
        #expect(scene.child?.exit() == 1)
        #expect(scene.room.log.contains("fatal: policyd_state_file: \(scene.stateFile): it is a symbolic link"))
        #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
    }

    @Test("without the directory of its file it does not start")
    func noDirectory() throws {
        let scene = try Policyd.Scene(starts: false)
        let options = ["-t", "unix", "-l", "-o", "policyd_state_file=/nonexistent/state"]
        let child = try ServerChild("policyd", options, room: scene.room, listeners: [scene.listener.number])
        #expect(child.exit() == 1)
        #expect(scene.room.log.contains("fatal: policyd_state_file: cannot open the directory of /nonexistent/state"))
    }

    @Test("what was written reaches the disk within the interval")
    func synchronized() throws {
        let scene = try Policyd.Scene(["policyd_sync_interval=1s"])
        let pid = try #require(scene.child?.pid)
        let peer = try scene.connect()
        _ = try Policyd.ask(peer, "first@example.com")
        let trace = try Traced(pid, "-e", "trace=fdatasync")
        _ = try Policyd.ask(peer, "a@example.com")
        #expect(eventually { trace.report.contains("fdatasync(") })
        trace.end()
    }
}
