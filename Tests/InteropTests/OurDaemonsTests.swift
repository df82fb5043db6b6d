//===----------------------------------------------------------------------===//
// Quartermaster: our anvil and postlogd in a Postfix of Debian's
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// Daemons built on our skeletons, started by a master, used by Postfix's own programs.
    @Suite("Our daemons") struct OurDaemons {
        /// Our anvil and postlogd, under the given master.
        private func sandbox(under master: MasterUnderTest) throws -> PostfixSandbox {
            try PostfixSandbox.create(
                SandboxPrograms(
                    master: master.path,
                    anvil: BuiltProducts.path("anvil"),
                    postlogd: BuiltProducts.path("postlogd")
                )
            )
        }

        @Test(
            "smtpd's connection rate limit works through our anvil",
            arguments: [
                MasterUnderTest.debian, .quartermaster,
            ]
        )
        func rateLimit(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(under: master)
            defer { sandbox.destroy() }
            try sandbox.setMain([
                "smtpd_client_connection_rate_limit": "5", "smtpd_client_event_limit_exceptions": "",
                // Eight connections have to fit into one unit of time, on any machine.
                "anvil_rate_time_unit": "3600s",
            ])
            try sandbox.start()
            let greetings = try (1...8).map { _ in try Client.greeting(port: sandbox.smtpPort) }
            #expect(greetings.prefix(5).allSatisfy { $0.hasPrefix("220 ") }, "\(greetings)")
            #expect(greetings.suffix(3).allSatisfy { $0.hasPrefix("421 4.7.0 ") }, "\(greetings)")
            let name = "127.0.0.1:\(sandbox.smtpPort)"
            for rate in 6...8 {
                let line = "Connection rate limit exceeded: \(rate) from unknown[127.0.0.1] for service \(name)"
                #expect(sandbox.wait(for: line), "\(sandbox.logTail())")
            }
            #expect(sandbox.processes(named: "anvil").count == 1)
            #expect(sandbox.alarms == [])

            try sandbox.reload()
            let statistics = "statistics: max connection rate 8/3600s for (\(name):127.0.0.1)"
            #expect(sandbox.wait(for: statistics), "told when it leaves\n\(sandbox.logTail())")
        }

        @Test("smtpd's limit on simultaneous connections works through our anvil", arguments: [MasterUnderTest.debian])
        func connectionCount(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(under: master)
            defer { sandbox.destroy() }
            try sandbox.setMain([
                "smtpd_client_connection_count_limit": "2", "smtpd_client_event_limit_exceptions": "",
            ])
            try sandbox.start()
            let held = try (1...2).map { _ in try Client.hold(port: sandbox.smtpPort) }
            for client in held {
                #expect(client.firstOutput()?.hasPrefix("220 ") == true)
            }
            #expect(try Client.greeting(port: sandbox.smtpPort).hasPrefix("421 "), "a third is one too many")
            held.forEach { $0.end() }
            let free = try eventually {
                try Client.greeting(port: sandbox.smtpPort).hasPrefix("220 ")
            }
            #expect(free, "places are given back\n\(sandbox.logTail())")
            #expect(sandbox.alarms == [])
        }

        @Test(
            "every log line of a thousand messages arrives through our postlogd",
            arguments: [
                MasterUnderTest.debian, .quartermaster,
            ]
        )
        func everyLine(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(under: master)
            defer { sandbox.destroy() }
            let messages = 1_000
            let sink = try SmtpSink(for: sandbox)
            defer { sink.end() }
            try sandbox.start()
            let source = try MailLoad.start(messages: messages, port: sandbox.smtpPort)
            #expect(source.finish(timeout: patience * 5).status == 0, "\(sandbox.logTail())")
            let perMessage = [
                ": connect from unknown[127.0.0.1]", ": client=unknown[127.0.0.1]", ": message-id=<",
                ": from=<from@sandbox.example>, size=", "status=sent", ": removed",
                ": disconnect from unknown[127.0.0.1]",
            ]
            for text in perMessage {
                _ = sandbox.wait(for: text, count: messages, within: patience * 5)
                #expect(sandbox.occurrences(of: text) == messages, "\(text)")
            }
            #expect(sandbox.processes(named: "postlogd").count == 1)
            let malformed = sandbox.logLines.filter { !Self.isWellFormed($0) }
            #expect(malformed == [], "lines are whole and never mixed")
            #expect(sink.count == messages)
            #expect(sandbox.alarms == [])
        }

        @Test("reload and stop retire them", arguments: [MasterUnderTest.debian, .quartermaster])
        func retired(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(under: master)
            defer { sandbox.destroy() }
            try sandbox.setMain(["smtpd_client_event_limit_exceptions": ""])
            try sandbox.start()
            #expect(try Client.greeting(port: sandbox.smtpPort).hasPrefix("220 "))
            for daemon in ["anvil", "postlogd"] {
                #expect(eventually { !sandbox.processes(named: daemon).isEmpty }, "no \(daemon)")
            }
            let old = sandbox.processes.filter { ["anvil", "postlogd"].contains($0.name) }.map(\.pid)
            #expect(old.count == 2)
            try sandbox.reload()
            let left = eventually { !old.contains { ProcessTable.exists($0) } }
            #expect(left, "\(sandbox.processes)")
            #expect(try Client.greeting(port: sandbox.smtpPort).hasPrefix("220 "), "new ones serve")
            #expect(sandbox.wait(for: "disconnect from unknown[127.0.0.1]", count: 2), "\(sandbox.logTail())")
            #expect(sandbox.alarms == [])
            try sandbox.stop()
            #expect(eventually { sandbox.processes.isEmpty }, "\(sandbox.processes)")
        }

        @Test("they follow a master that was killed", arguments: [MasterUnderTest.debian])
        func orphaned(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(under: master)
            defer { sandbox.destroy() }
            try sandbox.setMain(["smtpd_client_event_limit_exceptions": ""])
            try sandbox.start()
            #expect(try Client.greeting(port: sandbox.smtpPort).hasPrefix("220 "))
            #expect(eventually { !sandbox.processes(named: "anvil").isEmpty })
            kill(try #require(sandbox.masterPID), SIGKILL)
            let gone = eventually {
                sandbox.processes(named: "anvil").isEmpty && sandbox.processes(named: "postlogd").isEmpty
            }
            #expect(gone, "\(sandbox.processes)")
        }

        /// `Mon dd hh:mm:ss host tag[pid]: text`.
        private static func isWellFormed(_ line: String) -> Bool {
            let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            guard fields.count == 6, fields[2].count == 8, fields[3] == "sandbox" else { return false }
            return fields[4].hasPrefix("postfix/") && fields[4].hasSuffix("]:")
        }
    }
}
