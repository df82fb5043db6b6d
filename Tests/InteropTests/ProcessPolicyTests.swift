//===----------------------------------------------------------------------===//
// Quartermaster: wake-ups, process limits, stress and throttling
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// When master starts processes and when it does not, as daemons, clients and log readers see it.
    @Suite("Process policy") struct ProcessPolicy {
        @Test(
            "pickup and qmgr are woken at the start and then by the clock",
            arguments: [
                MasterUnderTest.quartermaster, .debian,
            ]
        )
        func wakeups(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.replaceService("pickup", "unix", with: "pickup unix n - n 1 1 pickup -v")
            try sandbox.replaceService("qmgr", "unix", with: "qmgr unix n - n 2 1 qmgr -v")
            try sandbox.replaceService("flush", "unix", with: "flush unix n - n 1? 0 flush -v")
            try sandbox.setMain(["fast_flush_domains": "example.com"])
            try sandbox.start()
            for (daemon, count) in [("pickup", 4), ("qmgr", 3)] {
                let woken = eventually(within: .seconds(8)) { Self.triggers(daemon, sandbox) >= count }
                #expect(woken, "\(daemon) saw \(Self.triggers(daemon, sandbox)) wake-ups")
                #expect(sandbox.processes(named: daemon).count == 1)
            }
            #expect(sandbox.processes(named: "flush").isEmpty, "1?: not before somebody needs it")

            let use = try sandbox.tool(["/usr/sbin/postqueue", "-s", "example.com"])
            #expect(use.succeeded, "\(use)")
            let woken = eventually(within: .seconds(8)) {
                sandbox.logLines.count { $0.contains("/flush[") && $0.contains("connection established") } >= 4
            }
            #expect(woken, "flush is woken once it has been used\n\(sandbox.logTail())")
            #expect(sandbox.alarms == [])
        }

        @Test(
            "maxproc 2: the limit, the warning and the stress state",
            arguments: [
                MasterUnderTest.quartermaster, .debian,
            ]
        )
        func limitAndStress(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.install(BuiltProducts.path("wire-probe"), as: "wire-probe")
            // Of the services that need no address beyond loopback, only `pass` knows stress.
            try sandbox.addService("hand pass - - n - 2 wire-probe")
            try sandbox.start()
            let target = sandbox.queueDirectory + "/private/hand"

            let first = try Client.hold("pass", target)
            let calm = try #require(first.firstOutput(within: .seconds(10)))
            #expect(calm.hasSuffix(" stress=\n"), "\(calm)")
            let second = try Client.hold("pass", target)
            let stressed = try #require(second.firstOutput(within: .seconds(10)))
            #expect(stressed.hasSuffix(" stress=yes\n"), "the second is the last: \(stressed)")

            let third = try Client.hold("pass", target)
            #expect(third.firstOutput(within: .milliseconds(800)) == nil, "no third process, the client waits")
            #expect(sandbox.processes(ofService: "hand").count == 2)
            let warning = "warning: service \"hand\" (private/hand) has reached its process limit \"2\": "
            #expect(sandbox.wait(for: warning + "new clients may experience noticeable delays"), "\(sandbox.logTail())")
            #expect(sandbox.wait(for: "warning: to avoid this condition, increase the process count in master.cf"))
            #expect(sandbox.wait(for: "warning: see http://www.postfix.org/STRESS_README.html for examples"))

            first.end()
            let served = try #require(third.firstOutput(within: .seconds(10)), "served when one has gone")
            #expect(served.hasSuffix(" stress=yes\n"), "\(served)")
            #expect(sandbox.processes(ofService: "hand").count == 2)
            #expect(sandbox.occurrences(of: "has reached its process limit") == 1, "said once, not each time")
            #expect(sandbox.alarms == [])
        }

        @Test(
            "maxproc 2 on loopback: the same limit, without a word",
            arguments: [
                MasterUnderTest.quartermaster, .debian,
            ]
        )
        func silentLimit(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let port = try FreePort.next()
            try sandbox.install(BuiltProducts.path("wire-probe"), as: "wire-probe")
            try sandbox.addService("127.0.0.1:\(port) inet n - n - 2 wire-probe")
            try sandbox.start()
            let clients = try (1...3).map { _ in try Client.hold(port: port) }
            let two = eventually(within: .seconds(10)) { clients.count { !$0.output.isEmpty } == 2 }
            #expect(two, "\(sandbox.logTail())")
            rest(.milliseconds(500))
            #expect(clients.count { !$0.output.isEmpty } == 2)
            #expect(sandbox.processes(named: "wire-probe").count == 2)
            clients.first { !$0.output.isEmpty }?.end()
            let served = eventually(within: .seconds(10)) { clients.allSatisfy { !$0.output.isEmpty } }
            #expect(served, "\(sandbox.logTail())")
            #expect(!clients.contains { $0.output.contains("stress=yes") })
            #expect(sandbox.occurrences(of: "process limit") == 0)
            #expect(sandbox.alarms == [])
        }

        @Test(
            "mail through smtpd and smtp with maxproc 2 each, stressed",
            arguments: [
                MasterUnderTest.quartermaster, .debian,
            ]
        )
        func mailAtTheLimit(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let smtp = "127.0.0.1:\(sandbox.smtpPort)"
            try sandbox.replaceService(smtp, "inet", with: "\(smtp) inet n - n - 1 postscreen")
            try sandbox.addService("smtpd pass - - n - 2 smtpd")
            try sandbox.replaceService("smtp", "unix", with: "smtp unix - - n - 2 smtp")
            try sandbox.setMain(["postscreen_access_list": "permit_mynetworks", "postscreen_cache_map": ""])
            let sink = try SmtpSink(for: sandbox)
            defer { sink.end() }
            try sandbox.start()
            let source = try MailLoad.start(messages: 100, sessions: 10, into: sandbox)
            #expect(source.finish(timeout: .seconds(60)).status == 0, "\(sandbox.logTail())")
            #expect(sandbox.wait(for: "status=sent", count: 100, timeout: .seconds(30)), "\(sandbox.logTail())")
            #expect(sink.recipients == MailLoad.recipients(100))
            let daemons = sandbox.processes(named: "smtpd")
            #expect((1...2).contains(daemons.count))
            #expect(daemons.contains { $0.arguments.contains("stress=yes") }, "\(daemons)")
            #expect(sandbox.processes(named: "smtp").count <= 2)
            let warning = "service \"smtpd\" (private/smtpd) has reached its process limit \"2\""
            #expect(sandbox.occurrences(of: warning) == 1)
            #expect(sandbox.alarms == [])
        }

        @Test(
            "a daemon that crashes at its start is throttled and released",
            arguments: [
                MasterUnderTest.quartermaster, .debian,
            ]
        )
        func throttle(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let port = try FreePort.next()
            try sandbox.setMain(["service_throttle_time": "2s"])
            try sandbox.install(script: "echo started >> crashes; exit 3", as: "crasher")
            try sandbox.addService("127.0.0.1:\(port) inet n - n - 5 crasher")
            try sandbox.start()
            let client = try Client.hold(port: port)
            let program = sandbox.daemonDirectory + "/crasher"
            #expect(sandbox.wait(for: "warning: process \(program) pid "), "\(sandbox.logTail())")
            #expect(sandbox.wait(for: " exit status 3"))
            #expect(sandbox.wait(for: "warning: \(program): bad command startup -- throttling"))

            rest(.seconds(1))
            #expect(crashes(in: sandbox) == 1, "no attempt while throttled")
            #expect(try Client.greeting(port: sandbox.smtpPort).hasPrefix("220 "), "others are served meanwhile")
            #expect(eventually(within: .seconds(5)) { crashes(in: sandbox) == 2 }, "released after two seconds")

            try sandbox.install(BuiltProducts.path("wire-probe"), as: "crasher")
            let answer = client.firstOutput(within: .seconds(8))
            #expect(answer?.hasPrefix("pid ") == true, "the client that waited is served: \(sandbox.logTail())")
        }

        @Test("a program that does not exist is throttled, not fatal", arguments: [MasterUnderTest.quartermaster])
        func missingProgram(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let port = try FreePort.next()
            try sandbox.addService("127.0.0.1:\(port) inet n - n - 5 no-such-program")
            try sandbox.start()
            let client = try Client.hold(port: port)
            let program = sandbox.daemonDirectory + "/no-such-program"
            #expect(sandbox.wait(for: "\(program): No such file or directory"), "\(sandbox.logTail())")
            #expect(sandbox.wait(for: "warning: \(program): bad command startup -- throttling"), "\(sandbox.logTail())")
            #expect(client.isRunning, "the connection waits")
            #expect(try Client.greeting(port: sandbox.smtpPort).hasPrefix("220 "))
            #expect(sandbox.isRunning)
        }

        private static func triggers(_ daemon: String, _ sandbox: PostfixSandbox) -> Int {
            sandbox.logLines.count { $0.contains("/\(daemon)[") && $0.contains("trigger arrived") }
        }

        private func crashes(in sandbox: PostfixSandbox) -> Int {
            let text = try? String(contentsOfFile: sandbox.queueDirectory + "/crashes", encoding: .utf8)
            return (text ?? "").split(separator: "\n").count
        }
    }
}
