//===----------------------------------------------------------------------===//
// Quartermaster: main.cf and master.cf as Debian's master reads them
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import TestSupport
import Testing

extension Interoperation {
    @Suite("Configuration") struct Configuration {
        @Test(
            "what a service is called and told reaches its process byte for byte, UTF-8 or not",
            arguments: [MasterUnderTest.quartermaster, .debian]
        )
        func bytes(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let told = sandbox.directory + "/told"
            try sandbox.install(
                script: "printf '%s\\0' \"$@\" > \(told).new; mv \(told).new \(told); sleep 5",
                as: "keeper"
            )
            // The wake-up of every second starts the process.
            let line =
                Array("w".utf8) + [0xfc] + Array("rk unix n - n 1 1 keeper -o { x = Gr".utf8) + [0xfc]
                + Array("n }\n".utf8)
            var file = try Data(contentsOf: URL(fileURLWithPath: sandbox.masterCf))
            file.append(contentsOf: line)
            try file.write(to: URL(fileURLWithPath: sandbox.masterCf))
            try PlacedFile.age(sandbox.masterCf)
            try sandbox.start()
            #expect(eventually { FileManager.default.fileExists(atPath: told) }, "\(sandbox.logTail())")
            let arguments = try Data(contentsOf: URL(fileURLWithPath: told)).split(separator: 0).map(Array.init)
            #expect(arguments.contains(Array("x = Gr".utf8) + [0xfc] + Array("n".utf8)), "\(arguments)")
            #expect(arguments.contains([0x77, 0xfc, 0x72, 0x6b]), "the name behind -n: \(arguments)")
            let socket = Array((sandbox.queueDirectory + "/public/w").utf8) + [0xfc, 0x72, 0x6b, 0]
            #expect(socket.withUnsafeBytes { access($0.baseAddress!.assumingMemoryBound(to: CChar.self), F_OK) } == 0)
            try sandbox.stop()
        }

        @Test(
            "status, start and stop work with any level, and with a mistake in a parameter that Postfix does not know",
            arguments: [MasterUnderTest.quartermaster, .debian],
            ["compatibility_level = 9999", "compatibility_level = +3", "master_concurrent_starts = two"]
        )
        func scripts(_ master: MasterUnderTest, _ line: String) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let parts = line.components(separatedBy: " = ")
            try sandbox.setMain([parts[0]: parts[1]])
            #expect(try sandbox.command("status").status == 1, "nothing runs")
            try sandbox.start()
            #expect(try sandbox.command("status").succeeded)
            try sandbox.reload()
            try sandbox.stop()
            #expect(try sandbox.command("status").status == 1)
            #expect(sandbox.occurrences(of: "with force") == 0, "\(sandbox.logTail())")
        }

        @Test(
            "text behind a number in master.cf is ignored: 0x5 is no limit, 6O is six, 1x is one",
            arguments: [MasterUnderTest.quartermaster, .debian]
        )
        func numbers(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let told = sandbox.directory + "/told"
            // A name of its own for each process: the file is whole when it has the name.
            try sandbox.install(
                script: "printf '%s ' \"$@\" > \(told).$$; mv \(told).$$ \(told)-$$; sleep 5",
                as: "keeper"
            )
            try sandbox.start()
            let pid = try #require(sandbox.masterPID)
            // The commands of Postfix refuse such a file; master reads it all the same.
            try sandbox.changeMasterCf {
                $0 += ["all unix n - n 1x 0x5 keeper", "one unix n - n 1x 1x keeper", "six unix n - n 1x 6O keeper"]
            }
            try PlacedFile.age(sandbox.masterCf)
            kill(pid, SIGHUP)
            func commandLines() -> [String] {
                let names = (try? FileManager.default.contentsOfDirectory(atPath: sandbox.directory)) ?? []
                return names.filter { $0.hasPrefix("told-") }.compactMap {
                    try? String(contentsOfFile: "\(sandbox.directory)/\($0)", encoding: .utf8)
                }
            }
            for (name, limit) in [("all", "-z "), ("one", "-l "), ("six", "")] {
                let line = "\(limit)-n \(name) -t unix"
                #expect(eventually { commandLines().contains { $0.hasPrefix(line) } }, "\(line) in \(commandLines())")
            }
            if master.name == MasterUnderTest.quartermaster.name {
                #expect(sandbox.wait(for: "what follows the number is ignored", count: 6), "\(sandbox.logTail())")
            }
            // Or the stop would be refused by the commands, too.
            try sandbox.changeMasterCf { $0.removeLast(3) }
            try sandbox.stop()
        }

        @Test(
            "Postfix's programs refuse a udp line, and do not take it for another",
            arguments: [MasterUnderTest.debian]
        )
        func datagramLine(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.start()
            let pid = try #require(sandbox.masterPID)
            try sandbox.changeMasterCf { $0 += ["127.0.0.1:\(try FreePort.next()) udp n - n - 1 echo"] }
            try PlacedFile.age(sandbox.masterCf)
            let commands = try sandbox.tool(["/usr/sbin/postconf", "-M"])
            #expect(!commands.succeeded && commands.output.contains("invalid type field \"udp\""), "\(commands)")
            // Its last words, "bad transport type: udp", go to the log that it would have to start.
            kill(pid, SIGHUP)
            #expect(eventually { sandbox.masterPID == nil }, "\(sandbox.logTail())")
        }

