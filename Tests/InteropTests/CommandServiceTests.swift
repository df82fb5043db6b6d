//===----------------------------------------------------------------------===//
// Quartermaster: our spawn and sweep, and the skeletons that they are built on, under both masters
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    /// Single and trigger services in a Postfix, and our spawn beside Debian's.
    @Suite("Single and trigger services") struct CommandServices {
        private static let masters = [MasterUnderTest.debian, .quartermaster]

        private func sandbox(_ master: MasterUnderTest, _ services: [String]) throws -> PostfixSandbox {
            let sandbox = try master.sandbox()
            for name in ["spawn", "sweep", "test-service"] {
                try sandbox.install(BuiltProducts.path(name), as: name)
            }
            try sandbox.install("/usr/lib/postfix/sbin/spawn", as: "their-spawn")
            for service in services { try sandbox.addService(service) }
            return sandbox
        }

        private func place(_ sandbox: PostfixSandbox, _ name: String) -> Place {
            .path("\(sandbox.queueDirectory)/public/\(name)")
        }

        @Test(
            "single: clients without number through processes that are used up, none loses a byte",
            arguments: masters
        )
        func singleClients(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(master, ["talk unix n - n - 3 test-service -m 7 serve=single"])
            defer { sandbox.destroy() }
            try sandbox.start()
            var open: [Caller] = []
            for round in 0..<120 {
                // The next connection is there before the last one ends.
                let caller = try Caller(place(sandbox, "talk"))
                #expect(caller.send("round \(round)\nquit\n"))
                open.append(caller)
                if open.count < 5 { continue }
                #expect(open.removeFirst().readAll() == "hello\nround \(round - 4)\n", "\(sandbox.logTail())")
            }
            for (index, caller) in open.enumerated() { #expect(caller.readAll() == "hello\nround \(116 + index)\n") }
            #expect(sandbox.alarms == [])
        }

        @Test("single: a reload in the middle of conversations", arguments: masters)
        func singleReload(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(master, ["talk unix n - n - 4 test-service serve=single"])
            defer { sandbox.destroy() }
            try sandbox.start()
            let before = try (0..<3).map { _ in try Caller(place(sandbox, "talk")) }
            for caller in before { #expect(caller.readLine() == "hello\n") }
            try sandbox.reload()
            // The old processes count until they leave.
            let after = try Caller(place(sandbox, "talk"))
            #expect(after.readLine() == "hello\n")
            for (index, caller) in before.enumerated() {
                #expect(caller.send("still \(index)\nquit\n"))
                #expect(caller.readAll() == "still \(index)\n")
            }
            #expect(after.send("quit\n") && after.readAll() == "")
            #expect(sandbox.alarms == [])
        }

        @Test("single: processes retire by time, and clients notice nothing", arguments: masters)
        func singleRetirement(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(
                master,
                ["talk unix n - n - 2 test-service -r 1 -m 1000000 -v serve=single-retires"]
            )
            defer { sandbox.destroy() }
            try sandbox.start()
            var rounds = 0
            let haveRetired = try eventually(every: .zero) {
                let caller = try Caller(place(sandbox, "talk"))
                #expect(caller.send("round \(rounds)\nquit\n"))
                #expect(caller.readAll() == "hello\nround \(rounds)\n")
                rounds += 1
                return sandbox.occurrences(of: "time to retire -- exiting") >= 2
            }
            #expect(haveRetired, "\(sandbox.logTail())")
            #expect(sandbox.alarms == [])
        }

        @Test("single: over TCP", arguments: masters)
        func singleOverTCP(_ master: MasterUnderTest) throws {
            let port = try FreePort.several(1)[0]
            let sandbox = try sandbox(master, ["127.0.0.1:\(port) inet n - n - 2 test-service serve=single"])
            defer { sandbox.destroy() }
            try sandbox.start()
            // It is the process that asks the kernel to look after clients, so not for the one that it is started for.
            #expect(try Caller(.port(port)).readLine() == "hello\n")
            let caller = try Caller(.port(port))
            #expect(caller.send("kept alive\nquit\n"))
            #expect(caller.readAll() == "hello\ntrue\n")
            #expect(sandbox.alarms == [])
        }

        @Test("trigger: master's wake-ups through each type, as often as the line says", arguments: masters)
        func wakeups(_ master: MasterUnderTest) throws {
            let types = ["unix", "fifo", "pass"]
            let sandbox = try sandbox(
                master,
                types.map { "wake-\($0) \($0) n - n 1 1 test-service -o syslog_name=\($0) serve=trigger" }
            )
            defer { sandbox.destroy() }
            try sandbox.start()
            for type in types {
                // The byte and the NUL behind it are two writes.
                #expect(sandbox.wait(for: " \(type)/test-service", count: 6), "\(sandbox.logTail())")
                #expect(sandbox.logLines.contains { $0.contains(" \(type)/test-service") && $0.contains(" bytes, 'W") })
            }
            #expect(sandbox.alarms == [])
        }

        @Test("sweep: by the clock, by a client and through a FIFO, never twice at once", arguments: masters)
        func sweep(_ master: MasterUnderTest) throws {
            let script = "mkdir /tmp/qm-sweep-$1 && sleep 0.2 && rmdir /tmp/qm-sweep-$1 && echo swept $1"
            // The directory in /tmp is this case's own.
            let mark = UUID().uuidString.prefix(8)
            let command = "user=nobody argv=/bin/sh -c { \(script) } sh"
            let sandbox = try sandbox(
                master,
                [
                    "clock unix n n n 1 1 sweep \(command) clock\(mark)",
                    "door unix n n n - 1 sweep \(command) door\(mark)",
                    "pipe fifo n n n - 1 sweep \(command) pipe\(mark)",
                ]
            )
            defer { sandbox.destroy() }
            try sandbox.start()
            #expect(sandbox.wait(for: "/bin/sh: swept clock\(mark)", count: 3), "\(sandbox.logTail())")
            for _ in 0..<20 { #expect(try Caller(place(sandbox, "door")).send("W")) }
            #expect(sandbox.wait(for: "/bin/sh: swept door\(mark)"), "\(sandbox.logTail())")
            #expect(try run(["/bin/sh", "-c", "echo >\(sandbox.queueDirectory)/public/pipe"]).succeeded)
            #expect(sandbox.wait(for: "/bin/sh: swept pipe\(mark)"), "\(sandbox.logTail())")
            #expect(sandbox.occurrences(of: "File exists") == 0)
            #expect(sandbox.occurrences(of: "swept door\(mark)") <= 21)
            #expect(sandbox.alarms == [])
        }

        @Test("spawn: a command finds with ours what it finds with Debian's", arguments: masters)
        func likeTheirs(_ master: MasterUnderTest) throws {
            let commands = [
                "status": "/bin/cat /proc/self/status", "env": "/usr/bin/env", "cwd": "/bin/pwd",
                "fds": "/bin/ls /proc/self/fd", "limits": "/bin/cat /proc/self/limits",
                "words": "/usr/bin/printf <%s>\\n a { b c } $HOME 'd e'",
            ]
            let sandbox = try sandbox(
                master,
                commands.flatMap { name, command in
                    [("ours", "spawn"), ("theirs", "their-spawn")].map { whose, program in
                        "\(whose)-\(name) unix n n n - 5 \(program) user=nobody:games argv=\(command)"
                    }
                }
            )
            defer { sandbox.destroy() }
            try sandbox.start()
            for name in commands.keys.sorted() {
                let ours = try Caller(place(sandbox, "ours-\(name)")).readAll() ?? ""
                let theirs = try Caller(place(sandbox, "theirs-\(name)")).readAll() ?? ""
                #expect(!ours.isEmpty)
                if name == "status" {
                    let fields =
                        ["Umask", "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt"]
                        + ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs"]
                    func chosen(_ text: String) -> [Substring] {
                        text.split(separator: "\n").filter { line in fields.contains { line.hasPrefix($0 + ":") } }
                    }
                    #expect(chosen(ours).count == fields.count)
                    #expect(chosen(ours) == chosen(theirs))
                } else if name == "env" {
                    #expect(ours.split(separator: "\n").sorted() == theirs.split(separator: "\n").sorted())
                } else {
                    #expect(ours == theirs, "\(name)")
                }
            }
            #expect(sandbox.alarms == [])
        }

        @Test("spawn: a policy server that smtpd asks", arguments: masters)
        func policy(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(
                master,
                ["policy unix - n n - 0 spawn user=nobody argv=/bin/true"]
            )
            defer { sandbox.destroy() }
            let script = sandbox.directory + "/policy"
            let lines = """
                while read line; do
                    case $line in
                    sender=bad@*) verdict='REJECT the spawned policy says no' ;;
                    '') printf 'action=%s\\n\\n' "${verdict:-DUNNO}"; verdict= ;;
                    esac
                done
                """
            try PlacedFile.script(lines, at: script)
            try sandbox.replaceService(
                "policy",
                "unix",
                with: "policy unix - n n - 0 spawn user=nobody argv=/bin/sh \(script)"
            )
            try sandbox.setMain(["smtpd_recipient_restrictions": "check_policy_service unix:private/policy"])
            try sandbox.start()
            for (sender, reply) in [("bad", "554 5.7.1"), ("good", "250 2.1.5"), ("bad", "554 5.7.1")] {
                let smtp = try Caller(.port(sandbox.smtpPort))
                #expect(smtp.readLine()?.hasPrefix("220 ") == true)
                var answers: [String] = []
                for command in ["HELO here", "MAIL FROM:<\(sender)@example.com>", "RCPT TO:<to@example.com>"] {
                    #expect(smtp.send(command + "\r\n"))
                    answers.append(smtp.readLine() ?? "")
                }
                #expect(answers.last?.hasPrefix(reply) == true, "\(answers) \(sandbox.logTail())")
                if sender == "bad" { #expect(answers.last?.contains("the spawned policy says no") == true) }
            }
            #expect(sandbox.alarms == [])
        }

        @Test("spawn: a reload in the middle of a command loses no byte", arguments: masters)
        func spawnReload(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(master, ["cat unix n n n - 3 spawn user=nobody argv=/bin/cat"])
            defer { sandbox.destroy() }
            try sandbox.start()
            let caller = try Caller(place(sandbox, "cat"))
            #expect(caller.send("before\n"))
            #expect(caller.readLine() == "before\n")
            try sandbox.reload()
            #expect(caller.send("after\n"))
            #expect(caller.readLine() == "after\n")
            #expect(caller.finish())
            let fresh = try Caller(place(sandbox, "cat"))
            #expect(fresh.send("fresh\n"))
            #expect(fresh.readLine() == "fresh\n")
            #expect(sandbox.alarms == [])
        }

        @Test("spawn: what the line must not say is told, and the service throttled", arguments: masters)
        func refusals(_ master: MasterUnderTest) throws {
            let sandbox = try sandbox(
                master,
                [
                    "a unix n y n - 1 spawn user=nobody argv=/bin/cat",
                    "b unix n n n - 1 spawn user=root argv=/bin/cat",
                    "c unix n n n - 1 spawn user=postfix argv=/bin/cat", "d unix n n n - 1 spawn argv=/bin/cat",
                ]
            )
            defer { sandbox.destroy() }
            try sandbox.start()
            let texts = [
                "a": "service a requires privileged operation", "b": "request to deliver as root",
                "c": "request to deliver as mail system owner", "d": "missing user= attribute",
            ]
            for (name, text) in texts {
                let caller = try Caller(place(sandbox, name))
                #expect(sandbox.wait(for: "fatal: \(text)"), "\(sandbox.logTail())")
                withExtendedLifetime(caller) {}
            }
        }
    }
}
