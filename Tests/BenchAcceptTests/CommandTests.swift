//===----------------------------------------------------------------------===//
// Quartermaster: the program itself: options, messages, exit status
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import Testing

@Suite("the command line")
struct CommandTests {
    /// The program beside the test program.
    private static let program =
        (((try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "") as NSString)
        .deletingLastPathComponent + "/bench-accept"

    private func bench(_ arguments: String...) throws -> (status: Int32, output: String, errors: String) {
        try run([Self.program] + arguments)
    }

    /// Runs a program to its end, or kills it after a while. `meanwhile` gets its process ID.
    private func run(
        _ command: [String],
        meanwhile: (Int32) throws -> Void = { _ in }
    ) throws -> (status: Int32, output: String, errors: String) {
        let process = Process()
        let (output, errors) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        let pid = process.processIdentifier
        let killer = DispatchWorkItem { kill(pid, SIGKILL) }
        DispatchQueue.global().asyncAfter(deadline: .now() + 120, execute: killer)
        try meanwhile(pid)
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        let complaints = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        killer.cancel()
        return (process.terminationStatus, text, complaints)
    }

    @Test("the help fits a screen and names every option")
    func help() throws {
        let help = try bench("--help")
        #expect(help.status == 0)
        let lines = help.output.split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.count <= 40)
        #expect(lines.allSatisfy { $0.count <= 80 })
        for option in ["unix", "tcp", "clients", "senders", "count", "duration", "preset", "expect-greeting", "send"] {
            #expect(help.output.contains("--\(option)"))
        }
    }

    @Test("the version")
    func version() throws {
        let version = try bench("--version")
        #expect(version.status == 0)
        #expect(version.output.hasPrefix("bench-accept "))
    }

    @Test("a run that is answered exits 0 with JSON")
    func answered() throws {
        let server = SmallServer(serve: echo)
        let run = try bench("storm", "--unix", server.path, "--preset", "echo", "--count", "100", "--json")
        #expect(run.status == 0, "\(run.errors)")
        let object = try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect(object["answered"] as? Int == 100)
        #expect((object["failed"] as? [String: Int])?.isEmpty == true)
    }

    @Test("a run with failures exits 1 and says what the first looked like")
    func failed() throws {
        let server = SmallServer(overTCP: true, serve: echo)
        let run = try bench(
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
        #expect(run.output.contains("ledger: opened 10 = answered 0 + refused 0 + wrong reply 10\n"))
    }

    @Test("nobody there: exits 1")
    func nobody() throws {
        let run = try bench("storm", "--unix", "/nonexistent/socket", "--preset", "echo", "--count", "5")
        #expect(run.status == 1)
        #expect(run.output.contains("no such socket"))
    }

    @Test("an interrupt ends a run early with a report that adds up")
    func interrupted() throws {
        let isUnderWay = DispatchSemaphore(value: 0)
        let server = SmallServer { client in
            isUnderWay.signal()
            echo(client)
        }
        // Not interrupted, it would go on for an hour, and be killed.
        let command = [Self.program, "storm", "--unix", server.path, "--preset", "echo", "--duration", "3600"]
        let run = try run(command) { process in
            #expect(isUnderWay.wait(timeout: .now() + 60) == .success)
            kill(process, SIGINT)
        }
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("ledger: opened"))
        #expect(!run.output.contains("UNACCOUNTED"))
    }

    @Test("more clients than descriptors: counted by name, and the others go on")
    func outOfDescriptors() throws {
        let server = SmallServer(serve: echo)
        let command = "ulimit -n 20; exec \(Self.program) kept --unix \(server.path) --preset echo --count 400 --json"
        let run = try run(["/bin/sh", "-c", command])
        #expect(run.status == 1)
        #expect(run.errors.contains("first failure: out of descriptors: socket: Too many open files"))
        let object = try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        #expect(object["opened"] as? Int == 400)
        let answered = try #require(object["answered"] as? Int)
        let failed = try #require(object["failed"] as? [String: Int])
        // Who got no descriptor tries again after a rest, so how many failures there are is a matter of speed.
        #expect(answered > 0 && answered < 400)
        #expect(failed == ["out of descriptors": 400 - answered])
    }

    @Test(
        "a command line that makes no sense exits 64 and says why",
        arguments: [
            (["storm", "--preset", "echo"], "give --unix or --tcp"),
            (["storm", "--unix", "/a", "--tcp", "b:1", "--preset", "echo"], "exclude each other"),
            (["dance", "--unix", "/a"], "dance"),
            (["storm", "--unix", "/a"], "nothing to say or hear"),
            (["kept", "--unix", "/a", "--expect-greeting", "hi"], "nothing to say"),
            (["storm", "--unix", "/a", "--send", "\\q"], "--send: \\q is no escape"),
            (["storm", "--unix", "/a", "--send", "a", "--expect", "a*b*"], "--expect: more than one *"),
            (["storm", "--unix", "/a", "--preset", "postlog"], "does not go with storm"),
            (["storm", "--unix", "/a", "--preset", "echo", "--senders", "2"], "use --clients"),
            (["storm", "--unix", "/a", "--preset", "echo", "--clients", "0"], "--clients wants"),
            (["storm", "--unix", "/a", "--preset", "echo", "--count", "0"], "--count wants"),
            (["storm", "--unix", "/a", "--preset", "echo", "--duration", "0"], "--duration wants"),
            (["storm", "--unix", "/a", "--preset", "echo", "--timeout", "nan"], "--timeout wants"),
            (["storm", "--unix", "/a", "--size", "70000"], "--size wants"),
            (["storm", "--unix", "/a", "--size", "7", "--send", "a"], "exclude each other"),
            (["storm", "--tcp", "127.0.0.1", "--preset", "echo"], "expected HOST:PORT"),
            (["datagrams", "--tcp", "127.0.0.1:25", "--preset", "postlog"], "give --unix"),
            (["datagrams", "--unix", "/a", "--preset", "postlog", "--clients", "2"], "use --senders"),
            (["datagrams", "--unix", "/a", "--send", "a", "--expect", "b"], "nobody replies to datagrams"),
        ]
    )
    func nonsense(arguments: [String], words: String) throws {
        let run = try run([Self.program] + arguments)
        #expect(run.status == 64)
        #expect(run.errors.contains(words), "\(run.errors)")
        #expect(run.output.isEmpty)
    }
}
