//===----------------------------------------------------------------------===//
// Quartermaster: our policyd asked by Debian's smtpd
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// Greylisting, limits and lists, seen from what smtpd says to its clients.
    @Suite("policyd") struct PolicydTests {
        /// A Postfix whose smtpd asks our policyd, with the parameters given.
        private func sandbox(
            under master: MasterUnderTest,
            _ parameters: [String: String],
            restriction: String = "smtpd_recipient_restrictions",
            line: String = "policyd unix - - n - 1 policyd"
        ) throws -> PostfixSandbox {
            let sandbox = try master.sandbox()
            try sandbox.install(BuiltProducts.path("policyd"), as: "policyd")
            var all = parameters
            all[restriction] = "check_policy_service unix:private/policyd"
            try sandbox.setMain(all)
            try sandbox.addService(line)
            return sandbox
        }

        @Test(
            "a stranger is greylisted, comes back and is let in",
            arguments: [MasterUnderTest.debian, .quartermaster]
        )
        func greylisting(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(under: master, ["policyd_greylist_delay": "2s"])
            defer { sandbox.destroy() }
            try sandbox.start()
            let session = try Session(sandbox)
            let wait = "450 4.2.0 <to@example.com>: Recipient address rejected: Greylisted, try again in "
            let first = session.recipient(from: "a@example.net", to: "to@example.com")
            #expect(first.hasPrefix(wait), "\(first)\n\(sandbox.logTail())")
            let isLetIn = eventually {
                session.recipient(from: "a@example.net", to: "to@example.com").hasPrefix("250 ")
            }
            #expect(isLetIn, "\(sandbox.logTail())")
            #expect(session.recipient(from: "b@example.net", to: "to@example.com").hasPrefix(wait), "another sender")
            #expect(session.recipient(from: "", to: "to@example.com").hasPrefix(wait), "the null sender")

            // It is remembered across a reload, which ends policyd, and a kill, which ends it without a word.
            try sandbox.reload()
            #expect(try Session(sandbox).recipient(from: "a@example.net", to: "to@example.com").hasPrefix("250 "))
            let daemon = try #require(sandbox.processes(named: "policyd").first)
            kill(daemon.pid, SIGKILL)
            #expect(eventually { !ProcessTable.exists(daemon.pid) })
            let after = try Session(sandbox)
            #expect(
                after.recipient(from: "a@example.net", to: "to@example.com").hasPrefix("250 "),
                "\(sandbox.logTail())"
            )
            #expect(sandbox.alarms.filter { !$0.contains("killed by signal 9") } == [])
            let owner = try FileManager.default.attributesOfItem(atPath: sandbox.dataDirectory + "/policyd.state")
            #expect(owner[.ownerAccountName] as? String == "postfix")
            #expect(owner[.posixPermissions] as? Int == 0o600)
        }

        @Test("a limit on messages is seen at RCPT", arguments: [MasterUnderTest.debian, .quartermaster])
        func messageLimit(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(
                under: master,
                ["policyd_greylist": "no", "policyd_client_message_limit": "3", "policyd_rate_time_unit": "1d"]
            )
            defer { sandbox.destroy() }
            try sandbox.start()
            let session = try Session(sandbox)
            for number in 1...3 {
                let sender = "a\(number)@example.net"
                #expect(session.recipient(from: sender, to: "to@example.com").hasPrefix("250 "), "\(sandbox.logTail())")
                #expect(session.another("too@example.com").hasPrefix("250 "), "the same message")
            }
            let refused = session.recipient(from: "a4@example.net", to: "to@example.com")
            let text = "450 4.7.1 <to@example.com>: Recipient address rejected: Too much mail, try again in "
            #expect(refused.hasPrefix(text), "\(refused)")
            #expect(sandbox.alarms == [])
        }

        @Test(
            "a limit on recipients is seen at the end of a message, of all recipients at once",
            arguments: [MasterUnderTest.debian, .quartermaster]
        )
        func recipientLimit(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(
                under: master,
                [
                    "policyd_sender_recipient_limit": "4", "policyd_rate_time_unit": "1d",
                    "policyd_rate_action": "450 4.7.1 Slow",
                ],
                restriction: "smtpd_end_of_data_restrictions"
            )
            defer { sandbox.destroy() }
            let sink = try SmtpSink(for: sandbox)
            defer { sink.end() }
            try sandbox.start()
            let session = try Session(sandbox)
            func send(_ recipients: Int) -> String {
                _ = session.recipient(from: "a@example.net", to: "1@example.com")
                for number in 2..<(recipients + 1) { _ = session.another("\(number)@example.com") }
                return session.content()
            }
            #expect(send(3).hasPrefix("250 2.0.0 Ok"), "\(sandbox.logTail())")
            let refused = send(2)
            #expect(refused.hasPrefix("450 4.7.1 "), "\(refused)")
            #expect(refused.contains("Slow"))
            #expect(send(1).hasPrefix("250 2.0.0 Ok"), "one fits")
            #expect(sink.recipients(expecting: 4).count == 4)
            #expect(sandbox.alarms == [])
        }

        @Test("a list is read again when it changes", arguments: [MasterUnderTest.debian, .quartermaster])
        func lists(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(
                under: master,
                [
                    "policyd_greylist_delay": "1h", "policyd_list_check_interval": "1s",
                    "policyd_sender_allow_list": "$config_directory/senders",
                    "policyd_client_allow_list": "$config_directory/clients",
                ]
            )
            defer { sandbox.destroy() }
            func write(_ text: String, _ name: String) throws {
                try text.write(toFile: sandbox.configDirectory + "/" + name, atomically: true, encoding: .utf8)
            }
            try write("friend@example.net\n", "senders")
            try write("# nobody\n", "clients")
            try sandbox.start()
            let session = try Session(sandbox)
            #expect(session.recipient(from: "friend@example.net", to: "to@example.com").hasPrefix("250 "))
            #expect(session.recipient(from: "b@example.net", to: "to@example.com").hasPrefix("450 "))
            try write("127.0.0.1/8\n", "clients")
            let isSaid = eventually {
                _ = session.recipient(from: "b@example.net", to: "to@example.com")
                return sandbox.occurrences(of: "clients, line 1: \"127.0.0.1/8\" has bits set behind its length (") == 1
            }
            #expect(isSaid, "\(sandbox.logTail())")
            #expect(session.recipient(from: "b@example.net", to: "to@example.com").hasPrefix("450 "))
            try write("127.0.0.0/8\n", "clients")
            let isLetIn = eventually {
                session.recipient(from: "b@example.net", to: "to@example.com").hasPrefix("250 ")
            }
            #expect(isLetIn, "\(sandbox.logTail())")
            #expect(sandbox.alarms == [])
        }

        @Test("it works in a jail, and with a mail load", arguments: [MasterUnderTest.quartermaster, .debian])
        func load(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(
                under: master,
                [
                    "policyd_greylist": "no", "policyd_client_message_limit": "1000000",
                    "policyd_recipient_message_limit": "10", "policyd_sender_recipient_limit": "1000000",
                ],
                line: "policyd unix - - y - 1 policyd"
            )
            defer { sandbox.destroy() }
            let sink = try SmtpSink(for: sandbox)
            defer { sink.end() }
            try sandbox.start()
            let stream = MailStream(port: sandbox.smtpPort, atLeast: 300)
            // In the middle of the load it is killed, and reloaded: mail goes on.
            #expect(eventually { sink.count > 20 }, "\(sandbox.logTail())")
            if let daemon = sandbox.processes(named: "policyd").first { kill(daemon.pid, SIGKILL) }
            let before = sink.count
            #expect(eventually { sink.count > before + 20 }, "\(sandbox.logTail())")
            try sandbox.reload()
            let recipients = try stream.finish().sorted()
            #expect(sink.recipients(expecting: recipients.count) == recipients, "each message once")
            #expect(sandbox.processes(named: "policyd").count <= 1)
            let alarms = sandbox.alarms.filter { !$0.contains("killed by signal 9") }
            #expect(alarms == [])
        }
    }
}

/// A client of smtpd that says one thing after the other.
private final class Session {
    private let caller: Caller

    init(_ sandbox: PostfixSandbox) throws {
        caller = try Caller(.port(sandbox.smtpPort))
        _ = answer()
        _ = say("EHLO client.example")
    }

    /// The last line of an answer.
    private func answer() -> String {
        while let line = caller.readLine() {
            if line.dropFirst(3).first != "-" { return line }
        }
        return "no answer"
    }

    private func say(_ line: String) -> String {
        caller.send(line + "\r\n") ? answer() : "not sent"
    }

    /// Begins a message anew; the answer to its first recipient.
    func recipient(from sender: String, to recipient: String) -> String {
        _ = say("RSET")
        _ = say("MAIL FROM:<\(sender)>")
        return say("RCPT TO:<\(recipient)>")
    }

    func another(_ recipient: String) -> String { say("RCPT TO:<\(recipient)>") }

    /// The message itself.
    func content() -> String {
        let go = say("DATA")
        return go.hasPrefix("354 ") ? say("Subject: test\r\n\r\ntext\r\n.") : go
    }
}
