//===----------------------------------------------------------------------===//
// Quartermaster: policyd for tests, and questions of smtpd
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import SystemCalls
import TestSupport
import Testing

/// Questions to a process of policyd.
enum Policyd {
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

    static let oneForEach = [
        "policyd_greylist=no", "policyd_sender_message_limit=1", "policyd_rate_time_unit=30d",
        "policyd_rate_action=450 enough", "policyd_rate_table_size=1000000",
    ]
}
