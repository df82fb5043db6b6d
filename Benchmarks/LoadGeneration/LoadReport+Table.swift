//===----------------------------------------------------------------------===//
// Quartermaster: the report for people
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

extension LoadReport {
    /// Rates, percentiles and the ledger, a line each.
    package var table: String {
        (heading + outcomes + percentiles + account).map { $0 + "\n" }.joined()
    }

    private var heading: [String] {
        let who = plan.mode == .datagrams ? "senders" : "clients"
        return ["\(plan.mode.rawValue) \(plan.target.description), \(plan.clients) \(who), \(fixed(seconds, 3)) s", ""]
    }

    private var outcomes: [String] {
        let word = plan.mode == .datagrams ? "sent" : Outcome.answered.name
        var lines = [row(word, [String(ledger[.answered]), fixed(rate, 1) + "/s"])]
        lines.append(row(Outcome.refused.name, [String(ledger[.refused])]))
        for failure in ledger.failures { lines.append(row(failure.name, [String(failure.count)])) }
        lines.append(row("connections", [String(ledger.connections)]))
        lines.append(row("queue full, retried", [String(ledger.retries)]))
        return lines
    }

    private var percentiles: [String] {
        let names = Latencies.levels.map { $0.name == "max" ? $0.name : $0.name + "%" }
        var lines = ["", row("microseconds", names), row("whole exchange", values(of: latencies))]
        if firstByteLatencies.count > 0 { lines.append(row("to the first byte", values(of: firstByteLatencies))) }
        return lines
    }

    private var account: [String] {
        var sum = "ledger: opened \(ledger.opened) = answered \(ledger[.answered]) + refused \(ledger[.refused])"
        for failure in ledger.failures { sum += " + \(failure.name) \(failure.count)" }
        if !ledger.addsUp { sum += " + UNACCOUNTED \(ledger.unaccounted)" }
        return ["", sum] + (firstProblem.map { ["first failure: \($0)"] } ?? [])
    }

    private func values(of latencies: Latencies) -> [String] {
        Latencies.levels.map { fixed(latencies.microseconds(atPercentile: $0.level), 1) }
    }

    private func row(_ title: String, _ cells: [String]) -> String {
        cells.reduce(title + padding(20 - title.utf8.count)) { $0 + padding(12 - $1.utf8.count) + $1 }
    }

    private func padding(_ width: Int) -> String { String(repeating: " ", count: max(width, 0)) }
}
