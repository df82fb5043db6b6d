//===----------------------------------------------------------------------===//
// Quartermaster: every type of service with a real daemon behind it
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// chroot, fifo, pass and two-address inet services, shown by mail that goes through them.
    @Suite("Service types") struct ServiceTypes {
        @Test("chroot=y: daemons live in the queue directory", arguments: [MasterUnderTest.quartermaster])
        func chroot(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let smtp = "127.0.0.1:\(sandbox.smtpPort)"
            try sandbox.replaceService(smtp, "inet", with: "\(smtp) inet n - y - - smtpd")
            try sandbox.replaceService("cleanup", "unix", with: "cleanup unix n - y - 0 cleanup")
            try sandbox.replaceService("rewrite", "unix", with: "rewrite unix - - y - - trivial-rewrite")
            try sandbox.replaceService("smtp", "unix", with: "smtp unix - - y - - smtp")
            try deliver(20, through: sandbox) {
                for daemon in ["smtpd", "cleanup", "trivial-rewrite"] {
                    // One that was started last may be on its way there.
                    let isJailed = eventually {
                        let processes = sandbox.processes(named: daemon)
                        return !processes.isEmpty && processes.allSatisfy { $0.rootDirectory == sandbox.queueDirectory }
                    }
                    #expect(isJailed, "\(daemon)")
                    let arguments = sandbox.processes(named: daemon).map(\.arguments)
                    #expect(arguments.allSatisfy { $0.contains("-c") }, "\(arguments)")
                }
                #expect(eventually { !sandbox.processes(named: "qmgr").isEmpty })
                #expect(
                    sandbox.processes(named: "qmgr").allSatisfy { $0.rootDirectory == "/" },
                    "only who asked for it"
                )
            }
        }

        @Test("fifo: pickup and qmgr behind named pipes", arguments: [MasterUnderTest.quartermaster, .debian])
        func fifo(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.replaceService("pickup", "unix", with: "pickup fifo n - n 3600 1 pickup")
            try sandbox.replaceService("qmgr", "unix", with: "qmgr fifo n - n 3600 1 qmgr")
            let sink = try SmtpSink(for: sandbox)
            defer { sink.end() }
            try sandbox.start()
            for name in ["pickup", "qmgr"] {
                var file = stat()
                #expect(stat(sandbox.queueDirectory + "/public/" + name, &file) == 0)
                #expect(file.st_mode == S_IFIFO | 0o622, "\(name): \(String(file.st_mode, radix: 8))")
            }
            // After the wake-up at the start the next one is an hour away: mail is found through its own trigger.
            #expect(eventually { !sandbox.processes(named: "pickup").isEmpty }, "\(sandbox.logTail())")
            let sent = try sandbox.tool(["/usr/sbin/sendmail", "-f", "from@sandbox.example", "to@example.com"])
            #expect(sent.succeeded, "\(sent)")
            #expect(sandbox.wait(for: "status=sent"), "\(sandbox.logTail())")
            #expect(sink.recipients(expecting: 1) == ["to@example.com"])
            #expect(sandbox.alarms == [])
        }

        @Test("pass: postscreen hands connections to smtpd", arguments: [MasterUnderTest.quartermaster, .debian])
        func pass(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let smtp = "127.0.0.1:\(sandbox.smtpPort)"
            try sandbox.replaceService(smtp, "inet", with: "\(smtp) inet n - n - 1 postscreen")
            try sandbox.addService("smtpd pass - - n - - smtpd")
            try sandbox.setMain(["postscreen_access_list": "permit_mynetworks", "postscreen_cache_map": ""])
            try deliver(50, through: sandbox) {
                let daemon = try #require(sandbox.processes(named: "smtpd").first)
                #expect(zip(daemon.arguments, daemon.arguments.dropFirst()).contains { $0 == "-t" && $1 == "pass" })
                #expect(sandbox.wait(for: "postscreen["))
            }
        }

        @Test(
            "inet on two addresses",
            .enabled(if: Loopback.hasIPv6, "SKIPPED: this machine has no IPv6 loopback, so no second address"),
            arguments: [MasterUnderTest.quartermaster]
        )
        func twoAddresses(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let smtp = "127.0.0.1:\(sandbox.smtpPort)"
            try sandbox.setMain(["inet_protocols": "all"])
            try sandbox.replaceService(smtp, "inet", with: "\(sandbox.smtpPort) inet n - n - - smtpd")
            try deliver(20, through: sandbox) {
                let daemon = try #require(sandbox.processes(named: "smtpd").first)
                #expect(daemon.arguments.suffix(2) == ["-s", "2"], "\(daemon.arguments)")
            }
            let other = try Client.touch("inet", "[::1]:\(sandbox.smtpPort)")
            #expect(other.output.hasPrefix("220 sandbox.example"), "\(other)")
            try sandbox.reload()
            #expect(try Client.greeting(port: sandbox.smtpPort).hasPrefix("220 "))
            #expect(try Client.touch("inet", "[::1]:\(sandbox.smtpPort)").output.hasPrefix("220 "))
            #expect(sandbox.alarms == [])
        }

        /// Starts the sandbox, sends messages, looks around, and expects each message in the sink.
        private func deliver(_ messages: Int, through sandbox: PostfixSandbox, look: () throws -> Void) throws {
            let sink = try SmtpSink(for: sandbox)
            defer { sink.end() }
            try sandbox.start()
            let source = try MailLoad.start(messages: messages, port: sandbox.smtpPort)
            #expect(source.finish().status == 0, "\(sandbox.logTail())")
            try look()
            let sent = sandbox.wait(for: "status=sent", count: messages)
            #expect(sent, "\(sandbox.logTail())")
            #expect(sink.recipients(expecting: messages) == MailLoad.recipients(messages))
            #expect(sandbox.alarms == [])
        }
    }
}
