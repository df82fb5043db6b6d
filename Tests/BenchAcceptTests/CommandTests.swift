//===----------------------------------------------------------------------===//
// Quartermaster: the program itself: options, messages, exit status
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadReports
import TestSupport
import Testing

@Suite("the command line")
struct CommandTests {
    @Test("the help fits a screen and names every kind of load")
    func help() throws {
        let help = try Bench.run("--help")
        #expect(help.status == 0)
        let lines = help.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 40)
        #expect(lines.allSatisfy { $0.count <= 80 })
        for word in ["storm", "kept", "burst", "slow", "idle", "datagrams", "compare", "serve"] {
            #expect(help.output.contains("  \(word) "))
        }
    }

    /// What every kind of load has.
    private static let common = [
        "unix", "preset", "repeat", "threads", "timeout", "json", "csv", "hdr", "html", "live/--no-live", "fail-if",
        "pid",
    ]
    /// What some have.
    private static let special = [
        "storm": "tcp udp fifo expect-greeting send expect size method header clients count duration warm-up rate "
            + "profile sources close",
        "kept": "tcp expect-greeting send expect size method header clients count duration warm-up rate profile "
            + "sources close",
        "burst": "tcp expect-greeting send expect size method header clients sources close",
        "slow": "tcp expect-greeting send expect size method header clients count duration warm-up rate profile "
            + "dribble sources close",
        "idle": "tcp expect-greeting clients duration sources close",
        "datagrams": "udp fifo send expect size senders outstanding count duration warm-up rate profile",
    ]

    @Test("the help of a kind of load shows what applies to it, and nothing else", arguments: special.keys.sorted())
    func options(shape: String) throws {
        let help = try Bench.run(shape, "--help")
        #expect(help.status == 0)
        #expect(help.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
        let words = help.output.split(whereSeparator: { " \n".contains($0) }).filter { $0.hasPrefix("--") }
        let shown = Set(words.map { $0.dropFirst(2).prefix { $0 != "," } }.map(String.init))
        let wanted = Set(Self.common + (Self.special[shape] ?? "").split(separator: " ").map(String.init))
        // Options that other options' help mentions, and those of every program.
        let mentioned = Set(["help", "version", "help-hidden", "count", "preset"])
        #expect(shown.subtracting(mentioned) == wanted.subtracting(mentioned), "\(shape)")
        #expect(help.output.contains("TLS is not spoken"))
    }

    @Test(
        "a subcommand that does not exist is named, with the one that was meant",
        arguments: [
            ("strom", "did you mean storm?"), ("bursts", "did you mean burst?"), ("data", "did you mean datagrams?"),
            ("dance", "There are storm,"),
        ]
    )
    func misspelt(word: String, hint: String) throws {
        let run = try Bench.run(word, "--unix", "x")
        #expect(run.status == 64)
        #expect(run.errors.contains("unknown subcommand \"\(word)\"") && run.errors.contains(hint), "\(run.errors)")
    }

    @Test("a profile is told as such, not as the rate it begins with")
    func profile() throws {
        let server = SmallServer(serve: echo)
        let run = try Bench.run(
            "storm",
            "--unix",
            server.path,
            "--preset",
            "echo",
            "--count",
            "0.02k",
            "--profile",
            "ramp:0..1k/100ms"
        )
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("profile ramp:0..1k/100ms") && !run.output.contains("intended 0"), "\(run.output)")
        #expect(run.output.contains("opened 20 = answered 20"))
    }

    @Test("two loads are measured by turns, and too few rounds say so")
    func turns() throws {
        let server = SmallServer(serve: echo)
        let load = "kept --unix '\(server.path)' --preset echo --clients 2 --count 200"
        let run = try Bench.run("compare", "--run", load, "--run", "bench-accept " + load, "--rounds", "2")
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains(", 2 runs\n") && run.output.contains("verdict: too few rounds"), "\(run.output)")
    }

    @Test("nothing answers: exits 1, says what the first failure was, and compares nothing")
    func comparedWithNothing() throws {
        let server = SmallServer(serve: echo)
        let good = "kept --unix \(server.path) --preset echo --clients 1 --count 5"
        let bad = "kept --unix /nonexistent/socket --preset echo --clients 1 --count 5"
        for (loads, number) in [([bad, bad], 1), ([bad, good], 1), ([good, bad], 2)] {
            let run = try Bench.run("compare", "--run", loads[0], "--run", loads[1], "--rounds", "2", "--json")
            #expect(run.status == 1)
            #expect(
                run.errors.contains("run \(number) had no exchange that was answered: no such socket")
                    && run.errors.contains("nothing was compared"),
                "\(run.errors)"
            )
            #expect(run.output.isEmpty, "no result")
        }
    }

    @Test("a server that is half as fast is found by turns, with exit status 2")
    func slower() throws {
        let fast = SmallServer(serve: echo)
        let slow = SmallServer { client in
            while let text = hear(client) {
                usleep(2000)
                say(client, text)
            }
        }
        func load(_ server: SmallServer) -> String {
            "kept --unix \(server.path) --preset echo --clients 1 --count 25"
        }
        let run = try Bench.run("compare", "--run", load(fast), "--run", load(slow), "--rounds", "8", "--json")
        #expect(run.status == 2, "\(run.errors)")
        let comparison = try JSONDecoder().decode(Comparison.self, from: Data(run.output.utf8))
        #expect(comparison.verdict == .worse && comparison.order == .byTurns && comparison.baselineRuns == 8)
    }

    @Test("shell completions know the options", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) throws {
        let script = try Bench.run("--generate-completion-script", shell)
        #expect(script.status == 0)
        #expect(script.output.contains("datagrams") && script.output.contains("warm-up"))
    }

    @Test("the version")
    func version() throws {
        let version = try Bench.run("--version")
        #expect(version.status == 0)
        #expect(version.output.hasPrefix("bench-accept "))
    }

    @Test("a run that is answered exits 0 with JSON")
    func answered() throws {
        let server = SmallServer(serve: echo)
        let run = try Bench.run("storm", "--unix", server.path, "--preset", "echo", "--count", "100", "--json")
        #expect(run.status == 0, "\(run.errors)")
        let record = try LoadRecord(json: Array(run.output.utf8), name: "output")
        #expect(record.runs.map(\.ledger.answered) == [100])
        #expect(record.runs.allSatisfy { $0.ledger.isClean })
        #expect(record.setup.shape == "storm" && record.setup.preset == "echo" && record.setup.clients == 50)
    }

    @Test("a run with failures exits 1 and says what the first looked like")
    func failed() throws {
        let server = SmallServer(overTCP: true, serve: echo)
        let run = try Bench.run(
            "kept",
            "--tcp",
            "127.0.0.1:\(server.port)",
            "--send",
            "a\\n",
            "--expect",
            "b\\n",
            "--count",
            "10"
        )
        #expect(run.status == 1)
        #expect(run.output.contains("wrong reply"))
        #expect(run.output.contains("first failure: wrong reply, after \"a\\n\""))
        #expect(run.output.contains("opened 10 = answered 0 + refused 0 + wrong reply 10\n"))
    }

    @Test("nothing listens: exits 1")
    func noListener() throws {
        let run = try Bench.run("storm", "--unix", "/nonexistent/socket", "--preset", "echo", "--count", "5")
        #expect(run.status == 1)
        #expect(run.output.contains("no such socket"))
    }

    @Test("an interrupt ends a run early with a report that adds up", arguments: [1, 3])
    func interrupted(threads: Int) throws {
        let isUnderWay = DispatchSemaphore(value: 0)
        let server = SmallServer { client in
            isUnderWay.signal()
            echo(client)
        }
        // Not interrupted, it would go on for an hour, again and again, and be killed.
        let command = [
            Bench.program, "storm", "--unix", server.path, "--preset", "echo", "--duration", "3600", "--repeat", "3",
            "--threads", String(threads),
        ]
        let run = try Bench.run(command) { process in
            #expect(isUnderWay.wait(timeout: .now() + 300) == .success)
            kill(process, SIGINT)
        }
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("ledger: opened"))
        #expect(!run.output.contains("UNACCOUNTED"))
        #expect(!run.output.contains("run 2"))
    }

    @Test(
        "an interrupt during the warm-up: nothing was measured, and that is said",
        arguments: [[], ["--rate", "50"]]
    )
    func interruptedEarly(pace: [String]) throws {
        let isUnderWay = DispatchSemaphore(value: 0)
        let server = SmallServer { client in
            isUnderWay.signal()
            echo(client)
        }
        let command = [Bench.program, "kept", "--unix", server.path, "--preset", "echo", "--warm-up", "3600", "--json"]
        let run = try Bench.run(command + pace) { process in
            #expect(isUnderWay.wait(timeout: .now() + 300) == .success)
            kill(process, SIGINT)
        }
        #expect(run.status == 1)
        #expect(run.errors.contains("interrupted before anything was measured"))
        let record = try LoadRecord(json: Array(run.output.utf8), name: "output")
        let report = try #require(record.runs.first)
        #expect(record.runs.count == 1 && report.ledger.opened == 0 && report.ledger.addsUp)
        #expect(report.generator.userSeconds == 0 && report.generator.systemSeconds == 0)
    }

    @Test("a second interrupt abandons what is under way, by name")
    func abandoned() throws {
        let isUnderWay = DispatchSemaphore(value: 0)
        let server = SmallServer { client in
            isUnderWay.signal()
            // No client is ever answered.
            while hear(client) != nil {}
        }
        let command = [
            Bench.program, "storm", "--unix", server.path, "--preset", "echo", "--clients", "3", "--timeout", "3600",
            "--duration", "3600", "--json",
        ]
        let run = try Bench.run(command) { process in
            for _ in 0..<3 { #expect(isUnderWay.wait(timeout: .now() + 300) == .success) }
            // However often it takes: signals that come close upon each other may be one.
            for _ in 0..<200 where kill(process, 0) == 0 {
                kill(process, SIGINT)
                usleep(50_000)
                if isZombie(process) { break }
            }
        }
        #expect(run.status == 1, "\(run.errors)")
        let record = try LoadRecord(json: Array(run.output.utf8), name: "output")
        #expect(record.runs.first?.ledger.addsUp == true)
        #expect(record.runs.first?.ledger.failed == ["abandoned": 3])
    }

    /// Whether it has ended, and that was not noticed yet.
    private func isZombie(_ process: Int32) -> Bool {
        let stat = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ") Z"
        return stat.contains(") Z")
    }

    @Test("more clients than descriptors: counted by name, and the others go on")
    func outOfDescriptors() throws {
        let server = SmallServer(serve: echo)
        let command = "ulimit -n 24; exec \(Bench.program) kept --unix \(server.path) --preset echo --count 400 --json"
        let run = try Bench.run(["/bin/sh", "-c", command])
        #expect(run.status == 1)
        #expect(run.errors.contains("first failure: out of descriptors: socket: Too many open files"))
        let record = try LoadRecord(json: Array(run.output.utf8), name: "output")
        let ledger = try #require(record.runs.first?.ledger)
        #expect(ledger.opened == 400)
        // Who got no descriptor tries again after a rest, so how many failures there are is a matter of speed.
        #expect(ledger.answered > 0 && ledger.answered < 400)
        #expect(ledger.failed == ["out of descriptors": 400 - ledger.answered])
    }
}
