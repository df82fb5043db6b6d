//===----------------------------------------------------------------------===//
// Quartermaster: policyd, the whole program: its answers
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

struct PolicydProcessTests {
    @Test("a stranger has to wait, comes back, and is known from then on, across processes")
    func greylisting() throws {
        let options = ["policyd_greylist_delay=1s"]
        let scene = try Policyd.Scene(options)
        let peer = try scene.connect()
        let wait = "defer_if_permit 4.2.0 Greylisted, try again in 1 seconds"
        #expect(try Policyd.ask(peer, "a@example.com") == wait)
        #expect(try eventually { try Policyd.ask(peer, "a@example.com") == "DUNNO" })
        #expect(try Policyd.ask(peer, "a@example.com", ["recipient": "c@example.org"]) == wait)
        #expect(try Policyd.ask(peer, "a@example.com", ["protocol_state": "DATA"]) == "DUNNO")
        try scene.leave()
        #expect(scene.room.log.contains("statistics: "))
        try scene.start(options)
        let other = try scene.connect()
        #expect(try Policyd.ask(other, "a@example.com") == "DUNNO")
        #expect(try Policyd.ask(other, "new@example.com") == wait)
        try scene.kill()
        try scene.start(options)
        #expect(try Policyd.ask(try scene.connect(), "a@example.com") == "DUNNO")
    }

    @Test("limits, with actions of the administrator's own")
    func limits() throws {
        let scene = try Policyd.Scene([
            "policyd_greylist=no", "policyd_client_message_limit=2", "policyd_sender_recipient_limit=3",
            "policyd_rate_time_unit=10d", "policyd_rate_action=450 4.7.1 wait {seconds}s, please",
        ])
        let peer = try scene.connect()
        for number in 1...2 {
            #expect(try Policyd.ask(peer, "a@example.com", ["instance": "\(number)"]) == "DUNNO")
        }
        let refused = try Policyd.ask(peer, "a@example.com", ["instance": "3"]) ?? ""
        #expect(refused.wholeMatch(of: #/450 4\.7\.1 wait 4(31|32)\d\d\ds, please/#) != nil, "\(refused)")
        #expect(try Policyd.ask(peer, "a@example.com", ["instance": "2"]) == "DUNNO", "a third recipient")
        let fourth = try Policyd.ask(peer, "a@example.com", ["instance": "2"]) ?? ""
        #expect(fourth.hasPrefix("450 4.7.1 wait 28") || fourth.hasPrefix("450 4.7.1 wait 287"), "\(fourth)")
    }

    @Test("several questions at once, and one in pieces, are answered in order")
    func framing() throws {
        let scene = try Policyd.Scene(Policyd.oneForEach)
        let peer = try scene.connect()
        let many = (0..<40).map { Policyd.question("\($0 / 2)@example.com", ["instance": "\($0)"]) }.joined()
        try peer.send(many)
        for index in 0..<40 { #expect(try Policyd.answer(peer) == (index % 2 == 0 ? "DUNNO" : "450 enough")) }
        let whole = Policyd.question("piece@example.com")
        for part in [whole.prefix(7), whole.dropFirst(7).prefix(100), whole.dropFirst(107)] {
            try peer.send(String(part))
        }
        #expect(try Policyd.answer(peer) == "DUNNO")
    }

    @Test("what is no question is answered with DUNNO and a warning a minute")
    func flaws() throws {
        let scene = try Policyd.Scene()
        let peer = try scene.connect()
        try peer.send("request=junk\nprotocol_state=RCPT\n\n")
        #expect(try Policyd.answer(peer) == "DUNNO")
        try peer.send("request=smtpd_access_policy\nprotocol_state=RCPT\n\n")
        #expect(try Policyd.answer(peer) == "DUNNO")
        try peer.send("EHLO x\n\n")
        #expect(try Policyd.answer(peer) == "DUNNO")
        #expect(scene.room.log.contains("warning: a client sends something else than request=smtpd_access_policy"))
        #expect(scene.room.log.count("warning: a client ") == 1)
    }

    @Test("a question without an end ends the connection")
    func endless() throws {
        let scene = try Policyd.Scene()
        let peer = try scene.connect()
        try peer.send("a=" + String(repeating: "x", count: 20_000))
        #expect(peer.isDisconnected())
        #expect(scene.room.log.contains("request exceeds 16384 bytes"))
    }

    @Test("a full table forgets the oldest, and says so")
    func fullTables() throws {
        let scene = try Policyd.Scene([
            "policyd_greylist_table_size=100", "policyd_greylist_delay=1h", "policyd_rate_table_size=100",
            "policyd_recipient_message_limit=100", "policyd_rate_time_unit=1d", "policyd_greylist_authenticated=no",
        ])
        let peer = try scene.connect()
        for index in 0..<101 { _ = try Policyd.ask(peer, "\(index)@example.com") }
        #expect(scene.room.log.contains("greylist entries are forgotten early: the table is full"))
        for index in 0..<101 {
            let changes = ["sasl_username": "joe", "recipient": "\(index)@example.org"]
            #expect(try Policyd.ask(peer, "a@example.com", changes) == "DUNNO")
        }
        #expect(scene.room.log.contains("rates are forgotten early: the table is full"))
    }

    @Test("it outlives its use limit, and wants to be alone")
    func alone() throws {
        let scene = try Policyd.Scene(starts: false)
        let options = ["-t", "unix", "-l", "-m", "1", "-o", "policyd_state_file=\(scene.stateFile)"]
        let child = try ServerChild("policyd", options, room: scene.room, listeners: [scene.listener.number])
        for number in 0..<3 {
            let action = try Policyd.ask(try scene.connect(), "\(number)@example.com")
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
        let scene = try Policyd.Scene(starts: false)
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
            try Policyd.ask(peer, "a@example.com", ["client_address": address]) == "DUNNO"
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
}
