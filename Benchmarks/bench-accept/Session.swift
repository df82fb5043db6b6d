//===----------------------------------------------------------------------===//
// Quartermaster: the runs of one call, from the first to the report
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration
import LoadReports
import SystemCalls

/// Runs the plan as often as asked, shows it meanwhile, and hands the record to every face that was asked for.
struct Session {
    private var load: Load
    private let faces: FaceOptions
    private let conditions: [FailureCondition]
    private let repeats: Int
    private var record: LoadRecord
    private var screen: Screen?

    init(_ load: Load, faces: FaceOptions, conditions: [FailureCondition], repeats: Int) {
        self.load = load
        self.faces = faces
        self.conditions = conditions
        self.repeats = repeats
        record = load.emptyRecord
        screen = Screen(isWanted: faces.live, title: load.setup.line, plan: load.plan, runs: repeats)
    }

    /// - Returns: the exit status.
    mutating func run() throws -> Int32 {
        // More clients than this allows are counted as such.
        try? raiseDescriptorLimit()
        do {
            for number in 1...repeats {
                if try runOnce(number) == .interrupted { break }
            }
        } catch {
            screen?.clear()
            complain("\(error); no report is made")
            return 1
        }
        screen?.clear()
        let areWritten = faces.show(record)
        return verdict(areWritten)
    }

    private mutating func runOnce(_ number: Int) throws(SystemError) -> Load.End {
        screen?.begin(run: number)
        // Borrowed for the length of the run.
        var screen = self.screen
        let (report, end) = try load.run { soFar, serverSeconds in
            screen?.show(soFar, serverSeconds: serverSeconds)
        }
        self.screen = screen
        record.runs.append(report)
        return end
    }

    private func verdict(_ areWritten: Bool) -> Int32 {
        for pid in load.missing {
            complain("process \(pid) ended during the load; its last CPU is not counted")
        }
        let violations = conditions.flatMap { $0.violations(in: record) }
        for violation in violations { complain(violation) }
        if record.runs.contains(where: { $0.ledger.opened == 0 && $0.seconds == 0 }) {
            complain("interrupted before anything was measured")
        }
        if !violations.isEmpty { return 2 }
        let isGood = record.runs.allSatisfy { run in
            conditions.isEmpty ? run.ledger.isClean : run.ledger.addsUp && run.ledger.answered > 0
        }
        return isGood && areWritten && !record.runs.isEmpty ? 0 : 1
    }
}

extension FaceOptions {
    func makeConditions() throws -> [FailureCondition] {
        try failIf.map { text in try reading("--fail-if") { try FailureCondition(text) } }
    }

    /// Two reports in one stream are none.
    func checkOutput() throws {
        if [json, csv, hdr, html].count(where: { $0 == "-" }) > 1 {
            throw ValidationError("only one of --json, --csv, --hdr and --html can have standard output")
        }
    }

    /// - Returns: whether everything could be written.
    func show(_ record: LoadRecord) -> Bool {
        var isGood = true
        do {
            if let json { isGood = place(try record.json(), json, "--json") && isGood }
        } catch {
            complain("--json: \(error)")
            isGood = false
        }
        if let csv { isGood = place(record.csv, csv, "--csv") && isGood }
        if let hdr { isGood = place(record.hdrLog, hdr, "--hdr") && isGood }
        if let html { isGood = place(record.html, html, "--html") && isGood }
        // Standard output belongs to the face that asked for it.
        let isTaken = [json, csv, hdr, html].contains("-")
        if !isTaken { return print(record.table, to: .standardOutput) && isGood }
        for problem in record.runs.compactMap(\.firstProblem).prefix(1) { complain("first failure: \(problem)") }
        return isGood
    }

    private func place(_ text: String, _ path: String, _ option: String) -> Bool {
        if path == "-" { return print(text, to: .standardOutput) }
        do {
            let file = try openFile(path, [.writeOnly, .create, .truncate], mode: 0o644)
            try writeAll(text, to: file.number)
            return true
        } catch {
            complain("\(option): \(path): \(error.reason); this report is not written")
            return false
        }
    }
}
