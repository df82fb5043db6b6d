//===----------------------------------------------------------------------===//
// Quartermaster: one load, ready to run
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadGeneration
import LoadReports
import ProcessWatching
import SystemCalls

/// What a command line of a load came to: the plan, how a record calls it, and the server's processes to watch.
struct Load {
    let plan: LoadPlan
    let setup: LoadSetup
    private var watcher: ProcessWatcher?

    init(plan: LoadPlan, preset: Preset?, profile: String?, watcher: ProcessWatcher?) {
        self.plan = plan
        self.watcher = watcher
        setup = LoadSetup(plan, preset: preset, profile: profile)
    }

    /// Watched processes that ended during the load.
    var missing: [Int32] { watcher?.missing ?? [] }

    var emptyRecord: LoadRecord { LoadRecord(tool: programVersion, setup: setup, machine: .here, runs: []) }

    enum End {
        case regular, interrupted
    }

    /// Runs the plan once. `show` gets what was measured so far, with the server's CPU in seconds.
    mutating func run(
        _ show: (LoadSoFar, Double?) -> Void = { _, _ in }
    ) throws(SystemError) -> (report: RunReport, end: End) {
        var (server, end) = (ServerReport?.none, End.regular)
        // Borrowed for the length of the run.
        var watcher = self.watcher
        var report = try LoadRun(plan).run { news in
            switch news {
            case .measuring: watcher?.begin()
            case .interval(let soFar):
                watcher?.sample()
                show(soFar, watcher?.cpuSeconds)
            case .ended(let early):
                server = watcher?.finish()
                if early { end = .interrupted }
            }
        }
        self.watcher = watcher
        report.server = server
        return (report, end)
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
        intendedRate = profile == nil ? plan.pace?.firstRate : nil
        self.profile = profile
        warmUpSeconds = Double(plan.warmUpNanoseconds) / 1e9
        closesWithReset = plan.closesWithReset
    }
}

extension FaceOptions {
    func makeWatcher() throws -> ProcessWatcher? {
        if pid.isEmpty { return nil }
        return try reading("--pid") { try ProcessWatcher(pid) }
    }
}
