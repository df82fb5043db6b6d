//===----------------------------------------------------------------------===//
// Quartermaster: one run for people
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

extension RunReport {
    /// Outcomes, phases by percentiles, and what it cost. Datagrams are sent, not answered.
    func details(sending: Bool) -> [String] {
        outcomes(sending: sending) + percentiles + [""] + costs
    }

    private func outcomes(sending: Bool) -> [String] {
        let word = sending ? "sent" : "answered"
        var lines = [TableRow.text(word, [String(ledger.answered), fixed(rate, 1) + "/s"])]
        lines.append(TableRow.text("refused", [String(ledger.refused)]))
        for failure in ledger.failures {
            lines.append(TableRow.text(printable(failure.name), [String(failure.count)]))
        }
        lines.append(TableRow.text("connections", [String(ledger.connections)]))
        lines.append(TableRow.text("queue full, retried", [String(ledger.retries)]))
        if let strays = ledger.strays {
            lines.append(TableRow.text("late replies", [String(strays.late)]))
            lines.append(TableRow.text("duplicate replies", [String(strays.duplicate)]))
            lines.append(TableRow.text("unexpected replies", [String(strays.unexpected)]))
        }
        return lines + [TableRow.text("seconds", [fixed(seconds, 3)])]
    }

    private var percentiles: [String] {
        let occurred = phases.filter { $0.count > 0 }
        if occurred.isEmpty { return [] }
        let names = PercentileLevel.shown.map { $0.name == "max" ? $0.name : $0.name + "%" }
        return ["", TableRow.text("time", names)]
            + occurred.map { phase in
                TableRow.text(phase.title, PercentileLevel.shown.map { phase.text(atPercentile: $0.level) })
            }
    }

    private var costs: [String] {
        var lines = ["generator: \(generator.line)" + (generatorMicroseconds.map(perExchange) ?? "")]
        if let server {
            lines.append("server: \(server.cpuLine)" + (serverMicroseconds.map(perExchange) ?? ""))
            lines.append("server: \(server.memoryLine)")
        }
        return lines
    }

    private func perExchange(_ microseconds: Double) -> String { ", \(fixed(microseconds, 2)) µs per exchange" }

    /// What a reader must know before believing the figures.
    package var notes: [String] {
        var notes: [String] = []
        if let firstProblem { notes.append("first failure: \(printable(firstProblem))") }
        if generator.wasTheLimit {
            notes.append(
                "warning: the generator was the limit (busiest thread \(percent(generator.busiestThread))): the "
                    + "server can do more; give --threads, or judge by the server's CPU per exchange (--pid)"
            )
        }
        if let lateness = generator.lateness { notes.append(lateness) }
        if let unreadable = server?.unreadable, unreadable > 0 {
            notes.append(
                "warning: the memory of \(unreadable) server processes could not be read: the sums are too low; "
                    + "run as their user or as root"
            )
        }
        return notes
    }
}

extension GeneratorReport {
    /// Why exchanges of an open loop began late, and what helps.
    fileprivate var lateness: String? {
        if lateStarts == 0 { return nil }
        let late = "warning: \(lateStarts) exchanges began late: their wait counts, from the intended start; "
        if lateForClients == 0 {
            return late
                + "a client was free each time, the generator's thread was not: give more --threads, or a processor"
        }
        return late + "\(lateForClients) of them found no free client: give more --clients for this rate"
            + " (of datagrams: --senders or --outstanding)"
    }

    var line: String {
        "\(fixed(userSeconds, 2)) s user + \(fixed(systemSeconds, 2)) s system, "
            + "busiest thread \(percent(busiestThread))"
    }
}

extension ServerReport {
    var cpuLine: String { "\(fixed(userSeconds, 2)) s user + \(fixed(systemSeconds, 2)) s system" }

    var memoryLine: String {
        "\(processes) process\(processes == 1 ? "" : "es"), resident \(size(residentBytes)), "
            + "proportional \(size(proportionalBytes)), private \(size(privateBytes)); "
            + "switches \(voluntarySwitches) voluntary, \(involuntarySwitches) involuntary"
    }
}

func percent(_ share: Double) -> String { fixed(share * 100, 0) + " %" }