        @Test(
            "MAIL_LOGTAG is what import_environment makes of it",
            arguments: [MasterUnderTest.quartermaster, .debian]
        )
        func logTag(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            try sandbox.setMain(["import_environment": "MAIL_CONFIG MAIL_LOGTAG=other"])
            try sandbox.start()
            #expect(sandbox.wait(for: " other/master["), "\(sandbox.logTail())")
            try sandbox.stop()
            try sandbox.setMain(["import_environment": "MAIL_CONFIG LANG=C"])
            try sandbox.start()
            #expect(eventually { !sandbox.processes(named: "qmgr").isEmpty })
            let pid = try #require(sandbox.processes(named: "qmgr").first).pid
            var environment = ""
            // Empty for a moment, while the kernel puts the new program in place of master's copy.
            _ = eventually {
                environment = String(
                    decoding: (try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(pid)/environ"))) ?? Data(),
                    as: UTF8.self
                )
                return environment.contains("MAIL_CONFIG=")
            }
            #expect(environment.contains("MAIL_CONFIG=") && !environment.contains("MAIL_LOGTAG="), "\(environment)")
            try sandbox.stop()
        }

        @Test(
            "a host that is ::1 in /etc/hosts is what the resolver makes of it when inet_protocols is ipv4",
            arguments: [MasterUnderTest.quartermaster, .debian]
        )
        func hostOfTheOtherFamily(_ master: MasterUnderTest) throws {
            let sandbox = try master.sandbox()
            defer { sandbox.destroy() }
            let port = try FreePort.next()
            try sandbox.install(BuiltProducts.path("wire-probe"), as: "wire-probe")
            try sandbox.addService("ip6-localhost:\(port) inet n - n - 1 wire-probe")
            // Only this master has the file as its /etc/hosts, in a mount namespace of its own.
            let hosts = sandbox.directory + "/hosts"
            try "127.0.0.1 localhost\n::1 ip6-localhost\n".write(toFile: hosts, atomically: true, encoding: .utf8)
            chmod(hosts, 0o644)
            let script = "mount --make-rprivate / && mount --bind \"$0\" /etc/hosts && exec \"$@\""
            let start = ["/usr/sbin/postfix", "-c", sandbox.configDirectory, "start"]
            let started = try run(["/usr/bin/unshare", "-m", "/bin/sh", "-c", script, hosts] + start)
            #expect(started.succeeded && sandbox.isRunning, "\(started)\n\(sandbox.logTail())")
            #expect(try Client.greeting(port: port).hasPrefix("pid "), "on 127.0.0.1: \(sandbox.logTail())")
            try sandbox.reload()
            #expect(try Client.greeting(port: port).hasPrefix("pid "), "\(sandbox.logTail())")
            #expect(sandbox.alarms == [])
            try sandbox.stop()
        }

        /// Values that Debian's `master` and ours judge differently, ours later or Debian's later.
        private static let judgedElsewhere: Set<String> = [
            // Debian's looks at inet_interfaces only for an inet service.
            "inet_interfaces=bogus", "inet_interfaces=${",
            // What is not there is found at start by Debian's.
            "daemon_directory=bogus", "data_directory=bogus", "maillog_file=bogus", "maillog_file_prefixes=bogus",
        ]

        @Test("a value of any parameter is refused by --check if Debian's master refuses it, and accepted if not")
        func everyParameter() throws {
            let sandbox = try MasterUnderTest.quartermaster.sandbox()
            defer { sandbox.destroy() }
            try sandbox.changeMasterCf { $0 = ["pickup unix n - n 60 1 pickup"] }
            let known = try run(["/usr/sbin/postconf", "-c", sandbox.configDirectory, "-d"]).output
            let names = Set(known.split(separator: "\n").map { String($0.prefix { $0 != " " }) })
            #expect(names.count > 800)
            let cases = names.flatMap { name in ["bogus", "${", ""].map { "\(name)=\($0)" } }.sorted()
            let refused = try judge(cases, sandbox, "/usr/lib/postfix/sbin/master -t")
            #expect(refused.count > 200, "Debian's master does refuse values: \(refused)")
            // The names that Debian's refuses with some value, with all values: the others ours does not look at.
            let looked = Set(refused.map { $0.prefix { $0 != "=" } })
            let mine = try judge(
                cases.filter { looked.contains($0.prefix { $0 != "=" }) || Self.judgedElsewhere.contains($0) },
                sandbox,
                "\(sandbox.daemonDirectory)/master --check"
            )
            let different = refused.symmetricDifference(mine).subtracting(Self.judgedElsewhere)
            #expect(different.isEmpty, "refused by one of the two: \(different.sorted())")
        }

        /// Runs a command with each setting added to the sandbox's main.cf; the settings for which it failed.
        private func judge(_ cases: [String], _ sandbox: PostfixSandbox, _ command: String) throws -> Set<String> {
            let list = sandbox.directory + "/cases"
            try cases.joined(separator: "\n").write(toFile: list, atomically: false, encoding: .utf8)
            // A process that refuses waits for a second before it ends: many side by side.
            let script = """
                dir=$(mktemp -d \(sandbox.directory)/case.XXXXXX) && cp \(sandbox.masterCf) "$dir" &&
                { grep -v ^config_directory \(sandbox.mainCf); printf '%s\\n' "$0"; } >"$dir/main.cf" &&
                touch -d '1 hour ago' "$dir/main.cf" "$dir/master.cf"
                export MAIL_CONFIG="$dir"
                \(command) >/dev/null 2>&1 || printf '%s\\n' "$0"
                rm -r "$dir"
                """
            let result = try run(
                [
                    "/usr/bin/xargs", "-a", list, "-d", "\\n", "-P", "48", "-n", "1", "/bin/sh", "-c", script,
                ],
                timeout: patience * 4
            )
            return Set(result.output.split(separator: "\n", omittingEmptySubsequences: true).map(String.init))
        }
    }
}
