//===----------------------------------------------------------------------===//
// Quartermaster: why two records may not be comparable
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import TerminalText

extension Comparison {
    /// Two loads that are measured by turns differ on purpose.
    static func differences(_ baseline: LoadRecord, _ candidate: LoadRecord, _ order: Order) -> [String] {
        let setups = order == .byTurns ? [] : setups(baseline.setup, candidate.setup)
        return setups + machines(baseline.machine, candidate.machine)
            + troubles("baseline", baseline.runs) + troubles("candidate", candidate.runs)
    }

    private static func setups(_ old: LoadSetup, _ new: LoadSetup) -> [String] {
        let parts: [(name: String, old: String, new: String)] = [
            ("target", old.target, new.target),
            ("shape", old.shape, new.shape),
            ("preset", old.preset ?? "none", new.preset ?? "none"),
            ("clients", String(old.clients), String(new.clients)),
            ("threads", String(old.threads), String(new.threads)),
            ("intended rate", text(old.intendedRate), text(new.intendedRate)),
            ("profile", old.profile ?? "none", new.profile ?? "none"),
            ("warm-up", fixed(old.warmUpSeconds, 1) + " s", fixed(new.warmUpSeconds, 1) + " s"),
            ("closing", closing(old), closing(new)),
        ]
        return parts.filter { $0.old != $0.new }.map {
            "the setups differ: \($0.name) \(printable($0.old)) and \(printable($0.new))"
        }
    }

    private static func text(_ rate: Double?) -> String { rate.map { fixed($0, 1) } ?? "none" }

    private static func closing(_ setup: LoadSetup) -> String { setup.closesWithReset ? "reset" : "orderly" }

    private static func machines(_ old: MachineFacts, _ new: MachineFacts) -> [String] {
        old == new
            ? [] : ["the machines differ: \(old.line) and \(new.line)"]
    }

    private static func troubles(_ side: String, _ runs: [RunReport]) -> [String] {
        var troubles: [String] = []
        let failures = runs.reduce(0) { $0 + $1.ledger.errors }
        if failures > 0 {
            troubles.append("\(side): \(failures) exchanges failed; no figure of this comparison counts them")
        }
        let silent = runs.count { $0.ledger.answered == 0 }
        if silent > 0 { troubles.append("\(side): in \(silent) of \(runs.count) runs nothing was answered") }
        let torn = runs.count { !$0.ledger.addsUp }
        if torn > 0 { troubles.append("\(side): the ledger of \(torn) of its runs does not add up") }
        let limited = runs.count { $0.generator.wasTheLimit }
        if limited > 0 {
            troubles.append("\(side): in \(limited) of \(runs.count) runs the generator was the limit")
        }
        return troubles
    }
}
