//===----------------------------------------------------------------------===//
// Quartermaster: two loads measured by turns
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import ByteText
import LoadGeneration
import LoadReports
import SystemCalls
import TerminalText

/// A load that is written as one argument of `compare`.
struct TurnLoad {
    let load: Load

    init(_ text: String) throws {
        do {
            load = try Self.parse(try ShellWords.split(text))
        } catch let error as ValidationError {
            throw ValidationError("--run '\(printable(text))': \(error.message)")
        }
    }

    private static func parse(_ words: [String]) throws -> Load {
        let words = words.first == "bench-accept" ? Array(words.dropFirst()) : words
        try checkKind(words.first ?? "")
        let command: any ParsableCommand
        do {
            command = try BenchAccept.parseAsRoot(BenchAccept.spelledOut(words))
        } catch {
            throw ValidationError(BenchAccept.message(for: error))
        }
        guard let command = command as? any LoadCommand else { throw noLoad }
        let faces = command.faces
        if faces.json != nil || faces.csv != nil || faces.hdr != nil || faces.html != nil || !faces.failIf.isEmpty {
            throw ValidationError("a load of compare makes no report of its own: leave out --json, --csv and the like")
        }
        // Many short runs see more of the machine's moods than few long ones.
        return try command.makeLoad(usualSeconds: 1)
    }

    private static let noLoad = ValidationError("a load begins with storm, kept, burst, slow, idle or datagrams")

    /// Without a kind that exists, complaints would be about the options behind it.
    private static func checkKind(_ word: String) throws {
        let kinds = LoadShape.allCases.map(\.rawValue)
        if kinds.contains(word) { return }
        guard let meant = EditDistance.likelyName(for: word, among: kinds) else { throw noLoad }
        throw ValidationError("there is no load \"\(printable(word))\"; did you mean \(meant)?")
    }
}

/// Runs two loads round by round, and draws by lot who comes first: what the machine does meanwhile meets both alike.
struct Turns {
    private var loads: [Load]
    private let rounds: Int

    init(_ baseline: Load, _ candidate: Load, rounds: Int) {
        loads = [baseline, candidate]
        self.rounds = rounds
    }

    private struct Interrupted: Error {}

    /// The run that is not counted had no answer: there is nothing to compare.
    private struct NothingAnswered: Error, CustomStringConvertible {
        let run: Int
        let problem: String?

        var description: String {
            "run \(run) had no exchange that was answered" + (problem.map { ": \($0)" } ?? "")
                + "; nothing was compared"
        }
    }

    /// A run of each that is not counted, then the rounds. An interrupt leaves the rounds that are complete.
    mutating func measure() throws -> (baseline: LoadRecord, candidate: LoadRecord) {
        try? raiseDescriptorLimit()
        var records = loads.map(\.emptyRecord)
        do {
            for side in loads.indices {
                let report = try runOnce(side)
                if report.ledger.answered == 0 { throw NothingAnswered(run: side + 1, problem: report.firstProblem) }
            }
            for round in 1...rounds {
                tell("round \(round) of \(rounds)")
                let order = Bool.random() ? [0, 1] : [1, 0]
                var reports: [Int: RunReport] = [:]
                for side in order { reports[side] = try runOnce(side) }
                for side in loads.indices { records[side].runs += [reports[side]].compactMap(\.self) }
            }
        } catch is Interrupted {
            complain("interrupted: \(records[0].runs.count) of \(rounds) rounds are complete")
        }
        return (records[0], records[1])
    }

    private mutating func runOnce(_ side: Int) throws -> RunReport {
        let (report, end) = try loads[side].run()
        if end == .interrupted { throw Interrupted() }
        return report
    }

    private func tell(_ text: String) {
        if DescriptorNumber.standardError.isTerminal { complain(text) }
    }
}
