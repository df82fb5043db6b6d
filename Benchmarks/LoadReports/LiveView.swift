//===----------------------------------------------------------------------===//
// Quartermaster: the live view of a terminal
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

package import TerminalText

/// Draws a run in progress over its own last picture. It only makes the text: write it out in one piece.
package struct LiveView: Sendable {
    package var style: LiveStyle
    /// Widths of the lines on the screen now.
    private var drawn: [Int] = []

    package init(style: LiveStyle) { self.style = style }

    package mutating func redraw(_ state: LiveState) -> String {
        let lines = [
            heading(state), progress(state), rate(state), outcomes(state), percentiles(state), costs(state),
        ].filter { $0.width > 0 }
        let text = lines.map { $0.text(colors: style.hasColors) + "\u{1b}[K\n" }.joined()
        let result = home + text + "\u{1b}[J"
        drawn = lines.map(\.width)
        return style.hasUnicode ? result : result.replacing("µ", with: "u")
    }

    /// Takes the picture off the screen; what is written next stands in its place.
    package mutating func clear() -> String {
        let result = drawn.isEmpty ? "" : home + "\u{1b}[J"
        drawn = []
        return result
    }

    /// To the first line of the picture. A window that became narrower has wrapped its lines.
    private var home: String {
        if drawn.isEmpty { return "" }
        let rows = drawn.reduce(0) { $0 + max(1, ($1 + style.columns - 1) / style.columns) }
        return "\r\u{1b}[\(rows)A"
    }
}

extension LiveView {
    private func heading(_ state: LiveState) -> LiveLine {
        var line = LiveLine(columns: style.columns)
        if state.runs > 1 { line.add("run \(state.run) of \(state.runs): ", .dim) }
        line.add(printable(state.title), .bold)
        return line
    }

    private func progress(_ state: LiveState) -> LiveLine {
        var line = LiveLine(columns: style.columns)
        line.add(state.stage.rawValue, state.stage == .measuring ? .green : .yellow)
        line.add("  " + fixed(state.elapsed, 1) + (state.planned.map { " of " + fixed($0, 1) } ?? "") + " s")
        guard let progress = state.progress else { return line }
        let width = min(line.room - 10, 40)
        if width >= 8 {
            let done = Int(progress * Double(width))
            line.add("  " + String(repeating: style.hasUnicode ? "█" : "#", count: done))
            line.add(String(repeating: style.hasUnicode ? "░" : ".", count: width - done), .dim)
        }
        line.addWhole(" " + percent(progress))
        return line
    }

    private func rate(_ state: LiveState) -> LiveLine {
        var line = LiveLine(columns: style.columns)
        let overall = state.elapsed > 0 ? Double(state.ledger.answered) / state.elapsed : 0
        line.add("rate      ")
        line.add(short(state.intervals.last?.rate ?? overall) + "/s", .bold)
        line.addWhole("  mean \(short(overall))/s  ")
        let rates = state.intervals.map(\.rate)
        line.add(SparkLine.text(rates, columns: min(line.room, 60), unicode: style.hasUnicode), .green)
        return line
    }

    private func outcomes(_ state: LiveState) -> LiveLine {
        var line = LiveLine(columns: style.columns)
        let ledger = state.ledger
        line.add("answered  " + short(Double(ledger.answered)))
        line.addWhole("  refused " + short(Double(ledger.refused)), ledger.refused > 0 ? .yellow : .plain)
        line.addWhole("  failed " + short(Double(ledger.errors)), ledger.errors > 0 ? .red : .plain)
        line.addWhole("  open \(state.open)")
        for failure in ledger.failures {
            line.addWhole("  \(printable(failure.name)) \(short(Double(failure.count)))", .red)
        }
        return line
    }

    private func percentiles(_ state: LiveState) -> LiveLine {
        var line = LiveLine(columns: style.columns)
        if state.percentiles.isEmpty { return line }
        line.add("latency  ")
        for percentile in state.percentiles {
            let name = percentile.name == "max" ? "max" : percentile.name + "%"
            line.addWhole(" \(name) \(duration(percentile.nanoseconds)) ")
        }
        return line
    }

    private func costs(_ state: LiveState) -> LiveLine {
        var line = LiveLine(columns: style.columns)
        if let busiest = state.busiestThread {
            let isLimit = busiest >= GeneratorReport.limit
            line.addWhole("generator " + percent(busiest), isLimit ? .yellow : .plain)
            if isLimit { line.addWhole(" (the limit)", .yellow) }
        }
        if let microseconds = state.serverMicroseconds {
            line.addWhole((line.width > 0 ? "  " : "") + "server \(fixed(microseconds, 2)) µs per exchange")
        }
        return line
    }
}
