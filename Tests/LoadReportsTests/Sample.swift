//===----------------------------------------------------------------------===//
// Quartermaster: records to make reports of
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import LoadReports
import Testing

enum Sample {
    static let machine = MachineFacts(kernel: "Linux 6.1.0", processor: "Example 3000", processors: 2)

    static func record(_ runs: [RunReport]) -> LoadRecord {
        var setup = LoadSetup(target: "tcp 127.0.0.1:2525", shape: "storm", preset: "smtp", clients: 50, threads: 2)
        setup.warmUpSeconds = 1
        return LoadRecord(tool: "bench-accept 0.1.0", setup: setup, machine: machine, runs: runs)
    }

    /// `rate` answers a second for two seconds, latencies in proportion to `scale`.
    static func run(rate: Int = 1000, scale: Int64 = 1, failed: [String: Int] = [:], server: Double? = 0.2) -> RunReport
    {
        let answered = rate * 2
        let errors = failed.values.reduce(0, +)
        return RunReport(
            startedAt: 1_700_000_000.25,
            seconds: 2,
            ledger: LedgerReport(
                opened: answered + 3 + errors,
                connections: answered + 3,
                answered: answered,
                refused: 3,
                failed: failed,
                retries: 7
            ),
            phases: [
                phase(.connect, [10_000 * scale: answered]),
                phase(
                    .total,
                    [
                        100_000 * scale: answered - answered / 10, 200_000 * scale: answered / 10 - 1,
                        5_000_000 * scale: 1,
                    ]
                ),
            ],
            timeline: [interval(at: 1, rate, scale), interval(at: 2, rate, scale)],
            generator: GeneratorReport(userSeconds: 0.5, systemSeconds: 0.25, busiestThread: 0.4),
            server: server.map { serverReport($0) },
            firstProblem: errors > 0 ? "reset, after \"220 mx1\r\n\"" : nil
        )
    }

    static func serverReport(_ seconds: Double) -> ServerReport {
        ServerReport(
            userSeconds: seconds / 4,
            systemSeconds: seconds * 3 / 4,
            voluntarySwitches: 120,
            involuntarySwitches: 4,
            processes: 3,
            residentBytes: 30 << 20,
            proportionalBytes: 12 << 20,
            privateBytes: 9 << 20,
            cpuClock: "stat, clock ticks of 10 ms",
            unreadable: 0,
            named: [NamedProcess(pid: 4711, cpuSeconds: seconds / 2)]
        )
    }

    static func phase(_ name: PhaseReport.Name, _ counts: [Int64: Int]) -> PhaseReport {
        let buckets = counts.sorted { $0.key < $1.key }.map { PhaseReport.Bucket(nanoseconds: $0.key, count: $0.value) }
        let total = counts.values.reduce(0, +)
        let sum = counts.reduce(0.0) { $0 + Double($1.key) * Double($1.value) }
        return PhaseReport(
            name: name,
            buckets: buckets,
            minimum: buckets.first?.nanoseconds ?? 0,
            maximum: buckets.last?.nanoseconds ?? 0,
            mean: total > 0 ? sum / Double(total) : 0
        )
    }

    static func interval(at: Double, _ rate: Int, _ scale: Int64) -> IntervalReport {
        IntervalReport(
            at: at,
            seconds: 1,
            answered: rate,
            refused: 1,
            failed: 0,
            percentiles: Percentiles(count: rate) { level in
                level == 100 ? 5_000_000 * scale : level >= 99 ? 200_000 * scale : 100_000 * scale
            },
            open: 50
        )
    }

    /// A run in which nothing happened.
    static var emptyRun: RunReport {
        RunReport(
            startedAt: 0,
            seconds: 0,
            ledger: LedgerReport(opened: 0, connections: 0, answered: 0, refused: 0),
            phases: [],
            generator: GeneratorReport(userSeconds: 0, systemSeconds: 0, busiestThread: 0)
        )
    }

    /// Names that try to break out of the report.
    static var hostile: LoadRecord {
        var run = run(failed: ["a \"b\", <c>\u{1b}[2J\n": 2])
        run.firstProblem = "]]></script><!-- & \u{0}"
        var record = record([run])
        record.setup.target = "unix /tmp/a \"b\", 'c' & <d>\r\n\u{1b}]0;x\u{7}"
        record.machine.processor = "</style><svg>"
        record.tool = "b\n#[x"
        return record
    }

    /// As large as the checks let through.
    static var huge: LoadRecord {
        var run = run(server: 1e9)
        run.startedAt = 1e12
        run.seconds = 1e9
        run.ledger = LedgerReport(opened: 1 << 51, connections: 1 << 51, answered: 1 << 51, refused: 0)
        run.phases = [phase(.total, [1: 1 << 51, Int64.max: 1 << 51])]
        run.timeline = [interval(at: 1e9, 1 << 51, 1_000_000_000_000)]
        return record([run])
    }
}

enum Golden {
    private static let directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "Golden"
    )

    /// With QM_GOLDEN_UPDATE set, writes what was found instead of comparing.
    static func expect(_ found: String, equals name: String) throws {
        let url = directory.appendingPathComponent(name)
        if ProcessInfo.processInfo.environment["QM_GOLDEN_UPDATE"] != nil { try Data(found.utf8).write(to: url) }
        let wanted = try String(contentsOf: url, encoding: .utf8)
        let differing = zip(found.split(separator: "\n"), wanted.split(separator: "\n")).first { $0 != $1 }
        #expect(found == wanted, "first difference: \(String(describing: differing))")
    }
}
