//===----------------------------------------------------------------------===//
// Quartermaster: policyd, the whole program
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct PolicydProcessTests {
    /// policyd on a UNIX socket, with a state file that outlives it.
    final class Scene {
        let room: ServerRoom
        let listener: Descriptor
        private(set) var child: ServerChild?
        var stateFile: String { room.directory.file("policyd.state") }

        init(_ options: [String] = [], starts: Bool = true) throws {
            room = try ServerRoom()
            listener = try room.unixListener()
            if starts { try start(options) }
        }

        func start(_ options: [String] = [], under tracer: [String] = []) throws {
            child = try launch(options, under: tracer)
        }

        /// One more process, as `master` starts one when it has told the one before to leave.
        func launch(_ options: [String], under tracer: [String] = []) throws -> ServerChild {
            let all = ["-t", "unix", "-l", "-o", "policyd_state_file=\(stateFile)"] + options.flatMap { ["-o", $0] }
            guard let program = tracer.first else {
                return try ServerChild("policyd", all, room: room, listeners: [listener.number])
            }
            let arguments = tracer.dropFirst() + [BuiltProducts.path("policyd")] + all
            return try ServerChild(program, arguments, room: room, listeners: [listener.number])
        }

        /// Ends it as `master` does at a reload.
        func leave() throws {
            let child = try #require(child)
            child.closeStatus()
            #expect(child.exit() == 0)
        }

        /// Kills it at whatever it does.
        func kill() throws {
            let child = try #require(child)
            Glibc.kill(child.pid, SIGKILL)
            #expect(child.exit() == 1000 + SIGKILL)
        }

        func connect() throws -> TestPeer { try room.connect() }
    }

    static func question(_ sender: String, _ changes: [String: String] = [:]) -> String {
        var values = [
            ("request", "smtpd_access_policy"), ("protocol_state", "RCPT"), ("client_address", "192.0.2.7"),
            ("client_name", "unknown"), ("sender", sender), ("recipient", "b@example.org"),
            ("instance", "\(sender).1"), ("recipient_count", "0"), ("sasl_username", ""), ("size", "0"),
        ]
        for (name, value) in changes {
            values.removeAll { $0.0 == name }
            values.append((name, value))
        }
        return values.map { "\($0)=\($1)\n" }.joined() + "\n"
    }

    static func answer(_ peer: TestPeer) throws -> String? {
        var text = ""
        while !text.hasSuffix("\n\n") {
            let more = try peer.receive(1)
            if more.isEmpty { return nil }
            text += more
        }
        return String(text.dropFirst("action=".count).dropLast(2))
    }

    static func ask(_ peer: TestPeer, _ sender: String, _ changes: [String: String] = [:]) throws -> String? {
        try peer.send(question(sender, changes))
        return try answer(peer)
    }

    private static let oneForEach = [
        "policyd_greylist=no", "policyd_sender_message_limit=1", "policyd_rate_time_unit=30d",
        "policyd_rate_action=450 enough", "policyd_rate_table_size=1000000",
    ]

    // MARK: answers

    @Test("a stranger has to wait, comes back, and is known from then on, across processes")
    func greylisting() throws {
        let options = ["policyd_greylist_delay=1s"]
        let scene = try Scene(options)
        let peer = try scene.connect()
        let wait = "defer_if_permit 4.2.0 Greylisted, try again in 1 seconds"
        #expect(try Self.ask(peer, "a@example.com") == wait)
        #expect(try eventually { try Self.ask(peer, "a@example.com") == "DUNNO" })
        #expect(try Self.ask(peer, "a@example.com", ["recipient": "c@example.org"]) == wait)
        #expect(try Self.ask(peer, "a@example.com", ["protocol_state": "DATA"]) == "DUNNO")
        try scene.leave()
        #expect(scene.room.log.contains("statistics: "))
        try scene.start(options)
        let other = try scene.connect()
        #expect(try Self.ask(other, "a@example.com") == "DUNNO")
        #expect(try Self.ask(other, "new@example.com") == wait)
        try scene.kill()
        try scene.start(options)
        #expect(try Self.ask(try scene.connect(), "a@example.com") == "DUNNO")
    }

    @Test("limits, with actions of the administrator's own")
    func limits() throws {
        let scene = try Scene([
            "policyd_greylist=no", "policyd_client_message_limit=2", "policyd_sender_recipient_limit=3",
            "policyd_rate_time_unit=10d", "policyd_rate_action=450 4.7.1 wait {seconds}s, please",
        ])
        let peer = try scene.connect()
        for number in 1...2 {
            #expect(try Self.ask(peer, "a@example.com", ["instance": "\(number)"]) == "DUNNO")
        }
        let refused = try Self.ask(peer, "a@example.com", ["instance": "3"]) ?? ""
        #expect(refused.wholeMatch(of: #/450 4\.7\.1 wait 4(31|32)\d\d\ds, please/#) != nil, "\(refused)")
        #expect(try Self.ask(peer, "a@example.com", ["instance": "2"]) == "DUNNO", "a third recipient")
        let fourth = try Self.ask(peer, "a@example.com", ["instance": "2"]) ?? ""
        #expect(fourth.hasPrefix("450 4.7.1 wait 28") || fourth.hasPrefix("450 4.7.1 wait 287"), "\(fourth)")
    }

    @Test("several questions at once, and one in pieces, are answered in order")
    func framing() throws {
        let scene = try Scene(Self.oneForEach)
        let peer = try scene.connect()
        let many = (0..<40).map { Self.question("\($0 / 2)@example.com", ["instance": "\($0)"]) }.joined()
        try peer.send(many)
        for index in 0..<40 { #expect(try Self.answer(peer) == (index % 2 == 0 ? "DUNNO" : "450 enough")) }
        let whole = Self.question("piece@example.com")
        for part in [whole.prefix(7), whole.dropFirst(7).prefix(100), whole.dropFirst(107)] {
            try peer.send(String(part))
        }
        #expect(try Self.answer(peer) == "DUNNO")
    }

    @Test("what is no question is answered with DUNNO and a warning a minute")
    func flaws() throws {
        let scene = try Scene()
        let peer = try scene.connect()
        try peer.send("request=junk\nprotocol_state=RCPT\n\n")
        #expect(try Self.answer(peer) == "DUNNO")
        try peer.send("request=smtpd_access_policy\nprotocol_state=RCPT\n\n")
        #expect(try Self.answer(peer) == "DUNNO")
        try peer.send("EHLO x\n\n")
        #expect(try Self.answer(peer) == "DUNNO")
        #expect(scene.room.log.contains("warning: a client sends something else than request=smtpd_access_policy"))
        #expect(scene.room.log.count("warning: a client ") == 1)
    }

    @Test("a question without an end ends the connection")
    func endless() throws {
        let scene = try Scene()
        let peer = try scene.connect()
        try peer.send("a=" + String(repeating: "x", count: 20_000))
        #expect(peer.isDisconnected())
        #expect(scene.room.log.contains("request exceeds 16384 bytes"))
    }

    @Test("a full table forgets the oldest, and says so")
    func fullTables() throws {
        let scene = try Scene([
            "policyd_greylist_table_size=100", "policyd_greylist_delay=1h", "policyd_rate_table_size=100",
            "policyd_recipient_message_limit=100", "policyd_rate_time_unit=1d", "policyd_greylist_authenticated=no",
        ])
        let peer = try scene.connect()
        for index in 0..<101 { _ = try Self.ask(peer, "\(index)@example.com") }
        #expect(scene.room.log.contains("greylist entries are forgotten early: the table is full"))
        for index in 0..<101 {
            let changes = ["sasl_username": "joe", "recipient": "\(index)@example.org"]
            #expect(try Self.ask(peer, "a@example.com", changes) == "DUNNO")
        }
        #expect(scene.room.log.contains("rates are forgotten early: the table is full"))
    }

    @Test("it outlives its use limit, and wants to be alone")
    func alone() throws {
        let scene = try Scene(starts: false)
        let options = ["-t", "unix", "-l", "-m", "1", "-o", "policyd_state_file=\(scene.stateFile)"]
        let child = try ServerChild("policyd", options, room: scene.room, listeners: [scene.listener.number])
        for number in 0..<3 {
            let action = try Self.ask(try scene.connect(), "\(number)@example.com")
            #expect(action?.hasPrefix("defer_if_permit") == true)
        }
        #expect(child.isRunning)
        let other = try ServerChild("policyd", ["-t", "unix"], room: scene.room, listeners: [scene.listener.number])
        #expect(other.exit() == 1)
        #expect(scene.room.log.contains("fatal: service policyd requires a process limit of 1"))
    }

    // MARK: lists

    @Test("a list that changes counts within the interval; one that is wrong changes nothing, and says where")
    func lists() throws {
        let scene = try Scene(starts: false)
        let path = scene.room.directory.file("clients")
        func write(_ text: String) throws { try text.write(toFile: path, atomically: true, encoding: .utf8) }
        try write("192.0.2.0/24\n")
        let options = [
            "policyd_client_allow_list=\(path)", "policyd_list_check_interval=1s", "policyd_greylist_delay=1h",
            "policyd_sender_allow_list=\(scene.room.directory.file("senders"))",
        ]
        try scene.start(options)
        let peer = try scene.connect()
        func isAllowed(_ address: String) throws -> Bool {
            try Self.ask(peer, "a@example.com", ["client_address": address]) == "DUNNO"
        }
        #expect(try isAllowed("192.0.2.7"))
        #expect(try !isAllowed("198.51.100.1"))
        #expect(scene.room.log.contains("\(path): 1 entries"))
        #expect(scene.room.log.contains("senders: No such file or directory -- going on with the list as it was"))

        try write("192.0.2.0/24\n198.51.100.1\n")
        #expect(try eventually { try isAllowed("198.51.100.1") })
        #expect(scene.room.log.contains("\(path): 2 entries"))

        try write("203.0.113.1\n192.0.2.1/24\n")
        let complaint = "warning: \(path), line 2: \"192.0.2.1/24\" has bits set behind its length (Write the address"
        let isSaid = try eventually {
            _ = try isAllowed("192.0.2.7")
            return scene.room.log.count(complaint) > 0
        }
        #expect(isSaid, "\(scene.room.log.text)")
        #expect(try isAllowed("192.0.2.7"))
        #expect(try !isAllowed("203.0.113.1"))

        try FileManager.default.removeItem(atPath: path)
        let isMissed = try eventually {
            _ = try isAllowed("192.0.2.7")
            return scene.room.log.count("\(path): No such file or directory -- going on") > 0
        }
        #expect(isMissed)
        #expect(try isAllowed("192.0.2.7"))

        try write("203.0.113.1\n")
        #expect(try eventually { try isAllowed("203.0.113.1") })
        #expect(try !isAllowed("192.0.2.7"))
        #expect(scene.room.log.count(complaint) == 1, "once for a file")
    }

    // MARK: saved state

    @Test("killed in the middle of saving, 200 times, it loses no answer that was given")
    func killed() throws {
        let rounds = ProcessInfo.processInfo.environment["QM_QUICK"] == nil ? 200 : 20
        let scene = try Scene(starts: false)
        var known: [String] = []
        var number = 0
        for round in 0..<rounds {
            try scene.start(Self.oneForEach)
            // What was answered before is known; of the last round all of it, of earlier ones every hundredth.
            let peers = try (0..<3).map { _ in try scene.connect() }
            for sender in known.suffix(60) {
                #expect(try Self.ask(peers[0], sender, ["instance": "again\(round)"]) == "450 enough", "round \(round)")
            }
            // Three clients ask without a pause; the third waits for no answer, so that there is always work.
            for _ in 0..<(1 + round % 17) {
                for peer in peers[0...1] {
                    number += 1
                    let sender = "\(number)@example.com"
                    guard try Self.ask(peer, sender) == "DUNNO" else {
                        Issue.record("\(sender) was known")
                        continue
                    }
                    known.append(sender)
                }
            }
            let flood = (0..<100).map { Self.question("flood\(round).\($0)@example.com") }.joined()
            try peers[2].send(flood)
            // At another moment of its work each time.
            usleep(UInt32(round * 37 % 1500))
            try scene.kill()
            // What it answered to the third client before it died counts, too.
            var answers = 0
            // After the answers comes the end of the connection, or its reset.
            while (try? Self.answer(peers[2])) == "DUNNO" { answers += 1 }
            known += (0..<answers).map { "flood\(round).\($0)@example.com" }
        }
        try scene.start(Self.oneForEach)
        let peer = try scene.connect()
        for sender in known {
            let action = try Self.ask(peer, sender, ["instance": "last"])
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
        let scene = try Scene(Self.oneForEach)
        let peer = try scene.connect()
        let senders = (0..<50).map { "\($0)@example.com" }
        for sender in ["first@example.com"] + senders { #expect(try Self.ask(peer, sender) == "DUNNO") }
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
        let inject = "inject=\(call):signal=KILL:when=1"
        try scene.start(
            Self.oneForEach,
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
        try scene.start(Self.oneForEach)
        let other = try scene.connect()
        for sender in senders {
            #expect(try Self.ask(other, sender, ["instance": "again"]) == "450 enough", "\(sender) is lost")
        }
        #expect(try names() == ["policyd.state"])
        let isWhole = call == "fsync"
        #expect(scene.room.log.count("1 damaged records are left out") == (isWhole ? 1 : 2))
    }

    @Test(
        "a full disk stops no mail, and what could not be saved is saved later",
        .enabled(if: access("/usr/bin/strace", X_OK) == 0, "SKIPPED: needs strace")
    )
    func fullDisk() throws {
        let scene = try Scene(Self.oneForEach)
        let peer = try scene.connect()
        #expect(try Self.ask(peer, "a@example.com") == "DUNNO")
        let pid = try #require(scene.child?.pid)
        let trace = try Traced(pid, "-e", "inject=pwrite64:error=ENOSPC:when=1")
        #expect(try Self.ask(peer, "b@example.com") == "DUNNO")
        trace.end()
        #expect(scene.room.log.contains("No space left on device -- decisions are not saved; trying again"))
        #expect(scene.room.log.contains("policyd.state: all decisions are saved again"))
        try scene.kill()
        try scene.start(Self.oneForEach)
        let other = try scene.connect()
        for sender in ["a@example.com", "b@example.com"] {
            #expect(try Self.ask(other, sender, ["instance": "2"]) == "450 enough")
        }
    }

    @Test("at a reload the next process waits for the one before, and nothing is lost")
    func handOver() throws {
        let scene = try Scene(Self.oneForEach)
        let peer = try scene.connect()
        #expect(try Self.ask(peer, "a@example.com") == "DUNNO")
        let first = try #require(scene.child)
        try scene.start(Self.oneForEach)
        // It may well have come to the lock by now; either way, there is one writer.
        usleep(200_000)
        #expect(try Self.ask(peer, "b@example.com") == "DUNNO")
        first.closeStatus()
        #expect(first.exit() == 0)
        #expect(peer.isDisconnected(), "who stays connected connects again")
        let other = try scene.connect()
        for sender in ["a@example.com", "b@example.com"] {
            #expect(try Self.ask(other, sender, ["instance": "2"]) == "450 enough")
        }
        #expect(scene.room.log.count("fatal") == 0)
    }

    @Test(
        "a question that is half asked at a reload is answered by the process of before, and the next one knows of it"
    )
    func halfAsked() throws {
        let scene = try Scene(Self.oneForEach)
        let peer = try scene.connect()
        #expect(try Self.ask(peer, "a@example.com") == "DUNNO")
        let first = try #require(scene.child)
        let question = Self.question("b@example.com")
        try peer.send(String(question.prefix(60)))
        // An answer to somebody else shows that the first part has been read.
        #expect(try Self.ask(try scene.connect(), "c@example.com") == "DUNNO")
        first.closeStatus()
        try scene.start(Self.oneForEach)
        try peer.send(String(question.dropFirst(60)))
        #expect(try Self.answer(peer) == "DUNNO")
        #expect(peer.isDisconnected())
        #expect(first.exit() == 0)
        let other = try scene.connect()
        for sender in ["a@example.com", "b@example.com", "c@example.com"] {
            #expect(try Self.ask(other, sender, ["instance": "2"]) == "450 enough")
        }
    }

    @Test("a state file of another version is set aside")
    func foreign() throws {
        let scene = try Scene(starts: false)
        let junk = Data("SQLite format 3\0 and so on, for longer than a head is: certainly so".utf8)
        _ = FileManager.default.createFile(
            atPath: scene.stateFile,
            contents: junk,
            attributes: [.posixPermissions: 0o600]
        )
        try scene.start()
        #expect(try Self.ask(try scene.connect(), "a@example.com")?.hasPrefix("defer_if_permit") == true)
        #expect(scene.room.log.contains("keeping it as \(scene.stateFile).set-aside, and beginning with nothing"))
        #expect(FileManager.default.contents(atPath: scene.stateFile + ".set-aside") == junk)
    }

    @Test("a symbolic link in the place of the state file ends it before it touches anything")
    func planted() throws {
        let scene = try Scene(starts: false)
        let victim = try scene.room.directory.write("precious", to: "victim")
        #expect(symlink(victim, scene.stateFile) == 0)
        try scene.start()
        #expect(scene.child?.exit() == 1)
        #expect(scene.room.log.contains("fatal: policyd_state_file: \(scene.stateFile): it is a symbolic link"))
        #expect(try String(contentsOfFile: victim, encoding: .utf8) == "precious")
    }

    @Test("without the directory of its file it does not start")
    func noDirectory() throws {
        let scene = try Scene(starts: false)
        let options = ["-t", "unix", "-l", "-o", "policyd_state_file=/nonexistent/state"]
        let child = try ServerChild("policyd", options, room: scene.room, listeners: [scene.listener.number])
        #expect(child.exit() == 1)
        #expect(scene.room.log.contains("fatal: policyd_state_file: cannot open the directory of /nonexistent/state"))
    }

    @Test("what was written reaches the disk within the interval")
    func synchronized() throws {
        let scene = try Scene(["policyd_sync_interval=1s"])
        let pid = try #require(scene.child?.pid)
        let peer = try scene.connect()
        _ = try Self.ask(peer, "first@example.com")
        let trace = try Traced(pid, "-e", "trace=fdatasync")
        _ = try Self.ask(peer, "a@example.com")
        #expect(eventually { trace.report.contains("fdatasync(") })
        trace.end()
    }
}
