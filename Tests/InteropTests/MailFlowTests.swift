//===----------------------------------------------------------------------===//
// Quartermaster: a thousand messages through Debian's Postfix
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// smtp-source, smtpd, cleanup, qmgr, smtp and smtp-sink: every message has to arrive, exactly once.
    @Suite("Mail") struct MailFlow {
        @Test("a thousand messages, five reloads in the middle", arguments: [MasterUnderTest.quartermaster])
        func thousandMessages(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try Self.flow(through: sandbox, messages: 1_000, reloads: 5)
        }

        @Test("two hundred messages, two reloads, with Debian's master: the harness is right")
        func baseline() throws {
            let sandbox = try MasterUnderTest.debian.sandbox()
            defer { sandbox.destroy() }
            try Self.flow(through: sandbox, messages: 200, reloads: 2)
        }

        /// Sends, reloads each time another share of the messages has arrived, and accounts for every message.
        static func flow(through sandbox: PostfixSandbox, messages: Int, reloads: Int) throws {
            let sink = try SmtpSink(for: sandbox)
            defer { sink.end() }
            try sandbox.start()
            let source = try MailLoad.start(messages: messages, sessions: 5, into: sandbox)
            for reload in 0..<reloads {
                let share = messages * reload / (reloads + 1) + 1
                #expect(eventually(within: .seconds(30), every: .milliseconds(5)) { sink.count >= share })
                try sandbox.reload()
            }
            #expect(source.isRunning || reloads == 0, "the last reload came too late to be in the middle")

            let sent = source.finish(timeout: .seconds(60))
            #expect(sent.status == 0, "every message was accepted: \(sent)\n\(sandbox.logTail())")
            let allSent = sandbox.wait(for: "status=sent", count: messages, timeout: .seconds(60))
            #expect(allSent, "\(sandbox.occurrences(of: "status=sent")) sent\n\(sandbox.logTail())")
            #expect(sandbox.occurrences(of: "status=sent") == messages)
            #expect(sandbox.occurrences(of: " reload -- version ") == reloads)
            #expect(sink.recipients == MailLoad.recipients(messages), "each message once")
            #expect(sandbox.alarms == [])

            let empty = try eventually(within: .seconds(5)) {
                try sandbox.tool(["/usr/sbin/postqueue", "-p"]).output.contains("Mail queue is empty")
            }
            #expect(empty, "mail is left in the queue\n\(sandbox.logTail())")
            try sandbox.stop()
            #expect(eventually(within: .seconds(5)) { sandbox.processes.isEmpty }, "\(sandbox.processes)")
        }
    }
}
