//===----------------------------------------------------------------------===//
// Quartermaster: the postfix command on our master
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// What an administrator types, through Debian's unmodified `postfix` command and script.
    @Suite("Commands of postfix(1)") struct Commands {
        @Test("120 open files are enough for Debian's services", arguments: [MasterUnderTest.quartermaster, .debian])
        func fewDescriptors(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let start = "ulimit -n 120; exec /usr/sbin/postfix -c \(sandbox.configDirectory) start"
            #expect(try run(["/bin/sh", "-c", start]).succeeded, "\(sandbox.logTail())")
            let pid = try #require(sandbox.masterPID, "\(sandbox.logTail())")
            let limits = try String(contentsOfFile: "/proc/\(pid)/limits", encoding: .utf8)
            #expect(limits.split(separator: "\n").contains { $0.hasPrefix("Max open files") && $0.contains(" 120 ") })
            #expect(try Client.greeting(port: sandbox.smtpPort).hasPrefix("220 "), "\(sandbox.logTail())")
        }

        @Test(
            "check, start, status, flush, reload, logrotate, stop",
            arguments: [
                MasterUnderTest.quartermaster, .debian,
            ]
        )
        func everyday(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            #expect(try sandbox.command("check").succeeded)
            #expect(try sandbox.command("status").status == 1, "nothing runs yet")
            #expect(try sandbox.command("stop").status == 1, "nothing to stop")
            #expect(try sandbox.command("reload").status == 1, "nothing to reload")

            try sandbox.start()
            let pid = try #require(sandbox.masterPID)
            #expect(sandbox.wait(for: "master[\(pid)]: daemon started -- version 3."), "\(sandbox.logTail())")
            #expect(sandbox.wait(for: ", configuration \(sandbox.configDirectory)"))
            let process = try #require(ProcessSnapshot(pid))
            #expect(process.session == pid && process.group == pid, "a session and group of its own")
            #expect(process.workingDirectory == sandbox.queueDirectory)

            #expect(try sandbox.command("status").succeeded)
            #expect(sandbox.wait(for: "the Postfix mail system is running: PID: \(pid)"))
            #expect(try sandbox.command("start").status == 1, "a second start is refused")
            #expect(sandbox.wait(for: "fatal: the Postfix mail system is already running"))
            #expect(sandbox.masterPID == pid)

            #expect(try sandbox.command("flush").succeeded)
            try sandbox.reload()
            #expect(sandbox.masterPID == pid)

            #expect(try sandbox.command("status").succeeded)
            #expect(sandbox.wait(for: "the Postfix mail system is running: PID: \(pid)", count: 2))
            let writer = try #require(sandbox.processes(named: "postlogd").first, "who has the old file open")
            #expect(try sandbox.command("logrotate").succeeded)
            #expect(eventually { !ProcessTable.exists(writer.pid) }, "rotation reloads, which retires the writer")
            #expect(try sandbox.command("status").succeeded)
            #expect(sandbox.wait(for: "the Postfix mail system is running: PID: \(pid)"), "in a new log file")
            #expect(sandbox.occurrences(of: "daemon started") == 0, "which does not have the old lines")
            let logs = try FileManager.default.contentsOfDirectory(atPath: sandbox.directory + "/log")
            #expect(logs.contains { $0.hasPrefix("mail.log.") && $0.hasSuffix(".gz") }, "\(logs)")

            #expect(try sandbox.command("stop").succeeded)
            #expect(try sandbox.command("status").status == 1, "the lock is free when stop returns")
            #expect(eventually { sandbox.processes.isEmpty }, "\(sandbox.processes)")
        }

        @Test("abort ends everything without waiting", arguments: [MasterUnderTest.quartermaster])
        func abort(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.start()
            #expect(try sandbox.command("abort").succeeded)
            #expect(eventually { sandbox.processes.isEmpty }, "\(sandbox.processes)")
            #expect(try sandbox.command("status").status == 1)
            #expect(try sandbox.command("start").succeeded, "the lock is free again")
        }

        @Test("start-fg stays in the foreground until stop", arguments: [MasterUnderTest.quartermaster])
        func startInForeground(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let foreground = try sandbox.background("start-fg")
            #expect(sandbox.wait(for: "daemon started"), "\(foreground.output)\n\(sandbox.logTail())")
            let pid = try #require(sandbox.masterPID)
            #expect(foreground.isRunning)
            #expect(try sandbox.command("status").succeeded)
            #expect(try sandbox.command("reload").succeeded)
            #expect(sandbox.wait(for: "reload -- version"))
            #expect(sandbox.masterPID == pid)
            #expect(try sandbox.command("stop").succeeded)
            let end = foreground.finish()
            #expect(end.status == 128 + SIGTERM, "master dies of the signal it was sent: \(end)")
        }

        @Test("start-fg logs to standard output", arguments: [MasterUnderTest.quartermaster])
        func logToStandardOutput(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.setMain(["maillog_file": "/dev/stdout"])
            let foreground = try sandbox.background("start-fg")
            let seen = eventually { foreground.output.contains("daemon started -- version 3.") }
            #expect(seen, "\(foreground.output)")
            #expect(try sandbox.command("stop").succeeded)
            #expect(!foreground.finish().timedOut)
        }

        @Test("drain lets the children leave by themselves", arguments: [MasterUnderTest.quartermaster])
        func drain(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.start()
            #expect(sandbox.wait(for: "daemon started"))
            #expect(eventually { !sandbox.processes(named: "qmgr").isEmpty })
            #expect(try sandbox.command("drain").succeeded)
            #expect(eventually { sandbox.processes.isEmpty }, "\(sandbox.processes)")
        }

        @Test("a second master on the same directories is refused", arguments: [MasterUnderTest.quartermaster])
        func twoMasters(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.start()
            let pid = try #require(sandbox.masterPID)
            let second = try sandbox.tool([sandbox.daemonDirectory + "/master", "-w"])
            #expect(second.status == 1)
            #expect(sandbox.masterPID == pid)
            #expect(try sandbox.command("status").succeeded)
        }
    }
}
