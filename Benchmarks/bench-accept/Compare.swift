//===----------------------------------------------------------------------===//
// Quartermaster: two records side by side
// SPDX-License-Identifier: Apache-2.0
//===----------------------------------------------------------------------===//

import ArgumentParser
import LoadReports
import SystemCalls

struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Says what changed between two records, and whether it is more than noise."
    )

    @Argument(help: ArgumentHelp("A record that --json wrote.", valueName: "baseline"), completion: .file())
    var baseline: String

    @Argument(help: ArgumentHelp("A later one.", valueName: "candidate"), completion: .file())
    var candidate: String

    @Option(help: ArgumentHelp("The smallest change worth a verdict, such as 5.", valueName: "percent"))
    var minimumEffect: Double?

    @Option(help: ArgumentHelp("Write the result as JSON; - prints it.", valueName: "file"), completion: .file())
    var json: String?

    func validate() throws {
        if let minimumEffect, !(0...1000).contains(minimumEffect) {
            throw ValidationError("--minimum-effect wants percent, from 0 to 1000")
        }
    }

    func run() throws {
        let comparison: Comparison
        do {
            comparison = Comparison(
                baseline: try record(baseline),
                candidate: try record(candidate),
                minimumEffect: minimumEffect.map { $0 / 100 }
            )
            if let json { try place(comparison.json(), json) }
        } catch {
            complain("\(error)")
            throw ExitCode.failure
        }
        if json != "-" { _ = print(comparison.table, to: .standardOutput) }
        if comparison.exitStatus != 0 { throw ExitCode(comparison.exitStatus) }
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
        if path == "-" { return _ = print(text, to: .standardOutput) }
        do {
            let file = try openFile(path, [.writeOnly, .create, .truncate], mode: 0o644)
            try writeAll(text, to: file.number)
        } catch {
            throw Unreadable(description: "\(path): \(error.reason); the comparison is not written")
        }
    }

    private struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }
}
