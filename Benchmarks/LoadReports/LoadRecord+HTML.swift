//===----------------------------------------------------------------------===//
// Quartermaster: the report as a page
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

/// One HTML file that needs nothing else: no network, no script. What a reader wants first stands first.
extension LoadRecord {
    package var html: String {
        let title = "\(setup.shape) \(setup.target)"
        return """
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8"/>
            <meta name="viewport" content="width=device-width, initial-scale=1"/>
            <title>\(Markup.escaped(title))</title>
            <style>
            \(HTML.style)</style>
            </head>
            <body>
            <h1>\(Markup.escaped(title))</h1>
            \(setupList)\(overview)\(rateFigure)\(runSections)</body>
            </html>

            """
    }

    private var setupList: String {
        var pairs = [("setup", setup.line), ("machine", machine.line), ("measured by", tool)]
        if let first = runs.first { pairs.append(("began", utc(first.startedAt))) }
        return HTML.list(pairs)
    }

    private var overview: String {
        let hasServer = runs.contains { $0.server != nil }
        var header = [
            "run", setup.isDatagrams ? "sent" : "answered", "per second", "50%", "99%", "99.9%", "max", "failed",
        ]
        header.append("refused")
        if hasServer { header.append("server CPU") }
        let rows = runs.enumerated().map { index, run in row(index, run) + (hasServer ? [cpu(run)] : []) }
        return "<h2>Runs</h2>\n" + HTML.table(header: header, rows: rows)
    }

    private func row(_ index: Int, _ run: RunReport) -> [String] {
        let latencies = [50, 99, 99.9, 100].map { level in
            run.phase(.total)?.text(atPercentile: level) ?? "-"
        }
        return [String(index + 1), String(run.ledger.answered), fixed(run.rate, 1)] + latencies
            + [String(run.ledger.errors), String(run.ledger.refused)]
    }

    private func cpu(_ run: RunReport) -> String { run.serverMicroseconds.map { fixed($0, 2) + " µs" } ?? "-" }

    private var rateFigure: String {
        rateChart.map { HTML.figure($0, caption: setup.isDatagrams ? "Datagrams sent" : "Answered exchanges") } ?? ""
    }

    private var runSections: String {
        runs.enumerated().map { index, run in
            (runs.count > 1 ? "<h2>Run \(index + 1)</h2>\n" : "<h2>Latency</h2>\n") + run.html
        }.joined()
    }
}

extension RunReport {
    fileprivate var html: String {
        let warnings = notes.map { "<p class=\"warning\">\(Markup.escaped($0))</p>\n" }.joined()
        let curve = percentileChart.map {
            HTML.figure($0, caption: "By percentile: each step to the right is ten times as rare")
        }
        let time = timeChart.map { HTML.figure($0, caption: "Whole exchange over time") }
        return warnings + percentileTable + (curve ?? "") + (time ?? "") + outcomeTable + costList
    }

    private var percentileTable: String {
        let occurred = phases.filter { $0.count > 0 }
        if occurred.isEmpty { return "<p>Nothing was answered.</p>\n" }
        let rows = occurred.map { phase in
            [phase.title] + PercentileLevel.shown.map { phase.text(atPercentile: $0.level) }
        }
        let names = PercentileLevel.shown.map { $0.name == "max" ? $0.name : $0.name + "%" }
        return HTML.table(header: ["phase"] + names, rows: rows)
    }

    private var outcomeTable: String {
        let failures = ledger.failures.map { [$0.name, String($0.count), share($0.count)] }
        let rows =
            [["answered", String(ledger.answered), share(ledger.answered)]]
            + [["refused", String(ledger.refused), share(ledger.refused)]] + failures
        return HTML.table(header: ["outcome", "exchanges", "share"], rows: rows)
            + "<p><code>\(Markup.escaped(ledger.account))</code></p>\n"
    }

    private func share(_ count: Int) -> String {
        ledger.opened > 0 ? fixed(Double(count) / Double(ledger.opened) * 100, 3) + " %" : "-"
    }

    private var costList: String {
        var pairs = [
            ("seconds", fixed(seconds, 3)), ("connections", String(ledger.connections)),
            ("queue full, retried", String(ledger.retries)), ("generator", generator.line),
        ]
        if let server {
            pairs.append(("server CPU", server.cpuLine))
            pairs.append(("server processes", server.memoryLine))
            if let clock = server.cpuClock { pairs.append(("CPU read from", clock)) }
        }
        return HTML.list(pairs)
    }
}
