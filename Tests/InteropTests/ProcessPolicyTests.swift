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
                let woken = eventually { Self.triggers(daemon, sandbox) >= count }
                #expect(woken, "\(daemon) saw \(Self.triggers(daemon, sandbox)) wake-ups")
                #expect(sandbox.processes(named: daemon).count == 1)
            }
            #expect(sandbox.processes(named: "flush").isEmpty, "1?: not before it is needed")

            let use = try sandbox.tool(["/usr/sbin/postqueue", "-s", "example.com"])
            #expect(use.succeeded, "\(use)")
            let woken = eventually {
                sandbox.logLines.count { $0.contains("/flush[") && $0.contains("connection established") } >= 4
            }
            #expect(woken, "flush is woken once it has been used\n\(sandbox.logTail())")
            #expect(sandbox.alarms == [])
        }

        @Test("SIGURG, with which our master tells idle processes to look, harms none of Postfix's daemons")
        func urgentSignal() throws {
            let sandbox = try MasterUnderTest.quartermaster.sandbox()
            defer { sandbox.destroy() }
            let sink = try SmtpSink(for: sandbox)
            defer { sink.end() }
            // Without it, virtual does not start.
            try sandbox.setMain(["virtual_mailbox_base": sandbox.directory])
            try sandbox.start()
            let lines = try String(contentsOfFile: sandbox.masterCf, encoding: .utf8).split(separator: "\n")
            let services = lines.map { $0.split(separator: " ").map(String.init) }.filter {
                $0.count > 7 && $0[0] != "#"
            }
            let programs = Set(services.map { $0[7] })
            #expect(programs.count > 15)
            // A client brings up each of them, and they hear of the signal while they have it and when they have not.
            var clients: [Caller] = []
            for service in services where service[1] == "unix" {
                let directory = service[2] == "n" ? "public" : "private"
                clients.append(try Caller(.path("\(sandbox.queueDirectory)/\(directory)/\(service[0])")))
            }
            clients.append(try Caller(.port(sandbox.smtpPort)))
            let areThere = eventually { programs.isSubset(of: Set(sandbox.processes.map(\.name))) }
            #expect(areThere, "\(programs.subtracting(sandbox.processes.map(\.name)))\n\(sandbox.logTail())")
            let daemons = sandbox.processes.filter { $0.name != "master" }
            for _ in 0..<3 {
                for daemon in daemons { kill(daemon.pid, SIGURG) }
                rest(.milliseconds(100))
            }
            clients = []
            for daemon in daemons { kill(daemon.pid, SIGURG) }
            let source = try MailLoad.start(messages: 50, sessions: 5, port: sandbox.smtpPort)
            while source.isRunning {
                for daemon in daemons { kill(daemon.pid, SIGURG) }
                rest(.milliseconds(20))
            }
            #expect(source.finish().status == 0, "\(sandbox.logTail())")
            #expect(sandbox.wait(for: "status=sent", count: 50), "\(sandbox.logTail())")
            let ended = daemons.filter { !ProcessTable.exists($0.pid) }
            #expect(ended.isEmpty, "\(ended.map(\.name))\n\(sandbox.logTail())")
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
            let calm = try #require(first.firstOutput())
            #expect(calm.hasSuffix(" stress=\n"), "\(calm)")
            let second = try Client.hold("pass", target)
            let stressed = try #require(second.firstOutput())
            #expect(stressed.hasSuffix(" stress=yes\n"), "the second is the last: \(stressed)")

            let third = try Client.hold("pass", target)
            #expect(third.firstOutput(within: .milliseconds(800)) == nil, "no third process, the client waits")
            #expect(sandbox.processes(ofService: "hand").count == 2)
            let warning = "warning: service \"hand\" (private/hand) has reached its process limit \"2\": "
            #expect(sandbox.wait(for: warning + "new clients may experience noticeable delays"), "\(sandbox.logTail())")
            #expect(sandbox.wait(for: "warning: to avoid this condition, increase the process count in master.cf"))
            #expect(sandbox.wait(for: "warning: see http://www.postfix.org/STRESS_README.html for examples"))

            first.end()
            let served = try #require(third.firstOutput(), "served when one has gone")
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
            let two = eventually { clients.count { !$0.output.isEmpty } == 2 }
            #expect(two, "\(sandbox.logTail())")
            // A third process, if there were one, would need a moment to show itself.
            rest(.milliseconds(500))
            #expect(clients.count { !$0.output.isEmpty } == 2)
            #expect(sandbox.processes(named: "wire-probe").count == 2)
            clients.first { !$0.output.isEmpty }?.end()
            let served = eventually { clients.allSatisfy { !$0.output.isEmpty } }
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
            try sandbox.setMain([
                "postscreen_access_list": "permit_mynetworks", "postscreen_cache_map": "",
                // Under stress it would be ten seconds, which a slow machine may need for a message.
                "smtpd_timeout": "300s",
            ])
            let sink = try SmtpSink(for: sandbox)
            defer { sink.end() }
            try sandbox.start()
            // Two clients that say nothing take both processes, so that the mail comes at the limit for certain.
            let held = try (1...2).map { _ in
                let client = try Client.hold(port: sandbox.smtpPort)
                #expect(client.firstOutput()?.hasPrefix("220 ") == true, "\(sandbox.logTail())")
                return client
            }
            let warning = "service \"smtpd\" (private/smtpd) has reached its process limit \"2\""
            #expect(sandbox.wait(for: warning), "\(sandbox.logTail())")
            let source = try MailLoad.start(messages: 100, sessions: 10, port: sandbox.smtpPort)
            held.forEach { $0.end() }
            #expect(source.finish(timeout: patience * 5).status == 0, "\(sandbox.logTail())")
            let sent = sandbox.wait(for: "status=sent", count: 100, within: patience * 5)
            #expect(sent, "\(sandbox.logTail())")
            #expect(sink.recipients(expecting: 100) == MailLoad.recipients(100))
            let daemons = sandbox.processes(named: "smtpd")
            #expect((1...2).contains(daemons.count))
            #expect(daemons.contains { $0.arguments.contains("stress=yes") }, "\(daemons)")
            #expect(sandbox.processes(named: "smtp").count <= 2)
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
            try sandbox.setMain(["service_throttle_time": "3s"])
            try sandbox.install(script: "read now rest </proc/uptime; echo $now >>crashes; exit 3", as: "crasher")
            try sandbox.addService("127.0.0.1:\(port) inet n - n - 5 crasher")
            try sandbox.start()
            let client = try Client.hold(port: port)
            let program = sandbox.daemonDirectory + "/crasher"
            #expect(sandbox.wait(for: "warning: process \(program) pid "), "\(sandbox.logTail())")
            #expect(sandbox.wait(for: " exit status 3"))
            #expect(sandbox.wait(for: "warning: \(program): bad command startup -- throttling"))

            #expect(try Client.greeting(port: sandbox.smtpPort).hasPrefix("220 "), "others are served meanwhile")
            #expect(
                eventually { crashes(in: sandbox).count >= 3 },
                "released, and throttled again: \(sandbox.logTail())"
            )

            try sandbox.install(BuiltProducts.path("wire-probe"), as: "crasher")
            let starts = crashes(in: sandbox)
            let pauses = zip(starts.dropFirst(), starts).map { $0 - $1 }
            // Debian's master counts in whole seconds, which makes a pause up to one second shorter.
            #expect(pauses.allSatisfy { $0 > 1.9 }, "no attempt while throttled: \(pauses)")
            let answer = client.firstOutput()
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

        /// When the crasher was started, in seconds on a clock that is never set.
        private func crashes(in sandbox: PostfixSandbox) -> [Double] {
            let text = try? String(contentsOfFile: sandbox.queueDirectory + "/crashes", encoding: .utf8)
            return completeLines(text ?? "").compactMap { Double($0) }
        }
    }
}
