//===----------------------------------------------------------------------===//
// Quartermaster: two loads by turns, or two records side by side
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadReports
import SystemCalls

struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures two loads by turns and says whether they differ.",
        discussion: """
            bench-accept compare --run 'kept --unix /run/old --preset echo'
                                 --run 'kept --unix /run/new --preset echo'
            The first --run is the baseline. Who comes first is drawn by lot in
            each round. Two files that --json wrote are put side by side, without
            a verdict: what the machine did in between cannot be told apart.
            """
    )

    @Option(name: .customLong("run"), help: ArgumentHelp("A load as on a command line; twice.", valueName: "load"))
    var loads: [String] = []

    @Option(help: ArgumentHelp("Runs of each, 1 to 200 (default: 12).", valueName: "number"))
    var rounds: Quantity?

    @Argument(help: ArgumentHelp("Two records that --json wrote.", valueName: "file"), completion: .file())
    var files: [String] = []

    @Option(help: ArgumentHelp("The smallest change worth a verdict, such as 5.", valueName: "percent"))
    var minimumEffect: Double?

    @Option(help: ArgumentHelp("Write the result as JSON; - prints it.", valueName: "file"), completion: .file())
    var json: String?

    func run() throws {
        let comparison: Comparison
        do {
            comparison = try compare()
            if let json { try place(comparison.json(), json) }
            if json != "-" { try place(comparison.table, "-") }
        } catch let error as ValidationError {
            throw refusal(error, of: "compare")
        } catch {
            complain("\(error)")
            throw ExitCode.failure
        }
        if comparison.exitStatus != 0 { throw ExitCode(comparison.exitStatus) }
    }

    private func compare() throws -> Comparison {
        if let minimumEffect, !(0...1000).contains(minimumEffect) {
            throw ValidationError("--minimum-effect wants percent, from 0 to 1000")
        }
        let effect = minimumEffect.map { $0 / 100 }
        switch (loads.count, files.count) {
        case (2, 0):
            let count = try rounds?.count("--rounds", 1...200) ?? 12
            var turns = Turns(try TurnLoad(loads[0]).load, try TurnLoad(loads[1]).load, rounds: count)
            let (baseline, candidate) = try turns.measure()
            return Comparison(baseline: baseline, candidate: candidate, order: .byTurns, minimumEffect: effect)
        case (0, 2):
            if rounds != nil { throw ValidationError("--rounds is for --run") }
            let (baseline, candidate) = (try record(files[0]), try record(files[1]))
            return Comparison(baseline: baseline, candidate: candidate, order: .apart, minimumEffect: effect)
        default: throw ValidationError("give --run twice, baseline and candidate, or two files")
        }
    }

    private func record(_ path: String) throws -> LoadRecord {
        let bytes: [UInt8]
        do {
            bytes = try readFile(path).bytes
        } catch {
            throw Unreadable(description: "\(path): \(error.reason); nothing is compared")
        }
        return try LoadRecord(json: bytes, name: path)
    }

    private func place(_ text: String, _ path: String) throws {
        do {
            if path == "-" { return try writeAll(text, to: .standardOutput) }
            let file = try openFile(path, [.writeOnly, .create, .truncate], mode: 0o644)
            try writeAll(text, to: file.number)
        } catch {
            let place = path == "-" ? "standard output" : path
            throw Unreadable(description: "\(place): \(error.reason); the comparison is not written")
        }
    }

    private struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }
}
