//===----------------------------------------------------------------------===//
// Quartermaster: the terminal while a run is under way
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import Foundation
import Glibc
import LoadGeneration
import LoadReports
import SystemCalls
import TerminalText

/// Draws the live view on standard error, where it does not mix with a report on standard output.
struct Screen {
    private var view: LiveView
    private var state: LiveState
    private let plan: LoadPlan

    /// Nil: there is no terminal. `isWanted`: what the command line says; nil when it says nothing.
    init?(isWanted: Bool?, title: String, plan: LoadPlan, runs: Int) {
        let environment = ProcessInfo.processInfo.environment
        let isTerminal = DescriptorNumber.standardError.isTerminal
        if isWanted == false { return nil }
        guard let style = LiveStyle(isTerminal: isTerminal, environment: environment, columns: Self.columns) else {
            return nil
        }
        view = LiveView(style: style)
        state = LiveState(title: title)
        state.runs = runs
        self.plan = plan
    }

    /// What the terminal says of its width.
    private static var columns: Int? {
        var size = winsize()
        // The one call that knows fills in a C struct.
        guard unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 else { return nil }
        return Int(size.ws_col)
    }

    mutating func begin(run: Int) {
        state.run = run
        state.stage = plan.warmUpNanoseconds > 0 ? .warmUp : .measuring
        state.elapsed = 0
        state.planned = plan.warmUpNanoseconds > 0 ? Double(plan.warmUpNanoseconds) / 1e9 : planned
        state.plannedExchanges = plan.limit.exchanges == .max ? nil : plan.limit.exchanges
        state.intervals = []
        state.percentiles = []
        state.ledger = LoadSoFar().ledger
        state.open = 0
        (state.busiestThread, state.serverMicroseconds) = (nil, nil)
        redraw()
    }

    private var planned: Double? {
        plan.limit.nanoseconds == .max ? nil : Double(plan.limit.nanoseconds) / 1e9
    }

    mutating func show(_ soFar: LoadSoFar, serverSeconds: Double?) {
        state.stage = soFar.isDraining ? .draining : .measuring
        state.elapsed = soFar.intervals.last?.at ?? 0
        state.planned = planned
        state.ledger = soFar.ledger
        state.open = soFar.intervals.last?.open ?? 0
        state.intervals = soFar.intervals
        let percentiles = soFar.total.percentiles
        state.percentiles = [
            ("50", percentiles.p50), ("90", percentiles.p90), ("99", percentiles.p99), ("99.9", percentiles.p999),
            ("max", percentiles.max),
        ].compactMap { name, value in value.map { LivePercentile(name: name, nanoseconds: $0) } }
        state.busiestThread = soFar.busiestThread
        let answered = Double(soFar.ledger.answered)
        state.serverMicroseconds = answered > 0 ? serverSeconds.map { $0 * 1e6 / answered } : nil
        redraw()
    }

    private mutating func redraw() { _ = print(view.redraw(state), to: .standardError) }

    mutating func clear() { _ = print(view.clear(), to: .standardError) }
}
