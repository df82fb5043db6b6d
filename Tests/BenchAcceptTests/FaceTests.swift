//===----------------------------------------------------------------------===//
// Quartermaster: what the program shows, writes and compares
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadReports
import TestSupport
import Testing

@Suite("faces")
struct FaceTests {
    @Test("every face is written, and several runs make one record")
    func faces() throws {
        let directory = try TemporaryDirectory()
        let server = SmallServer(serve: echo)
        func file(_ name: String) -> String { directory.path + "/" + name }
        let run = try Bench.run(
            "storm",
            "--unix",
            server.path,
            "--preset",
            "echo",
            "--count",
            "60",
            "--repeat",
            "3",
            "--threads",
            "2",
            "--json",
            file("j"),
            "--csv",
            file("c"),
            "--hdr",
            file("h"),
            "--html",
            file("w"),
            "--no-live"
        )
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.output.contains("opened 60 = answered 60"))
        let record = try LoadRecord(json: Array(try Data(contentsOf: URL(fileURLWithPath: file("j")))), name: "j")
        #expect(record.runs.map(\.ledger.answered) == [60, 60, 60])
        #expect(record.setup.threads == 2)
        for (name, word) in [("c", "answered"), ("h", "Interval"), ("w", "</html>")] {
            #expect(try String(contentsOfFile: file(name), encoding: .utf8).contains(word))
        }
        let comparison = try Bench.run("compare", file("j"), file("j"))
        #expect(comparison.status == 0, "\(comparison.errors)")
        #expect(comparison.output.contains("not measured by turns"))
    }

    @Test("a report that cannot be written is said, and the others are made")
    func unwritable() throws {
        let server = SmallServer(serve: echo)
        let run = try Bench.run(
            "storm",
            "--unix",
            server.path,
            "--preset",
            "echo",
            "--count",
            "5",
            "--csv",
            "/nonexistent/c"
        )
        #expect(run.status == 1)
        #expect(run.errors.contains("--csv: /nonexistent/c: No such file"))
        #expect(run.output.contains("answered 5"))
    }

    @Test("a condition that holds exits 2, one that does not lets failures pass")
    func conditions() throws {
        let server = SmallServer(serve: echo)
        let words = ["storm", "--unix", server.path, "--count", "10", "--send", "a"]
        let program = [Bench.program] + words
        let held = try Bench.run(program + ["--expect", "a", "--fail-if", "rate>0"])
        #expect(held.status == 2)
        #expect(held.errors.contains("rate>0"))
        #expect(try Bench.run(program + ["--expect", "a", "--fail-if", "errors>0"]).status == 0)
        #expect(try Bench.run(program + ["--expect", "b", "--fail-if", "errors>0"]).status == 2)
        #expect(
            try Bench.run(program + ["--expect", "b", "--fail-if", "errors>10"]).status == 1,
            "no client was answered"
        )
    }

    @Test("a record that is none is not compared")
    func noRecord() throws {
        let comparison = try Bench.run("compare", "/nonexistent/a", "/nonexistent/b")
        #expect(comparison.status == 1)
        #expect(comparison.errors.contains("/nonexistent/a: No such file"))
    }

    @Test("the server's CPU is told, and a process that is not there is refused")
    func watching() throws {
        let directory = try TemporaryDirectory()
        let server = try Served("--unix", directory.path + "/s")
        let file = directory.path + "/record"
        let run = try Bench.run(
            "kept",
            "--unix",
            directory.path + "/s",
            "--preset",
            "echo",
            "--count",
            "20000",
            "--pid",
            String(server.pid),
            "--json",
            file
        )
        #expect(run.status == 0, "\(run.errors)")
        let record = try LoadRecord(json: Array(try Data(contentsOf: URL(fileURLWithPath: file))), name: "j")
        let watched = try #require(record.runs.first?.server)
        #expect(watched.processes == 1)
        let named = try #require(watched.named?.first)
        #expect(named.pid == server.pid && abs(named.cpuSeconds - watched.userSeconds - watched.systemSeconds) < 0.02)
        #expect(watched.userSeconds + watched.systemSeconds > 0)
        #expect(watched.residentBytes > 100_000)
        let refused = try Bench.run("kept", "--unix", "/a", "--preset", "echo", "--pid", "999999999")
        #expect(refused.status == 64)
        #expect(refused.errors.contains("--pid: process 999999999: there is no such process"))
    }
}
