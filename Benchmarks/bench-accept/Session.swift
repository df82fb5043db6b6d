//===----------------------------------------------------------------------===//
// Quartermaster: the runs of one call, from the first to the report
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration
import LoadReports
import ProcessWatching
import SystemCalls

/// Runs the plan as often as asked, shows it meanwhile, and hands the record to every face that was asked for.
struct Session {
    private let options: LoadOptions
    private let plan: LoadPlan
    private let conditions: [FailureCondition]
    private var record: LoadRecord
    private var watcher: ProcessWatcher?
    private var screen: Screen?

    init(_ options: LoadOptions, plan: LoadPlan) throws {
        self.options = options
        self.plan = plan
        conditions = try options.faces.makeConditions()
        let setup = LoadSetup(plan, preset: options.words.preset, profile: options.amount.profile)
        record = LoadRecord(tool: programVersion, setup: setup, machine: .here, runs: [])
        screen = Screen(isWanted: options.faces.live, title: setup.line, plan: plan, runs: options.repeats)
        if !options.faces.pid.isEmpty {
            do {
                watcher = try ProcessWatcher(options.faces.pid)
            } catch {
                throw ValidationError("--pid: \(error)")
            }
        }
    }

    /// - Returns: the exit status.
    mutating func run() throws -> Int32 {
        // More clients than this allows are counted as such.
        try? raiseDescriptorLimit()
        do {
            for number in 1...options.repeats {
                if try runOnce(number) { break }
            }
        } catch {
            screen?.clear()
            complain("\(error); no report is made")
            return 1
        }
        screen?.clear()
        let areWritten = options.faces.show(record)
        return verdict(areWritten)
    }

    /// - Returns: whether somebody wants no more.
    private mutating func runOnce(_ number: Int) throws(SystemError) -> Bool {
        screen?.begin(run: number)
        var (server, isInterrupted) = (ServerReport?.none, false)
        // Borrowed for the length of the run.
        var (watcher, screen) = (self.watcher, self.screen)
        var report = try LoadRun(plan).run { news in
            switch news {
            case .measuring: watcher?.begin()
            case .interval(let soFar):
                watcher?.sample()
                screen?.show(soFar, serverSeconds: watcher?.cpuSeconds)
            case .ended(let early):
                server = watcher?.finish()
                isInterrupted = early
            }
        }
        (self.watcher, self.screen) = (watcher, screen)
        report.server = server
        record.runs.append(report)
        return isInterrupted
    }

    private func verdict(_ areWritten: Bool) -> Int32 {
        for pid in watcher?.missing ?? [] {
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

extension LoadSetup {
    init(_ plan: LoadPlan, preset: Preset?, profile: String?) {
        self.init(
            target: plan.target.description,
            shape: plan.shape.rawValue,
            preset: preset?.rawValue,
            clients: plan.clients,
            threads: plan.threads
        )
        intendedRate = plan.pace?.firstRate
        self.profile = profile
        warmUpSeconds = Double(plan.warmUpNanoseconds) / 1e9
        closesWithReset = plan.closesWithReset
    }
}
