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
            try Self.flow(through: sandbox, atLeast: 1_000, reloads: 5)
        }

        @Test("two hundred messages, two reloads, with Debian's master: the harness is right")
        func baseline() throws {
            let sandbox = try MasterUnderTest.debian.sandbox()
            defer { sandbox.destroy() }
            try Self.flow(through: sandbox, atLeast: 200, reloads: 2)
        }

        /// Sends without a pause, reloads each time in the middle of a message, and accounts for every one.
        private static func flow(through sandbox: PostfixSandbox, atLeast fewest: Int, reloads: Int) throws {
            let sink = try SmtpSink(for: sandbox)
            defer { sink.end() }
            try sandbox.start()
            let stream = MailStream(port: sandbox.smtpPort, atLeast: fewest)
            let halves: [String]
            do {
                halves = try reload(reloads, in: sandbox, sink)
            } catch {
                // Nothing is sent to a sandbox that is going away.
                _ = try? stream.finish()
                throw error
            }
            let expected = (try stream.finish() + halves).sorted()
            #expect(expected.count >= fewest + reloads)
            try account(for: expected, in: sandbox, sink)
            #expect(sandbox.occurrences(of: " reload -- version ") == reloads)
            #expect(sandbox.alarms == [])

            var queue = ""
            let isEmpty = try eventually {
                queue = try sandbox.tool(["/usr/sbin/postqueue", "-p"]).output
                return queue.contains("Mail queue is empty")
            }
            #expect(isEmpty, "mail is left in the queue:\n\(queue)\n\(sandbox.logTail())")
            try sandbox.stop()
            #expect(eventually { sandbox.processes.isEmpty }, "\(sandbox.processes)")
        }

        /// Reloads while mail arrives, and while one message, whose recipient is returned, is half said: begun before
        /// and ended after, however fast the others are.
        private static func reload(_ times: Int, in sandbox: PostfixSandbox, _ sink: SmtpSink) throws -> [String] {
            try (1...times).map { number in
                let before = sink.count
                #expect(eventually(every: .milliseconds(5)) { sink.count > before }, "\(sandbox.logTail())")
                let recipient = "half\(number)@example.com"
                let half = try HalfMessage(port: sandbox.smtpPort, to: recipient)
                try sandbox.reload()
                try half.finish()
                return recipient
            }
        }

        private static func account(for expected: [String], in sandbox: PostfixSandbox, _ sink: SmtpSink) throws {
            let allSent = sandbox.wait(for: "status=sent", count: expected.count, within: patience * 5)
            #expect(allSent, "\(sandbox.occurrences(of: "status=sent")) sent\n\(sandbox.logTail())")
            #expect(sandbox.occurrences(of: "status=sent") == expected.count)
            #expect(sink.recipients(expecting: expected.count) == expected, "each message once")
        }
    }
}
